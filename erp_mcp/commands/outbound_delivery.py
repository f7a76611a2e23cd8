"""`delivery.create`: an outbound delivery for lines of one sales order; its goods issue is for people to post."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from erp_mcp.commands import holding
from erp_mcp.commands.rows import DeliveryRow
from erp_mcp.commands.rows_planning import HoldRow, RecordRow, StockRecordRow
from erp_mcp.commands.rows_selling import SalesLineRefRow, SalesOrderRefRow
from erp_mcp.commands.units import STEP, Units
from erp_mcp.commands.verdicts import (
    MAX_AHEAD_DAYS,
    flag,
    known,
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
from erp_mcp.domain.call import JsonValue, Rows
from erp_mcp.domain.days import shift
from erp_mcp.domain.entities.orders import SalesOrder, SalesOrderLine
from erp_mcp.domain.left_to_people import EXPORT
from erp_mcp.domain.operation import CommandFacts, Draft, Operation
from erp_mcp.domain.proposal import Change, Check
from erp_mcp.domain.value import quantity_text
from erp_mcp.errors import RuleNotEvaluableError


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """The order and the lines that are to go, as their system has them now; quantities by line."""

    facts: CommandFacts
    order: SalesOrder
    lines: tuple[SalesOrderLine, ...]
    qty: Mapping[str, int]
    date: str

    def sent(self, line: SalesOrderLine) -> int:
        """Return what of a line is in deliveries already that have not left."""
        return self.shipping().get((line.sales_order_id, line.line), 0)

    def shipping(self) -> Mapping[tuple[str, str], int]:
        """Return what is in deliveries that have not left, by sales order line."""
        found: Counter[tuple[str, str]] = Counter()
        for one in rows_of(self.facts, "shipping", DeliveryRow):
            found[one.sales_order_id, one.sales_order_line] += one.qty
        return found


def create(facts: CommandFacts) -> Draft:
    """Work out one outbound delivery.

    Raises:
        RuleRefusedError: `rule.refused`, where there is no such order or line.
        RuleNotEvaluableError: `rule.not_evaluable`, where a rule lacks its facts.
    """
    wanted = _wanted(facts)
    order_id = wanted.order.sales_order_id
    checks = [*_order_checks(wanted), _date(wanted), *_line_checks(wanted)]
    if all(one.verdict != "refuse" for one in checks):
        checks += [*_stock_checks(wanted), *_told(wanted)]
    count = len(wanted.lines)
    return Draft(
        system=wanted.order.system,
        key="",
        version_token="",
        fields={
            "sales_order_id": order_id,
            "planned_goods_issue": wanted.date,
            "lines": [
                {"line": one.line, "qty": quantity_text(wanted.qty[one.line]), "uom": one.uom} for one in wanted.lines
            ],
            "versions": _versions(wanted),
        },
        document="",
        headline=f"Deliver {count} line{'s' if count > 1 else ''} of sales order {order_id} on {wanted.date}",
        changes=tuple(_changes(wanted)),
        checks=(*checks, *stale_checks(facts)),
        effects=tuple(_effects(wanted)),
        amounts=_amounts(wanted),
    )


def _versions(wanted: _Wanted) -> list[JsonValue]:
    """Return the versions that the system compares before it writes: of the order, and of each line."""
    at: list[tuple[str, str]] = [("", wanted.order.version_token)]
    at += [(one.line, one.version_token) for one in wanted.lines]
    return [{"line": line, "version": version} for line, version in at]


def _wanted(facts: CommandFacts) -> _Wanted:
    order_id, given = text_argument(facts, "sales_order_id"), facts.arguments.get("lines")
    asked = given.records() if isinstance(given, Rows) else []
    found = [one for one in rows_of(facts, "order", SalesOrderRefRow) if one.sales_order_id == order_id]
    if not found:
        message = f"There is no sales order {order_id}; use an id of list_sales_orders."
        raise refused("R-ORDER", message, sales_order_id=order_id)
    if len(found) > 1:
        raise RuleNotEvaluableError(rule="R-ORDER", missing="one system that has the order")
    lines = [str(one["line"]) for one in asked]
    if len(set(lines)) < len(lines):
        twice = Counter(lines).most_common(1)[0][0]
        raise refused("R-LINE", f"Line {twice} is named twice; name each line once.", line=twice)
    return _Wanted(
        facts=facts,
        order=live_record(facts, "order", found[0].system, found[0].source_key, SalesOrder),
        lines=tuple(_line(facts, found[0].system, order_id, line) for line in sorted(lines)),
        qty={str(one["line"]): _whole(one["qty"]) for one in asked},
        date=text_argument(facts, "planned_goods_issue"),
    )


def _line(facts: CommandFacts, system: str, order_id: str, line: str) -> SalesOrderLine:
    wanted = (system, order_id, line)
    for row in rows_of(facts, "order_lines", SalesLineRefRow):
        if (row.system, row.sales_order_id, row.line) == wanted:
            return live_record(facts, "order_lines", row.system, row.source_key, SalesOrderLine)
    message = f"There is no line {line} of sales order {order_id}; use lines of get_sales_order."
    raise refused("R-LINE", message, sales_order_id=order_id, line=line)


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0


# --- Rules ------------------------------------------------------------------------------------------------------------


def _order_checks(wanted: _Wanted) -> Iterator[Check]:
    order = wanted.order
    if order.order_state != "open":
        message = "The order is closed or cancelled in its system; propose for an order that is open."
        yield refuse("R-OPEN", message, order_state=known(order.order_state, "closed", "cancelled"))
        return
    yield ok("R-OPEN", "The order is open.")
    credit = [order.credit_status, *(one.credit_status for one in wanted.lines)]
    if None in credit:
        raise RuleNotEvaluableError(rule="R-CREDIT", missing="credit status")
    if any(one != "released" for one in credit):
        yield refuse("R-CREDIT", "The order is blocked for credit; propose once the credit block is taken away.")
    else:
        yield ok("R-CREDIT", "No credit block is set.")
    if order.delivery_block or any(one.delivery_block for one in wanted.lines):
        message = "The order or a line is blocked for delivery; propose once the block is taken away."
        yield refuse("R-DELIVERY-BLOCK", message)
    else:
        yield ok("R-DELIVERY-BLOCK", "No delivery block is set.")
    if len({one.site for one in wanted.lines}) > 1:
        yield refuse("R-SITE", "The lines go from several sites; propose one delivery for each site.")


def _date(wanted: _Wanted) -> Check:
    today, last = wanted.facts.today, shift(wanted.facts.today, MAX_AHEAD_DAYS)
    if wanted.date < today:
        return refuse("R-DATE", f"The date has passed; {today} is the first that would pass.", earliest=today)
    if wanted.date > last:
        return refuse("R-DATE", f"The date is more than a year ahead; up to {last} would pass.", latest=last)
    late = [one.line for one in wanted.lines if one.confirmed_date and one.confirmed_date < wanted.date]
    if late:
        message = f"The goods would leave after the date that the customer was promised, for line {late[0]} at least."
        return flag("R-DATE", message, lines=len(late))
    return ok("R-DATE", "The goods leave no later than the customer was promised.")


def _line_checks(wanted: _Wanted) -> Iterator[Check]:
    need(wanted.facts, "R-OPEN-QTY", "shipping")
    for one in wanted.lines:
        qty, uom = wanted.qty[one.line], one.uom
        left = max(0, one.qty_open - wanted.sent(one))
        if one.order_state != "open" or left <= 0:
            message = f"Line {one.line} is closed, or all of it is in deliveries already; leave it out."
            yield refuse("R-OPEN-QTY", message, line=one.line)
        elif qty <= 0 or qty % STEP:
            message = f"The quantity of line {one.line} must be above zero with at most three places."
            yield refuse("R-QTY", message, line=one.line)
        elif qty > left:
            message = f"Of line {one.line} only {quantity_text(left)} {uom} are open and in no delivery yet."
            yield refuse("R-OPEN-QTY", message, line=one.line, would_pass=quantity_text(left), uom=uom)
        elif qty < left:
            rest = quantity_text(left - qty)
            message = f"Of line {one.line} {rest} {uom} stay open: the customer gets a part."
            yield flag("R-OPEN-QTY", message, line=one.line, left=rest)
        else:
            yield ok("R-OPEN-QTY", f"All that is open of line {one.line} goes.", line=one.line)


def _stock_checks(wanted: _Wanted) -> Iterator[Check]:
    """Compare each line with what is there for it; lines of one material share what nobody else holds."""
    going = Counter(wanted.shipping())
    for one in wanted.lines:
        free = max(0, _free(wanted, one, going))
        qty = wanted.qty[one.line]
        going[one.sales_order_id, one.line] += qty
        if qty > free:
            would = quantity_text(free // STEP * STEP)
            message = f"For line {one.line} only {would} {one.uom} can be picked: usable stock that nobody else holds."
            yield refuse("R-STOCK", message, line=one.line, would_pass=would, uom=one.uom)
        else:
            yield ok("R-STOCK", f"Line {one.line} can be picked from stock of this moment.", line=one.line)


def _free(wanted: _Wanted, line: SalesOrderLine, going: Mapping[tuple[str, str], int]) -> int:
    """Return the usable stock for a line: less what others hold or have in deliveries, and what it has itself.

    What an order line holds and what it has in deliveries is the same stock, as far as both go.
    """
    facts, units = wanted.facts, Units(base=line.uom, factors={})
    stock = holding.on_hand(facts, units, line.material_id, line.site, system=line.system)
    usable = {one.lot_id: one.qty for one in stock.lots if one.usable(wanted.date)}
    held: Counter[tuple[str, str]] = Counter()
    for one in holding.reservations(facts, line.material_id, line.site, system=line.system):
        if not one.lot_id or one.lot_id in usable:
            held[one.demand_id, one.demand_line or ""] += holding.in_base(units, one.qty, one.uom, "R-STOCK")
    mine = (line.sales_order_id, line.line)
    others = (*_same_material(wanted, line), *held)
    taken = sum(max(held[key], going.get(key, 0)) for key in {*others} if key != mine)
    return sum(usable.values()) - taken - going.get(mine, 0)


def _same_material(wanted: _Wanted, line: SalesOrderLine) -> set[tuple[str, str]]:
    """Return the sales order lines whose open deliveries take the same material at the same site."""
    rows = (*rows_of(wanted.facts, "others", SalesLineRefRow), *rows_of(wanted.facts, "order_lines", SalesLineRefRow))
    same = (one for one in rows if (one.material_id, one.site) == (line.material_id, line.site))
    return {(one.sales_order_id, one.line) for one in same}


def _told(wanted: _Wanted) -> Iterator[Check]:
    del wanted
    yield person(EXPORT)


# --- What follows -----------------------------------------------------------------------------------------------------


def _changes(wanted: _Wanted) -> Iterator[Change]:
    yield Change(field="sales_order_id", before="", after=wanted.order.sales_order_id)
    yield Change(field="planned_goods_issue", before="", after=wanted.date)
    for one in wanted.lines:
        yield Change(field=f"{one.line}/qty", before="", after=quantity_text(wanted.qty[one.line]), unit=one.uom)


def _amounts(wanted: _Wanted) -> dict[str, str]:
    materials, sites = {one.material_id for one in wanted.lines}, {one.site for one in wanted.lines}
    named = {"site": next(iter(sites))} if len(sites) == 1 else {}
    return {**named, "material_id": next(iter(materials))} if len(wanted.lines) == 1 else named


def _effects(wanted: _Wanted) -> Iterator[str]:
    for one in wanted.lines:
        yield (
            f"Line {one.line}: {quantity_text(wanted.qty[one.line])} {one.uom} of {one.material_id}"
            f" from site {one.site}; {quantity_text(one.qty_open)} {one.uom} are open."
        )
    yield "Goods issue is not posted and nothing is picked by it: the warehouse does both."
    yield "No carrier and no customer is told by it."
    yield "Undo: delete the delivery in its system, as long as its goods issue is not posted."


OPERATION: Final = Operation(
    name="delivery.create",
    entity="delivery",
    function=create,
    reads={
        "order": SalesOrderRefRow,
        "order_lines": SalesLineRefRow,
        "shipping": DeliveryRow,
        "others": SalesLineRefRow,
        "on_hand": StockRecordRow,
        "held_lots": RecordRow,
        "holds": HoldRow,
        "held": RecordRow,
    },
    live=("order", "order_lines", "on_hand", "held_lots", "held"),
    irreversible="A delivery without goods issue is deleted by a person in the system.",
)
