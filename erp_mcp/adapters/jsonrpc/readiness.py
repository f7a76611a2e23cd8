"""What the account that writes can do before anything is written: rights, and whether our reference can be searched."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from erp_mcp.adapters.jsonrpc.amendment import AMENDMENT
from erp_mcp.adapters.jsonrpc.delivery_date import MOVE, PURCHASE_LINE
from erp_mcp.adapters.jsonrpc.production_dates import PRODUCTION
from erp_mcp.adapters.jsonrpc.purchase_order import ORDER, ORDER_LINE
from erp_mcp.adapters.jsonrpc.recipes import (
    AmendmentRecipe,
    DateRecipe,
    OrderDatesRecipe,
    OrderRecipe,
    Recipe,
    SourcePriceRecipe,
)
from erp_mcp.adapters.jsonrpc.requisition import HEAD
from erp_mcp.adapters.jsonrpc.rows import Row
from erp_mcp.adapters.jsonrpc.source_price import PRICE, SOURCE
from erp_mcp.adapters.jsonrpc.wire import Decoded
from erp_mcp.adapters.jsonrpc.write_session import Account, WriteSession
from erp_mcp.errors import BadAnswerError

_MAX_MODELS: Final = 5000
_MODES: Final = ("write", "create", "delete")
_OWN: Final = ("ir.", "res.")  # models of the framework itself, where each user keeps settings of their own
_NEEDED: Final = frozenset(
    {
        (MOVE, "write"),
        (HEAD, "create"),
        (f"{HEAD}.line", "create"),
        (PRODUCTION, "write"),
        (ORDER, "create"),
        (ORDER_LINE, "create"),
        (SOURCE, "write"),
        (PRICE, "write"),
        *((f"{order}.{AMENDMENT}{part}", "create") for order in ("purchase", "sale") for part in ("", ".line")),
    }
)
_NOWHERE: Final = "R00000000000"  # no proposal has this reference: its check character is right, its number is not
_SHOWN: Final = 12
_STAMPED: Final = "verified: a time stamp that was read must still hold"

Rights = Mapping[str, Mapping[str, bool]]


async def of(session: WriteSession, recipes: Mapping[str, Recipe], *, system: str) -> dict[str, str]:
    """Return per operation whether it can be done and how its contract is kept, and under `may also` what is more.

    Raises:
        SystemUnreachableError, SystemTimeoutError, BadAnswerError, SystemRefusedError: it can't be said now.
    """
    account = await session.account()
    rights = await _rights(session, system)
    told: dict[str, str] = {}
    for name, recipe in recipes.items():
        if isinstance(recipe, DateRecipe):
            told[name] = _dates(recipe, rights)
            continue
        if isinstance(recipe, OrderDatesRecipe):
            told[name] = _order_dates(rights)
            continue
        if isinstance(recipe, SourcePriceRecipe):
            told[name] = _source_prices(rights)
            continue
        if isinstance(recipe, AmendmentRecipe):
            told[name] = await _amendments(session, recipe, rights, account)
            continue
        head = ORDER if isinstance(recipe, OrderRecipe) else HEAD
        rows = await session.call(head, "search_read", [[recipe.reference, "=", _NOWHERE]], 0, 1, None, ["id"])
        if isinstance(recipe, OrderRecipe):
            told[name] = _orders(recipe.reference, rights, account, searched=rows == [])
        else:
            told[name] = _requisitions(recipe.reference, rights, account, searched=rows == [])
    beyond = [*_more(rights), *await _buttons(session, rights)]
    more = f" and {len(beyond) - _SHOWN} more" if len(beyond) > _SHOWN else ""
    return {**told, "may also": ", ".join(beyond[:_SHOWN]) + more if beyond else "nothing else"}


def _dates(recipe: DateRecipe, rights: Rights) -> str:
    kept = _STAMPED
    if not _may(rights, MOVE, "write"):
        return f"not ready: the account may not write {MOVE}"
    if "line" in recipe.dates.values() and not _may(rights, PURCHASE_LINE, "write"):
        states = ", ".join(state for state, keeper in recipe.dates.items() if keeper == "line")
        return f"{kept}; not for {states} orders: no right to write {PURCHASE_LINE}"
    return kept


def _order_dates(rights: Rights) -> str:
    if not _may(rights, PRODUCTION, "write"):
        return f"not ready: the account may not write {PRODUCTION}"
    return _STAMPED


def _source_prices(rights: Rights) -> str:
    if not (_may(rights, PRICE, "write") and _may(rights, SOURCE, "write")):
        return f"not ready: the account may not write {PRICE}"
    return _STAMPED


def _requisitions(reference: str, rights: Rights, account: Account, *, searched: bool) -> str:
    if not (_may(rights, HEAD, "create") and _may(rights, f"{HEAD}.line", "create")):
        return f"not ready: the account may not create {HEAD}"
    if not account.employee or not account.company:
        return "not ready: the account needs a company and an employee"
    return _kept(reference, searched=searched)


def _orders(reference: str, rights: Rights, account: Account, *, searched: bool) -> str:
    if not (_may(rights, ORDER, "create") and _may(rights, ORDER_LINE, "create")):
        return f"not ready: the account may not create {ORDER}"
    if not account.company:
        return "not ready: the account needs a company"
    return _kept(reference, searched=searched)


async def _amendments(session: WriteSession, recipe: AmendmentRecipe, rights: Rights, account: Account) -> str:
    model = f"{recipe.order}.{AMENDMENT}"
    if model not in rights:
        return f"not ready: there is no {model}; it comes with the module {recipe.order}_{AMENDMENT}"
    if not (_may(rights, model, "create") and _may(rights, f"{model}.line", "create")):
        return f"not ready: the account may not create {model}"
    if not account.company:
        return "not ready: the account needs a company"
    rows = await session.call(model, "search_read", [[recipe.reference, "=", _NOWHERE]], 0, 1, None, ["id"])
    return f"{_kept(recipe.reference, searched=rows == [])}; it takes effect once a person there validates it"


def _kept(reference: str, *, searched: bool) -> str:
    if not searched:
        return f"not kept: {reference} can't be searched"
    return f"verified: our reference is kept in {reference} and can be searched; a second one is not refused there"


async def _rights(session: WriteSession, system: str) -> Rights:
    """Return what the account may do with each model of the system."""
    found = await session.call("ir.model", "search_read", [], 0, _MAX_MODELS, [["id", "ASC"]], ["name"])
    names = [one for row in _rows(found) if isinstance(one := row.get("name"), str)]
    rights = await session.call("ir.model.access", "get_access", names)
    if not names or not isinstance(rights, dict):
        raise BadAnswerError(system=system, reason="rights are not told")
    return {
        model: {mode: bool(given.get(mode)) for mode in _MODES}
        for model, given in rights.items()
        if isinstance(given, dict)
    }


async def _buttons(session: WriteSession, rights: Rights) -> list[str]:
    """Return the buttons that come with the right to write a model, where no group is named for them."""
    written = [model for model, given in rights.items() if given["write"] and not model.startswith(_OWN)]
    fields = ["model", "name", "groups"]
    found = await session.call("ir.model.button", "search_read", [["model", "in", written]], 0, 500, None, fields)
    return [
        " ".join(("button", str(row["name"]), "of", str(row["model"]))) for row in _rows(found) if not row["groups"]
    ]


def _more(rights: Rights) -> Iterator[str]:
    for model, given in sorted(rights.items()):
        modes = [mode for mode in _MODES if given[mode] and (model, mode) not in _NEEDED]
        if modes and not model.startswith(_OWN):
            yield f"{'/'.join(modes)} {model}"


def _may(rights: Rights, model: str, mode: str) -> bool:
    return rights.get(model, {}).get(mode, False)


def _rows(found: Decoded) -> list[Row]:
    return [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []
