"""Writing procure to pay: purchase orders, promises, receipts, supplier invoices, requisitions."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import Final

from erp_mcp.demo.draw import Draw
from erp_mcp.demo.erp_rows import (
    ConfirmationRow,
    PartRow,
    PurchaseHeadRow,
    PurchaseItemRow,
    ReceiptRow,
    RequisitionRow,
    SupplierInvoiceRow,
)
from erp_mcp.demo.figures import UNIT, amount, price, quantity, value_cents
from erp_mcp.demo.ledger import Ledger
from erp_mcp.demo.making import Numbers
from erp_mcp.demo.master import SHOWCASE_MATERIAL, currency_of
from erp_mcp.demo.plan import Batch, Block, PurchaseLine
from erp_mcp.demo.plant_calendar import PlantCalendar, workday
from erp_mcp.demo.tables import Tables

PRICE_EXCEPTIONS: Final = 14
QUANTITY_EXCEPTIONS: Final = 10
NO_RECEIPT_EXCEPTIONS: Final = 7
DUPLICATE_EXCEPTIONS: Final = 5
WAITING_LONG: Final = 6
WAITING: Final = 9
REQUISITIONS_RELEASED: Final = 14
REQUISITIONS_CONVERTED: Final = 10
_ORIGINS: Final = ("MRP", "USER", "MRP", "MRP", "USER", "MRP", "GATE")
_RECEIPT_MINUTE: Final = 7 * 60 + 20
_HOUR_S: Final = 3_600


class Purchasing:
    """Writes the purchasing side of one block."""

    def __init__(self, erp: Tables, draw: Draw, calendar: PlantCalendar, numbers: Numbers) -> None:
        """Keep where and how to write."""
        self.erp = erp
        self.draw = draw
        self.calendar = calendar
        self.numbers = numbers

    def orders(self, lines: list[PurchaseLine]) -> None:
        """Write purchase orders with lines, promises and receipts; `lines` come in order of number."""
        for po_no, group in groupby(lines, key=lambda line: line.po_no):
            items = list(group)
            first = items[0]
            ordered = self.calendar.date(first.ordered)
            currencies = [currency_of(line.supplier, line.product) for line in items]
            changed = self.calendar.stamp(first.ordered, 9 * 60)
            self.erp.add(
                PurchaseHeadRow(po_no, first.site, first.site, first.supplier, ordered, currencies[0], changed)
            )
            for line, currency in zip(items, currencies, strict=True):
                self._line(line, currency)

    def _line(self, line: PurchaseLine, currency: str) -> None:
        day = self.calendar.date
        per = 100 if line.product.price < 50_000 else 1
        received = [receipt[0] for receipt in line.receipts]
        touched = self.calendar.at(max([line.ordered, *received]), 14 * 60)
        changed = self.calendar.instant(min(max(touched, line.moved_at or touched), -1_800))
        self.erp.add(
            PurchaseItemRow(
                line.po_no, line.item, line.site, line.site, line.supplier, line.product.number, quantity(line.qty),
                quantity(line.received), quantity(line.open_qty), line.product.buy_uom, day(line.ordered),
                day(line.requested),
                day(line.first_promise), day(line.promise),
                self.calendar.instant(line.moved_at) if line.moved_at is not None else None, int(line.confirmed),
                price(line.product.price * per), per,
                amount(value_cents(line.open_qty, line.product.price)), currency, "R", line.state, line.memo, changed,
            )
        )  # fmt: skip
        if line.part is not None:
            part_day, part_qty = line.part
            self.erp.add(PartRow(line.po_no, line.item, line.site, quantity(part_qty), day(part_day), changed))
        self._promises(line)
        for place, (received_day, qty, lot) in enumerate(line.receipts):
            self.erp.add(
                ReceiptRow(line.po_no, line.item, place + 1, line.site, line.supplier, day(received_day), quantity(qty),
                           line.product.buy_uom, lot, self.calendar.stamp(received_day, _RECEIPT_MINUTE))
            )  # fmt: skip

    def _promises(self, line: PurchaseLine) -> None:
        if not line.confirmed or line.state == "CANC":
            return
        promises: list[tuple[int, int, str | None]] = [
            (self.calendar.at(line.ordered + 2, 10 * 60), line.first_promise, None)
        ]
        if line.moved_at is not None:
            promises.append((line.moved_at, line.promise, line.reason))
        for place, (second, promised, reason) in enumerate(promises):
            at = self.calendar.instant(second)
            self.erp.add(
                ConfirmationRow(line.po_no, line.item, place + 1, line.site, at, self.calendar.date(promised),
                                quantity(line.qty), line.product.buy_uom, reason, at)
            )  # fmt: skip

    def post_receipts(self, lines: Iterable[PurchaseLine], lots: dict[str, Batch], ledger: Ledger) -> None:
        """Post every receipt in the base unit; a lot on hold is blocked two days later."""
        for line in lines:
            for day, qty, number in line.receipts:
                lot = lots[number]
                base = qty * lot.product.numerator // lot.product.denominator
                arrives = "Q" if lot.stock_type == "Q" else "F"
                second = self.calendar.at(day, _RECEIPT_MINUTE)
                ledger.post(second, "101", lot, ((arrives, base),), ("PO", line.po_no, line.item))
                if lot.stock_type == "S":
                    ledger.post(
                        self.calendar.at(day + 2, 11 * 60), "344", lot, (("F", -base), ("S", base)), ("QN", "", "")
                    )

    def invoices(self, lines: list[PurchaseLine]) -> None:
        """Write supplier invoices with a planted number of each kind of exception."""
        billed = [line for line in lines if line.state == "CLSD"]
        queue = self.draw.shuffled((f"{line.po_no}/{line.item}" for line in billed), "invoice", "exceptions")
        kinds: dict[str, str] = {}
        for kind, count in (("PRICE", PRICE_EXCEPTIONS), ("QTY", QUANTITY_EXCEPTIONS), ("DUP", DUPLICATE_EXCEPTIONS)):
            kinds.update(dict.fromkeys(queue[:count], kind))
            queue = queue[count:]
        for line in billed:
            self._invoice(line, kinds.get(f"{line.po_no}/{line.item}"))
        never_came = [line for line in lines if line.state == "OPEN" and not line.receipts and line.confirmed]
        chosen = self.draw.shuffled((f"{line.po_no}/{line.item}" for line in never_came), "invoice", "no_receipt")
        for line in never_came:
            if f"{line.po_no}/{line.item}" in chosen[:NO_RECEIPT_EXCEPTIONS]:
                self._invoice(line, "NOREC")

    def _invoice(self, line: PurchaseLine, kind: str | None) -> None:
        key = f"{line.po_no}/{line.item}"
        per = 100 if line.product.price < 50_000 else 1
        qty = line.received or line.qty
        charged = line.product.price * per
        if kind == "PRICE":
            charged = charged * self.draw.between((106, 125), "invoice", key, "price") // 100
        if kind == "QTY":
            qty += max(UNIT, qty // 10 // UNIT * UNIT)
        day = min(max([receipt[0] for receipt in line.receipts], default=-9) + 3, -1)
        value = value_cents(qty, charged, per)
        for copy in range(2 if kind == "DUP" else 1):
            parked_for = kind if kind != "DUP" or copy else None
            at = self.calendar.stamp(day, 13 * 60 + copy)
            self.erp.add(
                SupplierInvoiceRow(
                    self.numbers.next("invoice", "", 10, 5_100_000_101), "0001", line.site, line.supplier, line.po_no,
                    line.item,
                    self.calendar.date(day), quantity(qty), line.product.buy_uom, price(charged), per, amount(value),
                    currency_of(line.supplier, line.product), f"R-{line.po_no[4:]}-{line.item}",
                    "PARK" if parked_for else "POST",
                    parked_for, at,
                )
            )  # fmt: skip

    def requisitions(self, block: Block) -> tuple[list[str], str]:
        """Write requisitions; return those that wait for release too long, and the one for a material that is late."""
        plain = [p for p in block.raw if p.role == "plain" and p.number != SHOWCASE_MATERIAL]
        by_number = {p.number: p for p in plain}
        queue = [by_number[number] for number in self.draw.shuffled(by_number, "requisition", "order")]
        late = block.raw_of("late_po")[1]
        waiting: list[str] = []
        plan = [("W", "OPEN", (15 * 24, 40 * 24))] * WAITING_LONG + [("W", "OPEN", (20, 12 * 24))] * WAITING
        plan += [("R", "OPEN", (20, 30 * 24))] * REQUISITIONS_RELEASED
        plan += [("R", "CONV", (48, 60 * 24))] * REQUISITIONS_CONVERTED
        plan.append(("R", "OPEN", (30, 60)))
        wanted = [*queue[: len(plan) - 1], late]
        number = ""
        for place, ((release, state, hours), product) in enumerate(zip(plan, wanted, strict=True)):
            number = self.numbers.next("requisition", "", 10, 30_000_101)
            created = -_HOUR_S * self.draw.between(hours, "requisition", number, "created")
            due = workday(self.draw.between((35, 50), "requisition", number, "due"))
            at = self.calendar.instant(created)
            self.erp.add(
                RequisitionRow(number, "00010", product.site, product.number, quantity(60 * UNIT), product.uom,
                               self.calendar.date(due), at, release, product.supplier if place % 3 else None, state,
                               _ORIGINS[place % len(_ORIGINS)], at)
            )  # fmt: skip
            if place < WAITING_LONG:
                waiting.append(number)
        return waiting, number
