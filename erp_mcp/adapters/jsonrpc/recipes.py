"""The part of a system profile that says how the two writes are done: names of fields and states; the rest is code."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from erp_mcp.adapters.jsonrpc.node import Node
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.command import RetryContract, RetryKind
from erp_mcp.domain.profile import Profile
from erp_mcp.errors import ProfileFileError

UPDATE_DATE: Final = "purchase_order_line.update_delivery_date"
CREATE_REQUISITION: Final = "purchase_requisition.create"

Keeper = Literal["line", "moves"]

_HEAD: Final = frozenset({"delivery_date", "site"})
_LINE: Final = frozenset({"material_id", "qty", "uom", "supplier_id"})
_LOCAL: Final = ("purchase_order", "purchase_order_line", "material", "supplier")
_MAX_SETTLE_S: Final = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class DateRecipe:
    """Where the date of a purchase order line is kept.

    `order` links the line to its order. `dates` says by the order's state whether the line itself keeps the date, in
    `line_date` with `line_with` written beside it, or its open moves do, in `move_date`. A move that has `unless` is
    planned by something else.
    """

    contract: RetryContract
    order: str
    dates: Mapping[str, Keeper]
    line_date: str
    line_with: Mapping[str, bool]
    move_date: str
    open_moves: tuple[JsonValue, ...]
    unless: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RequisitionRecipe:
    """Which fields a new requisition and its one line are made of: canonical name → field; `reference` holds ours."""

    contract: RetryContract
    reference: str
    head: Mapping[str, str]
    line: Mapping[str, str]


Recipe = DateRecipe | RequisitionRecipe


def recipes(profile: Profile) -> dict[str, Recipe]:
    """Return the recipes of a profile by operation.

    Raises:
        ProfileFileError: `systems.bad_profile`, naming the key that is unknown, missing or of the wrong type.
    """
    found: dict[str, Recipe] = {}
    for name, body in profile.commands.items():
        node = Node(profile.name, f"commands.operations.{name}", body)
        if name not in _RECIPES:
            raise node.wrong(f"there is no such operation here; there are {', '.join(sorted(_RECIPES))}")
        if name.partition(".")[0] not in profile.entities:
            raise node.wrong("the profile must map this entity too, so that what was written can be read back")
        found[name] = _RECIPES[name](node)
        node.done()
    if found:
        _check_local_ids(profile)
    return found


def _check_local_ids(profile: Profile) -> None:
    """Refuse identity rules that would have to be turned round: an id is looked up in the system as it is."""
    for entity in _LOCAL:
        rule = profile.identity.get(entity)
        if rule is not None and rule.rule != "same":
            raise ProfileFileError(
                profile=profile.name, key=f"identity.{entity}", reason="`commands` needs the rule same here"
            )


def _date(node: Node) -> DateRecipe:
    line, moves = node.node("line"), node.node("moves")
    beside = line.node("with") if "with" in line.body else None
    recipe = DateRecipe(
        contract=_contract(node, ("conditional",)),
        order=node.text("order"),
        dates=_keepers(node.node("dates")),
        line_date=line.text("date"),
        line_with={str(name): beside.flag(str(name)) for name in beside.body} if beside else {},
        move_date=moves.text("date"),
        open_moves=moves.items("open"),
        unless=moves.text("unless"),
    )
    for one in (line, moves):
        one.done()
    return recipe


def _keepers(node: Node) -> dict[str, Keeper]:
    found: dict[str, Keeper] = {}
    for state in node.body:
        keeper = node.text(state)
        if keeper not in ("line", "moves"):
            raise node.wrong("line or moves is needed here", state)
        found[state] = "line" if keeper == "line" else "moves"
    return found


def _requisition(node: Node) -> RequisitionRecipe:
    return RequisitionRecipe(
        contract=_contract(node, ("readback",)),
        reference=node.text("reference"),
        head=_named(node, "fields", _HEAD),
        line=_named(node, "line", _LINE),
    )


def _named(node: Node, key: str, wanted: frozenset[str]) -> dict[str, str]:
    found = node.text_map(key)
    if set(found) != wanted:
        raise node.wrong(f"exactly {', '.join(sorted(wanted))} are needed here", key)
    return found


def _contract(node: Node, kept: tuple[RetryKind, ...]) -> RetryContract:
    kind = next((one for one in kept if one == node.text("contract")), None)
    if kind is None:
        raise node.wrong(f"{' or '.join(kept)} is what can be kept here", "contract")
    settle_s = node.take("settle_s")
    if isinstance(settle_s, bool) or not isinstance(settle_s, int) or not 0 <= settle_s <= _MAX_SETTLE_S:
        raise node.wrong("whole seconds of at most a day are needed here", "settle_s")
    return RetryContract(kind=kind, settle_s=settle_s)


_RECIPES: Final[Mapping[str, Callable[[Node], Recipe]]] = {UPDATE_DATE: _date, CREATE_REQUISITION: _requisition}
