"""Counting every exception class while it is planned, so that none exists by accident."""

from __future__ import annotations

from dataclasses import dataclass

from erp_mcp.demo.buying import INJECTED_NOTE
from erp_mcp.demo.erp_selling import SHARED_REFERENCE
from erp_mcp.demo.figures import UNIT, quantity
from erp_mcp.demo.late_truth import Planted
from erp_mcp.demo.lots import SHOWCASE_FREE, Holding
from erp_mcp.demo.master import RIGHT_TO_LEFT_SUPPLIER, SHOWCASE_MATERIAL, ZERO_WIDTH_CUSTOMER
from erp_mcp.demo.plan import SITES, Block, Making, Need, PurchaseLine
from erp_mcp.demo.returns import Returns
from erp_mcp.demo.truth import Truth

NOTICE_DAYS = 14


def _key(line: PurchaseLine) -> str:
    return f"{line.po_no}/{line.item}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exceptions:
    """Writes the exception classes of one block, and the answers that are such classes."""

    truth: Truth
    planted: Planted

    def purchases(self, lines: list[PurchaseLine]) -> None:
        """Write the classes of purchase order lines."""
        still_open = [line for line in lines if line.state == "OPEN"]
        moved = [line for line in still_open if line.promise > line.first_promise]
        harmless = [line for line in moved if not line.role]
        unconfirmed = [line for line in still_open if not line.confirmed]
        soon = [line for line in unconfirmed if line.promise <= NOTICE_DAYS]
        classes = {
            "po_promise_moved": moved,
            "po_promise_moved_harmless": harmless,
            "po_promise_earlier": [line for line in still_open if line.promise < line.first_promise],
            "po_overdue": [line for line in still_open if line.promise < 0],
            "po_unconfirmed": unconfirmed,
            "po_unconfirmed_soon": soon,
            "po_partly_received": [line for line in still_open if line.receipts],
            "po_cancelled": [line for line in lines if line.state == "CANC"],
            "po_recreated": [line for line in lines if line.role == "recreated"],
        }
        classes["po_promise_moved_harmless"] = harmless
        for name, members in classes.items():
            self.truth.exceptions(name, map(_key, members))
        for question, members in (("17", moved), ("18", harmless), ("21", soon)):
            self.truth.answer(question, [(_key(line), line.supplier) for line in members])

    def stock(self, holding: Holding, block: Block) -> None:
        """Write the classes of materials and lots."""
        on_hand: dict[str, int] = {}
        for lot in self.planted.lots:
            if lot.stock_type == "F" and lot.site == lot.product.site:
                on_hand[lot.product.number] = on_hand.get(lot.product.number, 0) + self.planted.left.get(lot.number, 0)
        under = [number for number, kept in holding.safety.items() if on_hand.get(number, 0) < kept]
        self.truth.exceptions("material_under_safety", sorted(under))
        self.truth.exceptions("material_free_elsewhere", [p.number for p in holding.elsewhere])
        stocked = [lot for lot in self.planted.lots if self.planted.left.get(lot.number)]
        self.truth.exceptions("lot_in_inspection", [lot.number for lot in stocked if lot.stock_type == "Q"])
        soon = [lot.number for lot in stocked if lot.expiry is not None and lot.expiry <= 30]
        self.truth.exceptions("lot_expiring", soon)
        blocked_by = {order.number for order in self.planted.orders}
        for lot in stocked:
            if lot.stock_type == "S":
                order = next(o for o in self.planted.orders if o.number in blocked_by and _lacks(o, lot.product.number))
                self.truth.exceptions("lot_on_hold", [lot.number], order.number)
                self.truth.answer("31", [(lot.number, order.number)])
        converted = [p.number for p in block.raw if p.denominator != 1]
        self.truth.exceptions("material_bought_in_other_unit", converted)

    def sent(self, without_proof: list[str], returns: Returns) -> None:
        """Write the classes of what was sent to customers and what came back."""
        self.truth.exceptions("delivery_without_proof", without_proof)
        self.truth.exceptions("return_open", returns.open)
        self.truth.exceptions("return_traceable", returns.traceable)
        self.truth.exceptions("lot_in_inspection", sorted(returns.inspected))
        for lot in sorted(returns.inspected):
            self.truth.role(self.truth.next_role("returned_lot"), "lot", lot)

    def miscounted(self, orders: list[str]) -> None:
        """Write the finished orders of which the shop floor counted something else than was reported to the ERP."""
        self.truth.exceptions("order_count_differs", orders)

    def others(
        self, *, overdue_inspections: list[str], long_running: list[str], explained: list[str], waiting: list[str]
    ) -> None:
        """Write the classes that the quality, shop floor and purchasing parts counted themselves."""
        late = [f"{line.so_no}/{line.item}" for line in self.planted.lines if line.cause is not None]
        self.truth.exceptions("sales_line_late", late)
        lines = self.planted.lines
        for name, state in (("sales_line_open", "OPEN"), ("sales_line_cancelled", "CANC")):
            self.truth.exceptions(name, [f"{line.so_no}/{line.item}" for line in lines if line.state == state])
        partly = [f"{line.so_no}/{line.item}" for line in lines if line.part_finish]
        self.truth.exceptions("sales_line_partly_delivered", partly)
        self.truth.exceptions("inspection_overdue", overdue_inspections)
        self.truth.exceptions("job_over_48h", long_running)
        self.truth.exceptions("difference_explained", explained)
        self.truth.exceptions("difference_unexplained", self.planted.counted)
        self.truth.exceptions("requisition_waiting_14d", waiting)
        for question, ids in (("1", late), ("28", long_running), ("34", overdue_inspections), ("23", waiting)):
            self.truth.answer(question, [(id_, "") for id_ in ids])

    def showcases(self, block: Block, duplicate_requisition: str, references: dict[str, str]) -> None:
        """Write roles of the first block that single questions speak of."""
        injected = next(line for line in self.planted.purchases if line.memo == INJECTED_NOTE)
        self.truth.role("injected_note#1", "purchase_order_line", _key(injected))
        self.truth.role("injected_notification#1", "quality_notification", self.planted.notifications["injected"])
        self.truth.exceptions("hostile_text", [_key(injected), self.planted.notifications["injected"]])
        self.truth.role("open_requisition#1", "purchase_requisition", duplicate_requisition)
        self.truth.role("open_requisition#1", "material", block.raw_of("late_po")[1].number)
        self.truth.role("free_stock#1", "material", SHOWCASE_MATERIAL)
        self.truth.answer("15", [(SHOWCASE_MATERIAL, quantity(SHOWCASE_FREE)), ("uom", "EA")])
        self.truth.answer("39", [("not_found", "0010009999")])
        healthy = next(
            ln for ln in self.planted.lines if ln.made == "running" and references[ln.so_no] != SHARED_REFERENCE
        )
        self.truth.role("order_status#1", "sales_order", healthy.so_no)
        self.truth.role("order_status#1", "customer_reference", references[healthy.so_no])
        elsewhere = next(ln for ln in self.planted.lines if ln.state == "OPEN" and ln.product.site == SITES[1])
        self.truth.role("other_site_order#1", "sales_order", elsewhere.so_no)
        self.truth.role("zero_width_name#1", "customer", ZERO_WIDTH_CUSTOMER)
        self.truth.role("right_to_left_name#1", "supplier", RIGHT_TO_LEFT_SUPPLIER)
        self._reallocation()

    def _reallocation(self) -> None:
        """Write question 13: what happens when a late order takes over what is held for a healthy one."""
        for late in (line for line in self.planted.lines if line.cause == "late_po"):
            purchase = next(p for p in self.planted.purchases if p.role == late.key)
            needy = next(o for o in self.planted.orders if o.line is late and o.lot is None)
            short = next(need for need in needy.needs if need.cover == "none")
            found = self._donor(short, purchase)
            if found is None or short.qty % UNIT:
                continue
            donor, need = found
            line = donor.line or late
            self.truth.answer("13", [
                ("material_id", short.product.number), ("from", donor.number), ("to", needy.number),
                ("qty", quantity(short.qty)),
                ("late_line", f"{line.so_no}/{line.item}"), ("delta_days", str(purchase.promise - need.day)),
            ])  # fmt: skip
            return

    def _donor(self, short: Need, purchase: PurchaseLine) -> tuple[Making, Need] | None:
        for order in self.planted.orders:
            if order.line is None or order.line.cause is not None or order.line.state != "OPEN":
                continue
            for need in order.needs:
                same = need.product is short.product and need.cover == "reserved"
                if same and need.qty >= short.qty and need.day < purchase.promise:
                    return order, need
        return None


def _lacks(order: Making, material: str) -> bool:
    return any(need.cover == "none" and need.product.number == material for need in order.needs)
