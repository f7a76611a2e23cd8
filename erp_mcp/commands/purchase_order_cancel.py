"""`purchase_order_line.cancel`: one line of a purchase order, or all that are open, is wanted no more."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final, NamedTuple, TypeVar

from erp_mcp.commands import purchase_line, rows, rows_buying, told
from erp_mcp.commands.buying_lines import value_at
from erp_mcp.commands.impact import Impact
from erp_mcp.commands.purchase_line import StandingLine
from erp_mcp.commands.verdicts import flag, ok, person, refuse, refused, rows_of, stale_checks, text_argument
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.left_to_people import CANCEL_TERMS
from erp_mcp.domain.operation import CommandFacts, Draft, Operation
from erp_mcp.domain.proposal import Change, Check
from erp_mcp.domain.value import money_text, quantity_text

Row = TypeVar("Row", bound=NamedTuple)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """The lines that are to be cancelled, the first of which leads, and why."""

    facts: CommandFacts
    order: str
    lines: tuple[StandingLine, ...]
    reason: str

    @property
    def document(self) -> str:
        """The line where it is one, else the order."""
        return self.lines[0].name if len(self.lines) == 1 else self.order

    @property
    def currencies(self) -> set[str]:
        """Currencies of the lines."""
        return {one.live.currency or "" for one in self.lines}

    @property
    def value(self) -> int:
        """What is still to come would have cost, in 10⁻⁴ of the currency."""
        return sum(value_at(one.live.qty_open, one.live.price or 0, one.live.price_unit or 1) for one in self.lines)


def cancel(facts: CommandFacts) -> Draft:
    """Work out the cancellation of one line, or of all lines of an order that are open.

    Raises:
        RuleRefusedError: `rule.refused`, where there is no such line, or nothing of the order is open.
        RuleNotEvaluableError: `rule.not_evaluable`, where a rule lacks its facts.
    """
    case = _case(facts)
    checks = [check for one in case.lines for check in _line_checks(case, one)]
    # What can't be cancelled hurts nobody, so its impact is not looked for.
    found = None if any(one.verdict == "refuse" for one in checks) else [_impact(case, one) for one in case.lines]
    if found is not None:
        worse, better = sum(len(one.worse) for one in found), sum(len(one.better) for one in found)
        checks.append(purchase_line.impact_check(facts, worse, better))
        checks += _told(case)
    leading = case.lines[0]
    return Draft(
        system=leading.row.system,
        key=leading.row.source_key,
        version_token=leading.live.version_token,
        fields=_fields(case),
        document=case.document,
        headline=_headline(case),
        changes=tuple(_changes(case)),
        checks=(*checks, *stale_checks(facts)),
        effects=tuple(_effects(case, found)) if found is not None else (),
        amounts=_amounts(case),
    )


def _case(facts: CommandFacts) -> _Case:
    order, line = text_argument(facts, "purchase_order_id"), text_argument(facts, "line")
    found = purchase_line.standing_lines(facts, order, line)
    if not line:
        found = tuple(one for one in found if one.live.order_state == "open")
    if not found:
        message = f"Nothing of purchase order {order} is open; an order with open lines would pass."
        raise refused("R-OPEN", message, purchase_order_id=order)
    return _Case(facts=facts, order=order, lines=found, reason=text_argument(facts, "cancel_reason"))


# --- Rules ------------------------------------------------------------------------------------------------------------


def _line_checks(case: _Case, one: StandingLine) -> Iterator[Check]:
    state = purchase_line.state(one)
    yield state
    if state.verdict == "refuse":
        return
    if one.live.qty_received > 0:
        got = f"{quantity_text(one.live.qty_received)} {one.live.uom}"
        message = f"{got} of line {one.name} have arrived; a change of its quantity to that would pass."
        yield refuse("R-RECEIVED", message, qty_received=quantity_text(one.live.qty_received), uom=one.live.uom)
        return
    yield ok("R-RECEIVED", f"Nothing of line {one.name} has arrived.")
    if purchase_line.billed(case.facts, one):
        message = f"Line {one.name} is billed already; it would pass once the invoice is cancelled."
        yield refuse("R-INVOICED", message, line=one.row.line)
        return
    yield ok("R-INVOICED", f"Nothing of line {one.name} is billed.")


def _told(case: _Case) -> Iterator[Check]:
    confirmed = [one.row.line for one in case.lines if one.live.confirmed]
    if confirmed:
        message = "The supplier has confirmed it and may have begun: a buyer has to agree the end of it with them."
        yield flag("R-CONFIRMED", message, lines=", ".join(confirmed))
    yield person(CANCEL_TERMS)


# --- What follows -----------------------------------------------------------------------------------------------------


def _impact(case: _Case, one: StandingLine) -> Impact:
    """Each line is looked at for itself: two for one material at one site may weigh more together."""
    return purchase_line.less_supply(_of_one(case.facts, one), one, 0, "")


def _of_one(facts: CommandFacts, one: StandingLine) -> CommandFacts:
    """Return facts with the rows of one line's material at its site, in the form of operations on one material."""
    place = one.row.material_id, one.row.site

    def own(name: str, wide: type[Row]) -> Iterator[tuple[object, ...]]:
        return (tuple(row)[2:] for row in rows_of(facts, name, wide) if tuple(row)[:2] == place)

    narrowed: Mapping[str, tuple[NamedTuple, ...]] = {
        "purchase_lines": tuple(
            rows.PurchaseLineRow._make(row) for row in own("purchase_lines", rows_buying.SiteMaterialRow)
        ),
        "demand": tuple(rows.ComponentRow._make(row) for row in own("demand", rows_buying.SiteComponentRow)),
        "sales_demand": tuple(rows.SalesLineRow._make(row) for row in own("sales_demand", rows_buying.SiteSalesRow)),
        "stock": tuple(rows.StockRow._make(row) for row in own("stock", rows_buying.SiteStockRow)),
        "reservations": tuple(
            rows.ReservationRow._make(row) for row in own("reservations", rows_buying.SiteReservationRow)
        ),
        "supply_orders": tuple(
            row
            for row in rows_of(facts, "supply_orders", rows.ProductionOrderRow)
            if (row.material_id, row.site) == place
        ),
    }
    return replace(facts, rows={**facts.rows, **narrowed})


