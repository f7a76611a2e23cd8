"""`get_order_status_timeline`: how far each line of a sales order has come, milestone by milestone, planned and actual.

A milestone is reached as far as documents say so: a line of 100 of which 60 have left is `partly` shipped. Nothing is
guessed from a later milestone for an earlier one, and what is still to come is never expected before today.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from erp_mcp.analyses.dependences import classes
from erp_mcp.analyses.plant import FINISHED, rows_of
from erp_mcp.domain.analysis import Analysis, Facts, Findings, RawCell
from erp_mcp.domain.days import days_between, latest, local_day

MILESTONES: Final = ("ordered", "confirmed", "produced", "picked", "shipped", "delivered", "invoiced")


class OrderLineRow(NamedTuple):
    """One line of the order asked for."""

    sales_order_id: str
    line: str
    material_id: str
    qty_ordered: int
    qty_confirmed: int | None
    uom: str
    requested_date: str
    confirmed_date: str | None
    order_state: str


class OrderedRow(NamedTuple):
    """When the order came in."""

    sales_order_id: str
    order_date: str | None


class MadeRow(NamedTuple):
    """A production order made for a line, with when it was last confirmed."""

    production_order_id: str
    sales_order_id: str | None
    sales_order_line: str | None
    material_id: str
    qty_planned: int
    qty_yield: int | None
    planned_finish: str | None
    scheduled_finish: str | None
    request_state: str


class DoneRow(NamedTuple):
    """When the shop floor last confirmed work of a production order."""

    production_order_id: str
    confirmed_at: str | None


class ShippedRow(NamedTuple):
    """One line of a delivery."""

    delivery_id: str
    sales_order_line: str
    qty: int
    planned_goods_issue: str | None
    actual_goods_issue: str | None
    pick_status: str | None
    picked_at: str | None
    delivered: int | None
    delivered_on: str | None


class BilledRow(NamedTuple):
    """One line of an invoice."""

    invoice_id: str
    sales_order_line: str
    invoice_date: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Milestone:
    """What is known of one milestone; dates are empty where nothing says them."""

    name: str
    state: str  # done, partly, started, open, late, cancelled, no_document, not_known
    qty: int | None = None
    planned: str = ""
    expected: str = ""
    actual: str = ""
    documents: tuple[str, ...] = ()

    @property
    def delta_days(self) -> int | None:
        """By how many days it was, or will be, after its plan."""
        happens = self.actual or self.expected
        return days_between(happens, self.planned) if happens and self.planned else None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """One line with the documents that belong to it."""

    line: OrderLineRow
    order_date: str
    made: Sequence[MadeRow]
    confirmed_at: dict[str, str]  # production order -> day
    shipped: Sequence[ShippedRow]
    billed: Sequence[BilledRow]
    facts: Facts

    @property
    def target(self) -> int:
        """How much is to pass each milestone: what was ordered; of a closed line what was delivered."""
        sent = sum(row.qty for row in self.shipped)
        return self.line.qty_ordered if self.line.order_state == "open" or not sent else sent

    def day(self, instant: str | None) -> str:
        """Return the plant's day of an instant; empty for none."""
        return local_day(instant or "", self.facts.zone)

    def coming(self, planned: str) -> str:
        """Return when something that has not happened is expected: as planned, but not before today."""
        return max(planned, self.facts.today) if planned else ""


def order_timeline(facts: Facts) -> Findings:
    """Answer `get_order_status_timeline`: tables `summary` and `milestones`.

    Args:
        facts: Rows of `READS`.

    Returns:
        Per line seven milestones in order, with state, quantity, dates and documents, and which was reached last and
        which is next. Not complete where a source of milestones is missing.
    """
    lines = [_line_of(facts, line) for line in sorted(rows_of(facts, "lines", OrderLineRow), key=lambda one: one.line)]
    found = [(one, _milestones(one)) for one in lines]
    return Findings(
        tables={
            "summary": [_summary(one, milestones) for one, milestones in found],
            "milestones": [_row(one.line, milestone) for one, milestones in found for milestone in milestones],
        },
        complete=not facts.missing,
        warnings=() if found else ("No such sales order line in the data at hand, or none in this role's scope.",),
    )


