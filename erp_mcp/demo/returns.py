"""What customers sent back: announced, received and looked at, or settled; some of it from lots that can be traced."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Literal

from erp_mcp.demo.draw import Draw
from erp_mcp.demo.erp_rows import InspectionRow, ReturnRow
from erp_mcp.demo.figures import UNIT, quantity
from erp_mcp.demo.ledger import Ledger
from erp_mcp.demo.making import Numbers
from erp_mcp.demo.plan import Batch, Line
from erp_mcp.demo.plant_calendar import PlantCalendar, add_workdays, workday
from erp_mcp.demo.tables import Tables

Fate = Literal["announced", "received", "restocked", "scrapped", "credited"]

# in order: what became of each return of a block, and whether the customer named the lot
PLAN: Final[tuple[tuple[Fate, bool], ...]] = (
    ("announced", True), ("announced", False), ("announced", True), ("announced", False), ("received", True),
    ("received", True), ("received", True), ("restocked", True), ("restocked", True), ("scrapped", True),
    ("credited", True), ("credited", False),
)  # fmt: skip
_STATES: Final = {"announced": "OPEN", "received": "RECV"}
_DISPOSITIONS: Final = {
    "announced": ("PEND",), "received": ("PEND", "REPR"), "restocked": ("REST",), "scrapped": ("SCRP",),
    "credited": ("CRED",),
}  # fmt: skip
REASONS: Final = ("DAMAGED", "WRONG_ITEM", "DEFECT", "EXCESS")
_MEMOS: Final = {"DAMAGED": "Packaging was wet when it arrived.", "DEFECT": "Makes a noise under load."}
_OLDEST, _NEWEST = -80, -16  # days on which what is sent back was delivered
_HOUR_S: Final = 3_600


@dataclass(slots=True, kw_only=True)
class Returns:
    """Writes the returns of one block; afterwards tells which are open and what waits for inspection."""

    erp: Tables
    draw: Draw
    calendar: PlantCalendar
    numbers: Numbers
    open: list[str] = field(default_factory=list)
    traceable: list[str] = field(default_factory=list)
    inspected: dict[str, int] = field(default_factory=dict)  # lot → second in which it came back

    def write(self, lines: Iterable[Line], lots: dict[str, Batch], proofs: dict[str, int], ledger: Ledger) -> None:
        """Write returns of closed lines; `lots` is the delivered lot, `proofs` the day of delivery, by line."""
        fit = {
            line.key: line
            for line in lines
            if line.state == "CLSD" and line.key in lots and _OLDEST <= proofs.get(line.key, 0) <= _NEWEST
        }
        chosen = self.draw.shuffled(fit, "return", "chosen")[: len(PLAN)]
        for key, (fate, named) in zip(chosen, PLAN, strict=True):
            self._one(fit[key], lots[key], proofs[key], fate, named=named)
            if fate in {"received", "restocked", "scrapped"}:
                self._post(fit[key], lots[key], fate, ledger)

    def _one(self, line: Line, lot: Batch, delivered: int, fate: Fate, *, named: bool) -> None:
        number = self.numbers.next("return", "", 10, 60_000_101)
        created = workday(delivered + self.draw.between((3, 9), "return", line.key, "created"))
        reason = self.draw.pick(REASONS, "return", line.key, "reason")
        state = _STATES.get(fate, "CLSD")
        changed = self.calendar.at(created, 15 * 60)
        if fate in {"received", "restocked", "scrapped"}:
            changed = self._came(line) + (4 * _HOUR_S if state == "CLSD" else 0)
        self.erp.add(
            ReturnRow(
                number, "0010", line.product.site, line.cust, line.so_no, line.item, line.product.number,
                lot.number if named else None, quantity(self._qty(line)), line.product.uom,
                self.calendar.date(created), reason,
                self.draw.pick(_DISPOSITIONS[fate], "return", line.key, "disposition"), state, _MEMOS.get(reason),
                self.calendar.instant(changed),
            )
        )  # fmt: skip
        if state != "CLSD":
            self.open.append(f"{number}/0010")
        if named:
            self.traceable.append(f"{number}/0010")

    def _qty(self, line: Line) -> int:
        return UNIT * self.draw.between((1, 4), "return", line.key, "qty")

    def _came(self, line: Line) -> int:
        """Return the second in which the goods came in, within the last week."""
        day = add_workdays(0, -self.draw.between((1, 4), "return", line.key, "came"))
        return self.calendar.at(day, 8 * 60 + self.draw.below(60, "return", line.key, "minute"))

    def _post(self, line: Line, lot: Batch, fate: Fate, ledger: Ledger) -> None:
        number, second, qty = self.numbers.last("return", "", 10), self._came(line), self._qty(line)
        reference = ("RMA", number, "0010")
        ledger.post(second, "651", lot, (("Q", qty),), reference)
        if fate == "restocked":
            ledger.post(second + 4 * _HOUR_S, "321", lot, (("Q", -qty), ("F", qty)), reference)
        elif fate == "scrapped":
            ledger.post(second + 4 * _HOUR_S, "553", lot, (("Q", -qty),), reference)
        else:
            self.inspected[lot.number] = second
            self._inspection(lot, qty, second)

    def _inspection(self, lot: Batch, qty: int, second: int) -> None:
        """Write the inspection of what came back; it is due in some days, so none is overdue."""
        number = self.numbers.next("inspection", "04", 10, 101)
        due = _HOUR_S * self.draw.between((20, 90), "inspection", number, "returned")
        self.erp.add(
            InspectionRow(number, lot.site, lot.product.number, lot.number, "RETURN", quantity(qty), lot.product.uom,
                          self.calendar.instant(due), "OPEN", None, self.calendar.instant(second))
        )  # fmt: skip
