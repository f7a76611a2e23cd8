"""A plant of a few rows, built in the test that uses it: one sales order line and what it waits for."""

from __future__ import annotations

import types
from collections.abc import Mapping
from datetime import UTC, tzinfo
from typing import Any, NamedTuple, TypeVar, get_args, get_origin, get_type_hints

from erp_mcp.analyses import rows
from erp_mcp.domain.analysis import Analysis, Facts, Findings
from erp_mcp.domain.answer import Gap
from erp_mcp.domain.call import ArgumentValue

TODAY = "2026-03-16"
NOW = "2026-03-16T05:00:00Z"
ONE = 1_000_000  # a quantity of 1
Row = TypeVar("Row", bound=NamedTuple)


def make(row: type[Row], **given: object) -> Row:
    """Return a row with what is given; the rest is empty: None where allowed, else "" or 0."""
    values: dict[str, Any] = {"system": "erp", "as_of": NOW, "site": "1000", "uom": "C62", **given}
    hints = get_type_hints(row)
    unknown = set(given) - set(hints)
    assert not unknown, f"{row.__name__} has no {unknown}"
    return row(*(values.get(name, _empty(hint)) for name, hint in hints.items()))


def _empty(hint: object) -> object:
    if get_origin(hint) is types.UnionType and type(None) in get_args(hint):
        return None
    return 0 if hint is int else ""