def _line_of(facts: Facts, line: OrderLineRow) -> _Line:
    made = [
        row
        for row in rows_of(facts, "made", MadeRow)
        if row.sales_order_line in (line.line, None) and row.material_id == line.material_id
    ]
    done = {
        row.production_order_id: local_day(row.confirmed_at or "", facts.zone)
        for row in rows_of(facts, "done", DoneRow)
    }
    header = next(iter(rows_of(facts, "headers", OrderedRow)), None)
    return _Line(
        line=line,
        order_date=(header.order_date or "") if header else "",
        made=made,
        confirmed_at=done,
        shipped=[row for row in rows_of(facts, "shipped", ShippedRow) if row.sales_order_line == line.line],
        billed=[row for row in rows_of(facts, "billed", BilledRow) if row.sales_order_line == line.line],
        facts=facts,
    )


def _milestones(one: _Line) -> list[_Milestone]:
    line = one.line
    ordered = _Milestone(name="ordered", state="done", qty=line.qty_ordered, actual=one.order_date)
    following = [
        _Milestone(name=name, state="not_known") if entity in one.facts.missing else milestone(one)
        for name, entity, milestone in _FOLLOWING
    ]
    if line.order_state == "cancelled":
        following = [
            milestone if milestone.state == "done" else _Milestone(name=milestone.name, state="cancelled")
            for milestone in following
        ]
    return [ordered, *following]


def _confirmed(one: _Line) -> _Milestone:
    line = one.line
    return _Milestone(
        name="confirmed",
        state="done" if line.confirmed_date else "open",
        qty=line.qty_confirmed,
        planned=line.requested_date,
        expected=line.confirmed_date or "",
    )


def _produced(one: _Line) -> _Milestone:
    if not one.made:
        return _Milestone(name="produced", state="no_document")
    planned = latest(*(row.planned_finish for row in one.made))
    unfinished = [row for row in one.made if row.request_state not in FINISHED]
    qty = sum(row.qty_yield or 0 for row in one.made)
    expected = latest(*(row.scheduled_finish or row.planned_finish for row in unfinished))
    return _Milestone(
        name="produced",
        state=_making(one, unfinished, qty, planned) if unfinished else "done",
        qty=qty,
        planned=planned,
        expected=one.coming(expected) if unfinished else "",
        actual="" if unfinished else latest(*(one.confirmed_at.get(row.production_order_id) for row in one.made)),
        documents=_ids(row.production_order_id for row in one.made),
    )


def _making(one: _Line, unfinished: Sequence[MadeRow], qty: int, planned: str) -> str:
    state = _open_state(one, qty, planned)
    return "started" if state == "open" and any(row.request_state == "Running" for row in unfinished) else state


def _picked(one: _Line) -> _Milestone:
    picked = [row for row in one.shipped if row.pick_status == "picked" or row.actual_goods_issue]
    return _by_delivery(one, "picked", picked, latest(*(one.day(row.picked_at) for row in picked)))


def _shipped(one: _Line) -> _Milestone:
    gone = [row for row in one.shipped if row.actual_goods_issue]
    return _by_delivery(one, "shipped", gone, latest(*(row.actual_goods_issue for row in gone)))


def _by_delivery(one: _Line, name: str, reached: Sequence[ShippedRow], last: str) -> _Milestone:
    qty = sum(row.qty for row in reached)
    planned = latest(*(row.planned_goods_issue for row in one.shipped))
    done = bool(reached) and qty >= one.target
    return _Milestone(
        name=name,
        state="done" if done else _open_state(one, qty, planned),
        qty=qty,
        planned=planned,
        expected="" if done else one.coming(planned),
        actual=last if done else "",
        documents=_ids(row.delivery_id for row in one.shipped),
    )


