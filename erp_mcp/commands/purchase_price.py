"""`supply_source.update_price`: another price of one approved way to buy a material."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from erp_mcp.commands import rows
from erp_mcp.commands.price_revision import revision_checks
from erp_mcp.commands.rows_buying import OpenPriceRow, RivalRow, SourceKeyRow
from erp_mcp.commands.verdicts import (
    flag,
    live_record,
    need,
    ok,
    person,
    refuse,
    refused,
    rows_of,
    stale_checks,
    text_argument,
)
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.entities.procurement import Supplier, SupplySource
from erp_mcp.domain.left_to_people import SUPPLIER_CONTRACT
from erp_mcp.domain.operation import CommandFacts, Draft, Operation, Undo, Undoing
from erp_mcp.domain.proposal import Change, Check
from erp_mcp.domain.value import money_text
from erp_mcp.errors import RuleNotEvaluableError


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """The source as its system has it now, and the price that is proposed, per its price unit."""

    facts: CommandFacts
    row: SourceKeyRow
    live: SupplySource
    price: int

    @property
    def unit(self) -> str:
        """What the price is in."""
        return f"{self.live.currency} per {self.live.price_unit or 1} {self.live.uom or ''}".strip()

    @property
    def before(self) -> int:
        """The price as it is."""
        return self.live.price or 0


def update(facts: CommandFacts) -> Draft:
    """Work out another price of one source.

    Raises:
        RuleRefusedError: `rule.refused`, where there is no such source.
        RuleNotEvaluableError: `rule.not_evaluable`, where a rule lacks its facts.
    """
    case = _case(facts)
    row, live = case.row, case.live
    document = f"{row.material_id}/{row.supplier_id}/{row.site}"
    return Draft(
        system=row.system,
        key=row.source_key,
        version_token=live.version_token,
        fields={
            "material_id": row.material_id,
            "supplier_id": row.supplier_id,
            "site": row.site,
            "price": money_text(case.price),
            "price_unit": live.price_unit or 1,
            "currency": live.currency,
        },
        document=document,
        headline=(
            f"Buy {row.material_id} from supplier {row.supplier_id} for site {row.site} at {money_text(case.price)}"
            f" instead of {money_text(case.before)} {case.unit}"
        ),
        changes=(Change(field="price", before=money_text(case.before), after=money_text(case.price), unit=case.unit),),
        checks=(*_checks(case), *stale_checks(facts)),
        effects=tuple(_effects(case)),
    )


def _case(facts: CommandFacts) -> _Case:
    wanted = tuple(text_argument(facts, name) for name in ("material_id", "supplier_id", "site"))
    found = [
        one for one in rows_of(facts, "source", SourceKeyRow) if (one.material_id, one.supplier_id, one.site) == wanted
    ]
    if not found:
        message = f"Supplier {wanted[1]} is no source of {wanted[0]} for site {wanted[2]}; use list_supply_sources."
        raise refused("R-SOURCE", message, material_id=wanted[0], supplier_id=wanted[1], site=wanted[2])
    if len(found) > 1:
        raise RuleNotEvaluableError(rule="R-SOURCE", missing="one system that has the source")
    live = live_record(facts, "source", found[0].system, found[0].source_key, SupplySource)
    if live.price is None or live.price <= 0 or not live.currency:
        raise RuleNotEvaluableError(rule="R-PRICE", missing="price and currency as they are")
    price = facts.arguments.get("new_price")
    return _Case(facts=facts, row=found[0], live=live, price=price if isinstance(price, int) else 0)


def _checks(case: _Case) -> Iterator[Check]:
    live, today = case.live, case.facts.today
    if live.blocked or (live.valid_to is not None and live.valid_to < today):
        yield refuse("R-SOURCE", "The source is blocked or no longer valid; one that may be bought from would pass.")
    else:
        yield ok("R-SOURCE", "The source is not blocked and valid.")
    yield _supplier(case)
    yield from revision_checks(case.facts, Fraction(case.before), case.price)
    yield _rivals(case)
    yield person(SUPPLIER_CONTRACT)


def _supplier(case: _Case) -> Check:
    found = [one for one in rows_of(case.facts, "supplier", rows.SupplierRow) if one.system == case.row.system]
    if not found:
        raise RuleNotEvaluableError(rule="R-SUPPLIER-BLOCKED", missing="the supplier")
    blocked = live_record(case.facts, "supplier", found[0].system, found[0].source_key, Supplier).blocked
    if blocked is None:
        raise RuleNotEvaluableError(rule="R-SUPPLIER-BLOCKED", missing="whether the supplier is blocked")
    if blocked:
        message = "The supplier is blocked for purchasing; the price of one that is not would pass."
        return refuse("R-SUPPLIER-BLOCKED", message, supplier_id=case.row.supplier_id)
    return ok("R-SUPPLIER-BLOCKED", "The supplier is not blocked in its system at this moment.")


def _rivals(case: _Case) -> Check:
    """Return whether another source would be cheaper, where prices are in the same currency and unit."""
    need(case.facts, "R-CHEAPER", "rivals")
    per = Fraction(case.price, case.live.price_unit or 1)
    cheaper = [
        (Fraction(one.price, one.price_unit or 1), one.supplier_id)
        for one in rows_of(case.facts, "rivals", RivalRow)
        if one.supplier_id != case.row.supplier_id and one.price is not None and not one.blocked
        if (one.currency, one.uom) == (case.live.currency, case.live.uom)
        if one.valid_to is None or one.valid_to >= case.facts.today
    ]
    least = min(cheaper, default=None)
    if least is None or least[0] >= per:
        return ok("R-CHEAPER", "No other source in this currency and unit is cheaper.")
    return flag("R-CHEAPER", f"Supplier {least[1]} would be cheaper then.", supplier_id=least[1])


def _effects(case: _Case) -> Iterator[str]:
    if "open_lines" in case.facts.gaps:
        yield "Open purchase order lines keep their price; they could not be looked at."
    else:
        count = len(rows_of(case.facts, "open_lines", OpenPriceRow))
        yield f"Open purchase order lines that keep the price they have: {count}."
    yield "Orders and requisitions from now on count with the new price."
    yield "The supplier is not told by this change."
    yield f"Undo: propose {money_text(case.before)} again."


def way_back(undoing: Undoing) -> dict[str, JsonValue]:
    """Return the call that gives the source the price that it had.

    Raises:
        RuleRefusedError: `rule.refused`: the source has another price by now.
    """
    fields, live = undoing.command.fields, undoing.live
    if not isinstance(live, SupplySource) or money_text(live.price or 0) != fields.get("price"):
        raise refused("R-UNDO-CHANGED", "The source has another price by now; propose the one that is wanted.")
    key: dict[str, JsonValue] = {name: fields[name] for name in ("material_id", "supplier_id", "site")}
    return {**key, "new_price": undoing.changes[0].before}


OPERATION: Final = Operation(
    name="supply_source.update_price",
    entity="supply_source",
    function=update,
    reads={
        "source": SourceKeyRow,
        "supplier": rows.SupplierRow,
        "rivals": RivalRow,
        "open_lines": OpenPriceRow,
    },
    live=("source", "supplier"),
    undo=Undo(
        tool="propose_update_purchase_price",
        words="The price that the source had before is proposed again.",
        function=way_back,
    ),
)