class SmallPlant:
    """Rows by read, with shorthands; quantities are whole units."""

    def __init__(self) -> None:
        """Start with nothing."""
        self.reads: dict[str, list[NamedTuple]] = {}
        self.gaps: list[Gap] = []
        self.lacking: frozenset[str] = frozenset()
        self.zone: tzinfo = UTC

    def add(self, read: str, row: type[Row], **given: object) -> Row:
        """Add a row to a read and return it."""
        made = make(row, **given)
        self.reads.setdefault(read, []).append(made)
        return made

    def gap(self, *entities: str) -> None:
        """Say that the sources of these entities are missing."""
        self.gaps.extend(Gap(entity=one, reason="no_source") for one in entities)

    def line(self, **given: object) -> rows.SalesLineRow:
        """Add a late line of order SO-1 for ten of FG, wanted on the 20th and confirmed for the 27th."""
        values: dict[str, object] = {
            "sales_order_id": "SO-1",
            "line": "10",
            "customer_id": "C-1",
            "material_id": "FG",
            "qty_open": 10 * ONE,
            "requested_date": "2026-03-20",
            "confirmed_date": "2026-03-27",
            "open_value": 1000_0000,
            "currency": "EUR",
            "order_state": "open",
        }
        return self.add("lines", rows.SalesLineRow, **values | given)

    def order(self, order_id: str = "P-1", **given: object) -> rows.ProductionOrderRow:
        """Add a production order for SO-1/10 that starts on the 17th and ends on the 19th."""
        values: dict[str, object] = {
            "production_order_id": order_id,
            "material_id": "FG",
            "qty_planned": 10 * ONE,
            "planned_start": "2026-03-17",
            "planned_finish": "2026-03-19",
            "request_state": "Released",
            "sales_order_id": "SO-1",
            "sales_order_line": "10",
        }
        return self.add("orders", rows.ProductionOrderRow, **values | given)

    def needs(self, qty: int = 20, order_id: str = "P-1", **given: object) -> rows.ComponentRow:
        """Add a component: `qty` of RM on the 17th."""
        values: dict[str, object] = {
            "production_order_id": order_id,
            "line": "0010",
            "material_id": "RM",
            "qty_required": qty * ONE,
            "qty_open": qty * ONE,
            "need_date": "2026-03-17",
        }
        return self.add("components", rows.ComponentRow, **values | given)

    def stock(self, qty: int, lot: str | None = "L-1", **given: object) -> rows.StockRow:
        """Add unrestricted stock of RM."""
        values: dict[str, object] = {
            "material_id": "RM",
            "storage_location_id": "W1",
            "lot_id": lot,
            "stock_type": "unrestricted",
            "qty": qty * ONE,
        }
        return self.add("stock", rows.StockRow, **values | given)

    def lot(self, lot: str, disposition: str = "UnRestricted", **given: object) -> rows.LotRow:
        """Add a lot of RM."""
        values: dict[str, object] = {"lot_id": lot, "material_id": "RM", "lot_disposition": disposition}
        return self.add("lots", rows.LotRow, **values | given)

    def reserves(self, qty: int, lot: str | None = "L-1", demand: str = "P-1", **given: object) -> rows.ReservationRow:
        """Add a reservation of RM for a production order."""
        values: dict[str, object] = {
            "reservation_id": f"R-{len(self.reads.get('reservations', ())) + 1}",
            "material_id": "RM",
            "lot_id": lot,
            "demand_type": "production_order",
            "demand_id": demand,
            "demand_line": "0010",
            "qty": qty * ONE,
            "need_date": "2026-03-17",
        }
        return self.add("reservations", rows.ReservationRow, **values | given)

    def buys(self, qty: int, promised: str, first: str = "2026-03-16", **given: object) -> rows.PurchaseLineRow:
        """Add an open purchase line for RM, first promised for the 16th."""
        values: dict[str, object] = {
            "purchase_order_id": "PO-1",
            "line": "10",
            "supplier_id": "S-1",
            "material_id": "RM",
            "qty_open": qty * ONE,
            "qty_open_base": qty * ONE,
            "base_uom": "C62",
            "requested_date": first,
            "original_promise_date": first,
            "promised_date": promised,
            "promise_changed_at": "2026-03-09T08:00:00Z" if promised > first else None,
            "confirmed": 1,
        }
        return self.add("purchase_lines", rows.PurchaseLineRow, **values | given)

    def counts(self, qty: int, lot: str = "L-1", **given: object) -> rows.MesStockRow:
        """Add what the shop floor counts of a lot of RM."""
        values: dict[str, object] = {
            "system": "mes",
            "material_id": "RM",
            "storage_location_id": "W1",
            "lot_id": lot,
            "qty": qty * ONE,
        }
        return self.add("mes_stock", rows.MesStockRow, **values | given)

    def operation(
        self, center: str = "CNC-1", start: str = "2026-03-17T06:00:00Z", **given: object
    ) -> rows.OperationRow:
        """Add a waiting operation of P-1 and its work centre."""
        values: dict[str, object] = {
            "production_order_id": "P-1",
            "operation_id": "0020",
            "work_center_id": center,
            "planned_start": start,
            "request_state": "Waiting",
        }
        return self.add("operations", rows.OperationRow, **values | given)

    def center(self, center: str = "CNC-1", alternative: str | None = None) -> None:
        """Add a work centre."""
        self.add("work_centers", rows.WorkCenterRow, work_center_id=center, alternative_id=alternative)

    def down(self, center: str = "CNC-1", repaired: str | None = "2026-03-25") -> None:
        """Add an open downtime and, with `repaired`, the repair order."""
        self.add(
            "downtimes",
            rows.DowntimeRow,
            system="mes",
            downtime_id=f"D-{center}",
            work_center_id=center,
            started_at="2026-03-14T10:00:00Z",
            reason_code="SPINDLE",
        )
        if repaired:
            self.repair(center, repaired)

    def repair(self, center: str, finish: str) -> None:
        """Add an open repair order that says the work centre is down."""
        self.add(
            "maintenance",
            rows.MaintenanceRow,
            maintenance_order_id=f"M-{center}",
            work_center_id=center,
            order_type="repair",
            planned_start="2026-03-14",
            planned_finish=finish,
            order_state="in_process",
            asset_is_down=1,
        )

    def holds(self, qty: int, lot: str = "L-9", *, notification: bool = True) -> None:
        """Add a restricted lot of RM in blocked stock and the notification that asks for the hold."""
        self.lot(lot, "Restricted")
        self.stock(qty, lot, stock_type="blocked")
        if notification:
            self.add(
                "notifications",
                rows.NotificationRow,
                notification_id=f"N-{lot}",
                material_id="RM",
                lot_id=lot,
                hold=1,
                opened_at="2026-03-12T09:00:00Z",
                order_state="open",
            )

    def facts(self, arguments: Mapping[str, ArgumentValue] | None = None) -> Facts:
        """Return the facts of a call."""
        return Facts(
            rows={name: tuple(found) for name, found in self.reads.items()},
            arguments=arguments or {},
            today=TODAY,
            now=NOW,
            gaps=tuple(self.gaps),
            zone=self.zone,
            lacking=self.lacking,
        )

    def ask(self, analysis: Analysis, **arguments: ArgumentValue) -> Findings:
        """Run an analysis over the plant."""
        return analysis.function(self.facts(arguments))