def _delivered(one: _Line) -> _Milestone:
    there = [row for row in one.shipped if row.delivered]
    qty = sum(row.qty for row in there)
    planned = one.line.confirmed_date or one.line.requested_date
    done = bool(there) and qty >= one.target
    return _Milestone(
        name="delivered",
        state="done" if done else _open_state(one, qty, planned),
        qty=qty,
        planned=planned,
        expected="" if done else one.coming(planned),
        actual=latest(*(row.delivered_on for row in there)) if done else "",
        documents=_ids(row.delivery_id for row in there),
    )


def _invoiced(one: _Line) -> _Milestone:
    if not one.billed:
        return _Milestone(name="invoiced", state="open")
    return _Milestone(
        name="invoiced",
        state="partly" if one.line.order_state == "open" else "done",
        actual=latest(*(row.invoice_date for row in one.billed)),
        documents=_ids(row.invoice_id for row in one.billed),
    )


def _open_state(one: _Line, qty: int, planned: str) -> str:
    if planned and planned < one.facts.today:
        return "late"
    return "partly" if qty > 0 else "open"


def _ids(documents: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(documents)))


def _summary(one: _Line, milestones: Sequence[_Milestone]) -> tuple[RawCell, ...]:
    line = one.line
    reached = [place for place, milestone in enumerate(milestones) if milestone.state == "done"]
    coming = milestones[reached[-1] + 1 :]
    following = next(
        (milestone for milestone in coming if milestone.state in ("open", "started", "partly", "late")), None
    )
    return (
        line.sales_order_id,
        line.line,
        line.material_id,
        line.qty_ordered,
        line.uom,
        line.requested_date,
        line.confirmed_date,
        line.order_state,
        milestones[reached[-1]].name,
        following.name if following else None,
        (following.expected or None) if following else None,
    )


def _row(line: OrderLineRow, milestone: _Milestone) -> tuple[RawCell, ...]:
    return (
        line.line,
        milestone.name,
        milestone.state,
        milestone.qty,
        line.uom if milestone.qty is not None else None,
        milestone.planned or None,
        milestone.expected or None,
        milestone.actual or None,
        milestone.delta_days,
        milestone.documents,
    )


# What follows, and the entity without which nothing is known of it.
_FOLLOWING: Final = (
    ("confirmed", "sales_order_line", _confirmed),
    ("produced", "production_order", _produced),
    ("picked", "delivery", _picked),
    ("shipped", "delivery", _shipped),
    ("delivered", "delivery", _delivered),
    ("invoiced", "customer_invoice", _invoiced),
)
READS: Final = {
    "lines": OrderLineRow,
    "headers": OrderedRow,
    "made": MadeRow,
    "done": DoneRow,
    "shipped": ShippedRow,
    "billed": BilledRow,
}
ANALYSIS: Final = Analysis(
    name="order_timeline",
    function=order_timeline,
    reads=READS,
    definition_id="order_timeline.1",
    dependences=classes((
        ("ordered", (("sales_order.order_date",),)),
        ("confirmed", (("sales_order_line.confirmed_date",), ("sales_order_line.qty_confirmed",))),
        ("produced", (
            ("production_order.sales_order_id",),
            ("production_order.sales_order_line",),
            ("production_order.planned_finish",),
            ("production_order.scheduled_finish", "production_order.planned_finish"),
            ("production_order.qty_yield",),
        )),
        ("picked", (("delivery.pick_status",), ("delivery.picked_at",), ("delivery.planned_goods_issue",))),
        ("shipped", (("delivery.actual_goods_issue",), ("delivery.planned_goods_issue",))),
        ("delivered", (("delivery.delivered",), ("delivery.delivered_on",), ("sales_order_line.confirmed_date",))),
        ("invoiced", (("customer_invoice.invoice_date",),)),
    )),
)  # fmt: skip
