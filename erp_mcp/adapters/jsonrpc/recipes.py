"""The part of a system profile that says how each write is done: names of fields and states; the rest is code."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, Literal

from erp_mcp.adapters.jsonrpc.node import Node
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.command import RetryContract, RetryKind
from erp_mcp.domain.profile import Profile
from erp_mcp.errors import ProfileFileError

UPDATE_DATE: Final = "purchase_order_line.update_delivery_date"
SALES_DATE: Final = "sales_order_line.update_delivery_date"
CREATE_REQUISITION: Final = "purchase_requisition.create"
CREATE_ORDER: Final = "purchase_order_line.create"
RESCHEDULE: Final = "production_order.reschedule"
CHANGE_ORDER: Final = "purchase_order_line.change"
CANCEL_ORDER: Final = "purchase_order_line.cancel"
SALES_PRICE: Final = "sales_order_line.update_price"
SOURCE_PRICE: Final = "supply_source.update_price"

Keeper = Literal["line", "moves"]

_HEAD: Final = frozenset({"delivery_date", "site"})
_LINE: Final = frozenset({"material_id", "qty", "uom", "supplier_id"})
_DATES: Final = frozenset({"new_start", "new_finish"})
_LOCAL: Final = ("purchase_order", "purchase_order_line", "material", "supplier")
_AMENDED: Final = frozenset({"purchase", "sale"})
_DAY_S: Final = 86_400
_MAX_ACK_S: Final = 30 * _DAY_S


@dataclass(frozen=True, slots=True, kw_only=True)
class DateRecipe:
    """Where the date of an order line is kept.

    `order` links the line to its order. `dates` says by the order's state whether the line itself keeps the date, in
    `line_date` with `line_with` written beside it, or its open moves do, in `move_date`. A move that has `unless` is
    planned by something else; empty where none is. `line_date` is empty where lines keep none.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRecipe:
    """How an order is made: `reference` holds ours; a line keeps its day in `line_date`, with `line_with` beside it."""

    contract: RetryContract
    reference: str
    line_date: str
    line_with: Mapping[str, bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderDatesRecipe:
    """Which fields of a production order keep its dates, and in which of its states they may move."""

    contract: RetryContract
    fields: Mapping[str, str]
    states: tuple[JsonValue, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AmendmentRecipe:
    """How lines of an order that is carried out are changed: by an amendment, for a person of the system to validate.

    `operation` says what is changed. `order` links line and amendment to the order, and names the model of amendments;
    `reference` holds ours there. `states` are those of an order that can be amended, `kept` what else of a line an
    amendment gives. It takes open moves in `open_moves` away and makes them anew, those of a shipment only where that
    is in `shipments`; others it does not reach. `ask_s` is after how long it is worth asking what became of it.
    """

    operation: str
    contract: RetryContract
    order: str
    reference: str
    states: tuple[JsonValue, ...]
    kept: tuple[str, ...]
    open_moves: tuple[JsonValue, ...]
    shipments: tuple[JsonValue, ...]
    ask_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SourcePriceRecipe:
    """A supplier's one price of a product is written; where it is kept is no matter of a profile."""

    contract: RetryContract


Recipe = DateRecipe | RequisitionRecipe | OrderRecipe | OrderDatesRecipe | AmendmentRecipe | SourcePriceRecipe


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


def _date(node: Node, *, sold: bool = False) -> DateRecipe:
    line = None if sold else node.node("line")
    moves = node.node("moves")
    beside = line.node("with") if line is not None and "with" in line.body else None
    recipe = DateRecipe(
        contract=_contract(node, ("conditional",)),
        order=node.text("order"),
        dates=_keepers(node.node("dates")),
        line_date=line.text("date") if line is not None else "",
        line_with={str(name): beside.flag(str(name)) for name in beside.body} if beside else {},
        move_date=moves.text("date"),
        open_moves=moves.items("open"),
        unless="" if sold else moves.text("unless"),
    )
    if "line" in recipe.dates.values() and line is None:
        raise node.wrong("lines of sales keep no date; moves is what is needed here", "dates")
    for one in (line, moves):
        if one is not None:
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


def _order(node: Node) -> OrderRecipe:
    line = node.node("line")
    beside = line.node("with") if "with" in line.body else None
    recipe = OrderRecipe(
        contract=_contract(node, ("readback",)),
        reference=node.text("reference"),
        line_date=line.text("date"),
        line_with={str(name): beside.flag(str(name)) for name in beside.body} if beside else {},
    )
    line.done()
    return recipe


def _order_dates(node: Node) -> OrderDatesRecipe:
    return OrderDatesRecipe(
        contract=_contract(node, ("conditional",)),
        fields=_named(node, "fields", _DATES),
        states=node.items("states"),
    )


def _source_price(node: Node) -> SourcePriceRecipe:
    return SourcePriceRecipe(contract=_contract(node, ("conditional",)))


def _amendment(node: Node, *, operation: str) -> AmendmentRecipe:
    moves = node.node("moves")
    recipe = AmendmentRecipe(
        operation=operation,
        contract=replace(_contract(node, ("readback",)), shows_taken_in=True),
        order=node.text("order"),
        reference=node.text("reference"),
        states=node.items("states"),
        kept=node.texts("kept"),
        open_moves=moves.items("open"),
        shipments=moves.items("shipments"),
        ask_s=_seconds(node, "ask_s", most=_DAY_S),
    )
    moves.done()
    if recipe.order not in _AMENDED:
        raise node.wrong(f"one of {', '.join(sorted(_AMENDED))} is needed here", "order")
    return recipe


def _named(node: Node, key: str, wanted: frozenset[str]) -> dict[str, str]:
    found = node.text_map(key)
    if set(found) != wanted:
        raise node.wrong(f"exactly {', '.join(sorted(wanted))} are needed here", key)
    return found


def _contract(node: Node, kept: tuple[RetryKind, ...]) -> RetryContract:
    kind = next((one for one in kept if one == node.text("contract")), None)
    if kind is None:
        raise node.wrong(f"{' or '.join(kept)} is what can be kept here", "contract")
    ack_s = _seconds(node, "ack_s", most=_MAX_ACK_S) if "ack_s" in node.body else _DAY_S
    return RetryContract(kind=kind, settle_s=_seconds(node, "settle_s", most=_DAY_S), ack_s=ack_s)


def _seconds(node: Node, key: str, *, most: int) -> int:
    found = node.take(key)
    if isinstance(found, bool) or not isinstance(found, int) or not 0 <= found <= most:
        raise node.wrong(f"whole seconds from 0 to {most} are needed here", key)
    return found


_RECIPES: Final[Mapping[str, Callable[[Node], Recipe]]] = {
    UPDATE_DATE: _date,
    SALES_DATE: partial(_date, sold=True),
    CREATE_REQUISITION: _requisition,
    CREATE_ORDER: _order,
    RESCHEDULE: _order_dates,
    SOURCE_PRICE: _source_price,
    **{name: partial(_amendment, operation=name) for name in (CHANGE_ORDER, CANCEL_ORDER, SALES_PRICE)},
}
