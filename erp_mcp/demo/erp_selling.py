"""Writing order to cash: sales orders, lines, deliveries, invoices, and the goods issued to customers."""

from __future__ import annotations

from typing import Final

from erp_mcp.demo.draw import Draw
from erp_mcp.demo.erp_rows import BillingRow, DeliveryRow, ReservationRow, SalesHeadRow, SalesItemRow
from erp_mcp.demo.figures import amount, quantity, value_cents
from erp_mcp.demo.ledger import Ledger
from erp_mcp.demo.making import Numbers
from erp_mcp.demo.plan import Batch, Line
from erp_mcp.demo.plant_calendar import PlantCalendar, add_workdays, workday
from erp_mcp.demo.sales_plan import ordered_day
from erp_mcp.demo.tables import Tables

CARRIERS: Final = ("Nordfracht", "Elbe Spedition", "TransAlpin")
SHARED_REFERENCE: Final = "PO-4711"
UNPROVEN: Final = 4
_ISSUE_MINUTE: Final = 16 * 60 + 10
_PROOF_MINUTE: Final = 11 * 60


def unproven_lines(lines: list[Line], draw: Draw) -> frozenset[str]:
    """Return the lines whose last proof of delivery never came."""
    fit = [line.key for line in lines if line.state == "CLSD" and line.finish < -20]
    return frozenset(draw.shuffled(fit, "delivery", "unproven")[:UNPROVEN])


