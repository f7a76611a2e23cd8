"""Writing down why each late line is late, from the plan, before anyone has to find it out."""

from __future__ import annotations

from dataclasses import dataclass

from erp_mcp.demo.figures import quantity
from erp_mcp.demo.master import DOWN_CENTER, REPAIR_END_DAY
from erp_mcp.demo.plan import Batch, Line, Making, PurchaseLine
from erp_mcp.demo.plant_calendar import PlantCalendar
from erp_mcp.demo.truth import Truth


@dataclass(frozen=True, slots=True, kw_only=True)
class Planted:
    """Everything of one block that a cause may point to."""

    lines: list[Line]
    orders: list[Making]
    purchases: list[PurchaseLine]
    lots: list[Batch]
    left: dict[str, int]
    counted: dict[str, int]
    notifications: dict[str, str]
    repairs: dict[str, str]
    deliveries: dict[str, str | None]
    calendar: PlantCalendar

    def tell(self, truth: Truth) -> None:
        """Write one row for every late line."""
        open_orders = {order.line.key: order for order in self.orders if order.line is not None and order.lot is None}
        for line in self.lines:
            if line.cause is None:
                continue
            order = open_orders.get(line.key)
            facts: dict[str, str | None] = {
                "sales_order_id": line.so_no, "line": line.item, "root_cause_code": line.cause,
                "site": line.product.site,
                "production_order_id": order.number if order is not None else None,
            }  # fmt: skip
            facts |= self._cause(line, order)
            truth.late(**facts)

    def _cause(self, line: Line, order: Making | None) -> dict[str, str | None]:
        if order is None:
            return {"customer_id": line.cust, "material_id": line.product.number,
                    "delivery_id": self.deliveries.get(line.key)}  # fmt: skip
        match line.cause:
            case "late_po":
                return self._late_purchase(line, order)
            case "quality_hold":
                return self._hold(line, order)
            case "stock_discrepancy":
                return self._discrepancy(line, order)
            case "machine_down":
                return {"work_center_id": DOWN_CENTER, "maintenance_order_id": self.repairs[DOWN_CENTER],
                        "repair_end": self.calendar.date(REPAIR_END_DAY)}  # fmt: skip
            case _:
                return self._upstream(order)

    def _short(self, line: Line, order: Making) -> dict[str, str | None]:
        part = line.cause_product
        needs = [need for need in order.needs if part is not None and need.product is part]
        short = sum(need.qty for need in needs if need.cover == "none")
        return {"material_id": needs[0].product.number, "qty_short": quantity(short), "uom": needs[0].product.uom,
                "need_date": self.calendar.date(needs[0].day)}  # fmt: skip

    def _late_purchase(self, line: Line, order: Making) -> dict[str, str | None]:
        purchase = next(p for p in self.purchases if p.role == line.key)
        return self._short(line, order) | {
            "purchase_order_id": purchase.po_no, "purchase_order_line": purchase.item, "supplier_id": purchase.supplier,
            "original_promise_date": self.calendar.date(purchase.first_promise),
            "promised_date": self.calendar.date(purchase.promise),
            "promise_changed_at": self.calendar.instant(purchase.moved_at or 0),
        }  # fmt: skip

    def _hold(self, line: Line, order: Making) -> dict[str, str | None]:
        lot = next(lot for lot in self.lots if lot.stock_type == "S" and lot.product is line.cause_product)
        return self._short(line, order) | {"lot_id": lot.number, "notification_id": self.notifications[lot.number]}

    def _discrepancy(self, line: Line, order: Making) -> dict[str, str | None]:
        lot = next(lot for lot in self.lots if lot.number in self.counted and lot.product is line.cause_product)
        booked, counted = self.left[lot.number], self.counted[lot.number]
        return self._short(line, order) | {
            "lot_id": lot.number, "qty_erp": quantity(booked), "qty_mes": quantity(counted),
            "qty_short": quantity(booked - counted),
        }  # fmt: skip

    def _upstream(self, order: Making) -> dict[str, str | None]:
        child = next(o for o in self.orders if o.parent == order.number)
        return {"child_order_id": child.number, "material_id": child.product.number,
                "need_date": self.calendar.date(order.start),
                "expected_finish": self.calendar.instant(child.expected_end or 0)}  # fmt: skip
