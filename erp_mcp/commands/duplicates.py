"""Whether something open covers a request to buy already.

An open requisition for the material at the site is a duplicate when it is wanted within two weeks of the date asked
for, or earlier and large enough by itself. A purchase order line is one when it comes within two weeks and is large
enough: smaller ones are usual beside a new request, and the approver is told of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, NamedTuple

from erp_mcp.commands.rows import PurchaseLineRow, RequisitionRow
from erp_mcp.commands.units import Units
from erp_mcp.commands.verdicts import flag, need, ok, refuse
from erp_mcp.domain.days import days_between
from erp_mcp.domain.operation import CommandFacts
from erp_mcp.domain.proposal import Check
from erp_mcp.domain.value import quantity_text

HORIZON_DAYS: Final = 14
RULE: Final = "R-DUPLICATE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A quantity that is asked for by a date."""

    units: Units
    qty: int
    uom: str
    date: str


class _Open(NamedTuple):
    """Something open for the same material at the same site."""

    kind: str
    document: str
    line: str
    qty: int
    uom: str
    date: str
    near: bool
    covers: bool

    @property
    def is_duplicate(self) -> bool:
        return (self.near or self.covers) if self.kind == "purchase requisition" else self.near and self.covers


def check(
    facts: CommandFacts, wanted: Wanted, requisitions: Iterable[RequisitionRow], lines: Iterable[PurchaseLineRow]
) -> Check:
    """Return whether a request repeats what is open.

    Raises:
        RuleNotEvaluableError: `rule.not_evaluable`, where open requisitions or orders can't be looked at.
    """
    need(facts, RULE, "requisitions", "purchase_lines")
    found = sorted(_open(wanted, requisitions, lines), key=lambda one: (not one.near, _distance(wanted, one), one))
    repeated = [one for one in found if one.is_duplicate]
    if repeated:
        message = (
            f"{_named(repeated[0])} is open for this material at this site; use it, or ask for more than it holds on a"
            f" date more than {HORIZON_DAYS} days from it."
        )
        return refuse(RULE, message, **_facts(repeated))
    beside = [one for one in found if one.near]
    if beside:
        message = f"{_named(beside[0])} comes within {HORIZON_DAYS} days of it, but is smaller than what is asked for."
        return flag(RULE, message, **_facts(beside))
    return ok(RULE, f"Nothing open covers it or comes within {HORIZON_DAYS} days of it.")


def _open(wanted: Wanted, requisitions: Iterable[RequisitionRow], lines: Iterable[PurchaseLineRow]) -> Iterator[_Open]:
    for row in requisitions:
        date = row.delivery_date or ""
        covers = _covers(wanted, row.qty, row.uom) and (not date or date <= wanted.date)
        yield _Open(
            "purchase requisition", row.requisition_id, row.line, row.qty, row.uom, date, _near(wanted, date), covers
        )
    for line in lines:
        date = line.promised_date or line.original_promise_date or line.requested_date or ""
        covers = _covers(wanted, line.qty_open, line.uom)
        document, near = line.purchase_order_id, _near(wanted, date)
        yield _Open("purchase order", document, line.line, line.qty_open, line.uom, date, near, covers)


def _covers(wanted: Wanted, qty: int, uom: str) -> bool:
    """Return whether a quantity is as large; one that can't be compared is taken to be."""
    ratio = wanted.units.ratio(uom, wanted.uom)
    return ratio is None or Fraction(qty) * ratio >= wanted.qty


def _near(wanted: Wanted, date: str) -> bool:
    return not date or abs(days_between(date, wanted.date)) <= HORIZON_DAYS


def _distance(wanted: Wanted, one: _Open) -> int:
    return abs(days_between(one.date, wanted.date))


def _named(one: _Open) -> str:
    when = f" for {one.date}" if one.date else ""
    kind = one.kind[0].upper() + one.kind[1:]
    return f"{kind} {one.document}/{one.line} with {quantity_text(one.qty)} {one.uom}{when}"


def _facts(found: Sequence[_Open]) -> dict[str, str | int]:
    first = found[0]
    facts: dict[str, str | int] = {
        "document": first.document,
        "line": first.line,
        "qty": quantity_text(first.qty),
        "uom": first.uom,
        "delivery_date": first.date,
    }
    return {**facts, "others": len(found) - 1} if len(found) > 1 else facts