class Seller:
    """Writes the sales side of one block."""

    def __init__(
        self, erp: Tables, draw: Draw, calendar: PlantCalendar, numbers: Numbers, *, unproven: frozenset[str]
    ) -> None:
        """Keep where and how to write, and for which lines the last proof of delivery never came."""
        self.erp = erp
        self.draw = draw
        self.calendar = calendar
        self.numbers = numbers
        self.unproven = unproven
        self.proofs: dict[str, int] = {}  # line → day on which the last proof of delivery came
        self.without_proof: list[str] = []

    def order(self, group: list[Line], company: str, reference: str) -> None:
        """Write one sales order with its lines."""
        first = group[0]
        currency = self._currency(first.cust)
        blocked = first.cause == "credit_block"
        credit = "BLK" if blocked else "OK"
        state = first.state if len({line.state for line in group}) == 1 else "OPEN"
        ordered = ordered_day(group, self.draw)
        changed = self.calendar.stamp(
            min(max(line.finish for line in group) + 4, -1) if state == "CLSD" else -2, 11 * 60
        )
        total = 0
        for line in group:
            value = value_cents(line.qty, self._price(line))
            total += value
            open_qty = line.qty - line.delivered if line.state == "OPEN" else 0
            self.erp.add(
                SalesItemRow(
                    line.so_no, line.item, line.product.site, line.cust, line.product.number, quantity(line.qty),
                    quantity(line.qty), quantity(line.delivered), quantity(open_qty), line.product.uom,
                    self.calendar.date(line.requested), self.calendar.date(line.confirmed), amount(value),
                    amount(value_cents(open_qty, self._price(line))), currency, credit, None, line.state, changed,
                )
            )  # fmt: skip
        incoterm = self.draw.pick(("DAP", "FCA", "EXW", "CPT"), "sales", first.so_no, "incoterm")
        memo = "Please deliver to gate 4." if self.draw.below(12, "sales", first.so_no, "memo") == 0 else None
        self.erp.add(
            SalesHeadRow(
                first.so_no, company, first.product.site, first.cust, reference, self.calendar.date(ordered), incoterm,
                amount(total), currency, credit, None, state, memo, changed,
            )
        )  # fmt: skip

    def _price(self, line: Line) -> int:
        return (
            self.draw.between((9_000_000, 42_000_000), "material", line.product.number, "sales_price")
            // 10_000
            * 10_000
        )

    def _currency(self, customer: str) -> str:
        return "USD" if (int(customer[1:]) - 1) % 10 == 3 else "EUR"

    def shipments(self, line: Line, lot: Batch, ledger: Ledger) -> None:
        """Write what was shipped of a closed or partly delivered line from the lot that was made for it."""
        day = (line.part_finish or line.finish) + 1
        parts = [(day, line.delivered)]
        half = line.delivered // 2 // 1_000 * 1_000
        if line.state == "CLSD" and half and self.draw.below(5, "delivery", line.key, "twice") == 0:
            parts = [(day, half), (day + 2, line.delivered - half)]
        for issue_day, qty in parts:
            last = issue_day == parts[-1][0]
            delivery = self._delivery(line, lot, qty, proven=not (last and line.key in self.unproven),
                                      planned=issue_day - self.draw.below(2, "delivery", line.key, "planned"),
                                      issued=issue_day, picked=self.calendar.at(issue_day, 9 * 60))  # fmt: skip
            ledger.post(
                self.calendar.at(issue_day, _ISSUE_MINUTE), "601", lot, (("F", -qty),), ("DLV", delivery, "0010")
            )
            if issue_day < -3:
                value = amount(value_cents(qty, self._price(line)))
                self.erp.add(
                    BillingRow(self.numbers.next("bill", "", 10, 90_000_101), "0010", line.product.site, line.so_no,
                               line.item,
                               self.calendar.date(issue_day + 1), value, self._currency(line.cust),
                               self.calendar.stamp(issue_day + 1, 600))
                )  # fmt: skip

    def _proof(self, number: str, issued: int | None) -> int | None:
        """Return the day on which a delivery was proven, where that is behind us."""
        if issued is None:
            return None
        day = workday(issued + self.draw.between((1, 4), "delivery", number, "transit"))
        return day if day < 0 else None

    def from_stock(self, line: Line, lot: Batch, *, picked_early: bool) -> str | None:
        """Write the reservation of a line served from finished stock; return its delivery unless credit forbids one."""
        self.erp.add(
            ReservationRow(
                self.numbers.next("reservation", "RS", 8), line.product.number, line.product.site, lot.number, "SLS",
                line.so_no,
                line.item, quantity(line.qty), line.product.uom, self.calendar.date(line.requested),
                self.calendar.stamp(-6, 600),
            )
        )  # fmt: skip
        if line.cause == "credit_block":
            return None
        stuck = line.cause == "picked_not_shipped"
        planned = line.requested - 1 if stuck else add_workdays(line.requested, -1)
        picked = self.calendar.at(planned, 10 * 60) if stuck else None
        return self._delivery(
            line, lot, line.qty, planned=planned, issued=None, picked=-7_200 if picked_early else picked
        )

    def _delivery(
        self, line: Line, lot: Batch, qty: int, *, planned: int, issued: int | None, picked: int | None,
        proven: bool = True,
    ) -> str:  # fmt: skip
        number = self.numbers.next("delivery", "", 10, 80_000_101)
        proof = self._proof(number, issued) if proven else None
        if proof is not None:
            self.proofs[line.key] = proof
        if not proven:
            self.without_proof.append(f"{number}/0010")
        if proof is not None:
            changed = self.calendar.stamp(proof, _PROOF_MINUTE)
        elif issued is not None:
            changed = self.calendar.stamp(issued, _ISSUE_MINUTE)
        else:
            changed = self.calendar.stamp(-1, 12 * 60)
        if issued is None and picked is not None:
            changed = self.calendar.instant(picked)
        self.erp.add(
            DeliveryRow(
                number, "0010", line.product.site, line.so_no, line.item, line.product.number, quantity(qty),
                line.product.uom,
                self.calendar.date(planned), self.calendar.date(issued) if issued is not None else None,
                "A" if picked is None else "C", self.calendar.instant(picked) if picked is not None else None,
                self.draw.pick(CARRIERS, "delivery", number, "carrier"), f"TRK{number[2:]}",
                int(proof is not None), self.calendar.date(proof) if proof is not None else None, lot.number,
                changed,
            )
        )  # fmt: skip
        return number