def _headline(case: _Case) -> str:
    if len(case.lines) == 1:
        return f"Cancel purchase order line {case.document}"
    return f"Cancel {len(case.lines)} open lines of purchase order {case.order}"


def _fields(case: _Case) -> dict[str, JsonValue]:
    versions: list[JsonValue] = [{"line": one.row.line, "version": one.live.version_token} for one in case.lines[1:]]
    return {
        "purchase_order_id": case.order,
        "lines": [one.row.line for one in case.lines],
        "cancel_reason": case.reason,
        "versions": versions,
    }


def _changes(case: _Case) -> Iterator[Change]:
    for one in case.lines:
        yield Change(field=f"{one.row.line}/order_state", before="open", after="cancelled")
        yield Change(
            field=f"{one.row.line}/qty_open", before=quantity_text(one.live.qty_open), after="0", unit=one.live.uom
        )


def _amounts(case: _Case) -> dict[str, str]:
    named = {"supplier_id": case.lines[0].row.supplier_id}
    if len({one.live.site for one in case.lines}) == 1:
        named["site"] = case.lines[0].live.site
    if len(case.lines) == 1:
        named["material_id"] = case.lines[0].row.material_id
    if len(case.currencies) > 1 or "" in case.currencies or any(one.live.price is None for one in case.lines):
        return named
    return {"value": money_text(case.value), "currency": next(iter(case.currencies)), **named}


def _effects(case: _Case, found: list[Impact]) -> Iterator[str]:
    if "value" in _amounts(case):
        yield f"Worth {money_text(case.value)} {next(iter(case.currencies))} that is not ordered any more."
    for one, impact in zip(case.lines, found, strict=True):
        if impact.worse:
            yield f"Without line {one.name}, demands that lose cover or get it later: {len(impact.worse)}."
            yield from (told.hurt(each) for each in impact.worse[: told.SHOWN])
    if not any(one.worse for one in found):
        yield "No open demand loses cover."
    yield "The supplier is not told: a buyer does that, and agrees what it costs."
    yield "It can't be undone: ordering it again is a new order."


OPERATION: Final = Operation(
    name="purchase_order_line.cancel",
    entity="purchase_order_line",
    function=cancel,
    reads={
        "line": rows_buying.PricedLineRow,
        "invoices": rows_buying.InvoicedRow,
        "purchase_lines": rows_buying.SiteMaterialRow,
        "demand": rows_buying.SiteComponentRow,
        "sales_demand": rows_buying.SiteSalesRow,
        "deliveries": rows.DeliveryRow,
        "supply_orders": rows.ProductionOrderRow,
        "orders": rows.ProductionOrderRow,
        "stock": rows_buying.SiteStockRow,
        "lots": rows.LotRow,
        "reservations": rows_buying.SiteReservationRow,
    },
    live=("line",),
    irreversible="A cancelled line is not opened again: what is wanted after all is a new purchase order.",
)
