"""Facts of small cases for operations of planning and stock; a test changes what it is about."""

from __future__ import annotations

from dataclasses import replace
from typing import Final, NamedTuple

from erp_mcp.commands import rows, rows_planning
from erp_mcp.domain.call import Rows
from erp_mcp.domain.entities.inventory import Lot, Material, Reservation, Stock
from erp_mcp.domain.entities.planning import PlannedOrder
from erp_mcp.domain.entities.procurement import PurchaseOrderLine
from erp_mcp.domain.entities.production import ProductionComponent, ProductionOperation, ProductionOrder
from tests.unit.commands.cases import NOW, SOURCE, UNIT, Case

MATERIAL: Final = Material(
    system="erp", source_key="RM-1", version_token="v1", as_of=NOW, material_id="RM-1", base_uom="EA", status="active"
)
NEEDED: Final = ProductionComponent(
    system="erp", source_key="P1/0010", version_token="v1", as_of=NOW, production_order_id="P1", line="0010",
    site="1000", material_id="RM-1", qty_required=50 * UNIT, qty_withdrawn=0, qty_open=50 * UNIT, uom="EA",
    need_date="2026-03-25",
)  # fmt: skip
PEGGING: Final[dict[str, tuple[NamedTuple, ...]]] = {
    "purchase_lines": (),
    "demand": (
        rows.ComponentRow(
            production_order_id="P1", line="0010", qty_open=50 * UNIT, uom="EA", need_date="2026-03-25",
            supply_order_id=None,
        ),
    ),
    "sales_demand": (),
    "deliveries": (),
    "supply_orders": (),
    "orders": (),
    "stock": (rows.StockRow("L1", 100 * UNIT), rows.StockRow("L2", 30 * UNIT)),
    "lots": (rows.LotRow("L1", "UnRestricted", "2026-12-01"), rows.LotRow("L2", "UnRestricted", "2026-06-01")),
    "reservations": (),
}  # fmt: skip


def stock(lot_id: str, qty: int, **changed: str) -> Stock:
    """Return unrestricted stock of a lot as the ERP has it now, in pieces."""
    return Stock(
        system="erp", source_key=f"RM-1/{lot_id}", version_token="v1", as_of=NOW, material_id="RM-1", site="1000",
        storage_location_id="0001", lot_id=lot_id or None, qty=qty * UNIT,
        **{"stock_type": "unrestricted", "uom": "EA", **changed},
    )  # fmt: skip


def lot(lot_id: str, expiry_date: str | None = None, disposition: str | None = "UnRestricted") -> Lot:
    """Return a lot as the ERP has it now."""
    return Lot(
        system="erp", source_key=lot_id, version_token="v1", as_of=NOW, lot_id=lot_id, material_id="RM-1", site="1000",
        lot_disposition=disposition, expiry_date=expiry_date,
    )  # fmt: skip


def held(number: str, lot_id: str | None, qty: int, demand_id: str = "P9", **changed: str) -> Reservation:
    """Return a reservation as the ERP has it now, in pieces."""
    return Reservation(
        system="erp", source_key=number, version_token=f"v-{number}", as_of=NOW, reservation_id=number,
        material_id="RM-1", site="1000", lot_id=lot_id, demand_id=demand_id, qty=qty * UNIT, uom="EA",
        **{"demand_type": "production_order", "demand_line": "0010", "need_date": "2026-03-20", **changed},
    )  # fmt: skip


RESERVE: Final = Case(
    operation="reservation.create",
    arguments={
        "material_id": "RM-1",
        "site": "1000",
        "qty": 20 * UNIT,
        "uom": "EA",
        "demand_id": "P1",
        "demand_line": None,
        "need_date": "2026-03-25",
        "lot_id": None,
    },
    rows={
        "materials": (
            rows.MaterialRow(system="erp", source_key="RM-1", material_id="RM-1", base_uom="EA", status="active"),
        ),
        "planning": (rows_planning.SafetyRow(system="erp", site="1000", safety_stock=40 * UNIT),),
        "units": (rows.UnitRow(uom="BX", base_uom="EA", numerator=5, denominator=2),),
        "holds": (),
        **PEGGING,
    },
    live={
        "materials": (MATERIAL,),
        "components": (NEEDED,),
        "sales_lines": (),
        "on_hand": (stock("L1", 100), stock("L2", 30)),
        "held_lots": (lot("L1", "2026-12-01"), lot("L2", "2026-06-01")),
        "held": (),
    },
)
ORDER: Final = ProductionOrder(
    system="erp", source_key="M1", version_token="v3", as_of=NOW, production_order_id="M1", site="1000",
    material_id="FG-1", qty_planned=50 * UNIT, qty_yield=0, qty_scrap=0, uom="EA", planned_start="2026-03-30",
    planned_finish="2026-04-02", scheduled_start="2026-03-30", scheduled_finish="2026-04-02", request_state="Waiting",
    sales_order_id="10", sales_order_line="000010",
)  # fmt: skip


def step(operation_id: str, work_center_id: str, day: str, state: str = "Waiting") -> ProductionOperation:
    """Return one day's work of the order as the ERP has it now."""
    return ProductionOperation(
        system="erp", source_key=f"M1/{operation_id}", version_token="v1", as_of=NOW, production_order_id="M1",
        operation_id=operation_id, site="1000", work_center_id=work_center_id, planned_start=f"{day}T06:00:00Z",
        planned_finish=f"{day}T12:00:00Z", request_state=state, work_min=100,
    )  # fmt: skip


RESCHEDULE: Final = Case(
    operation="production_order.reschedule",
    arguments={"production_order_id": "M1", "new_finish": "2026-04-09", "new_start": None},
    rows={
        **PEGGING,
        "order": (rows_planning.OrderRefRow("erp", "M1", "M1", "1000", "FG-1"),),
        "components": (rows_planning.WithdrawnRow("0010", 0, None),),
        "children": (),
        "maintenance": (rows_planning.MaintenanceRow("MT1", "CNC-01", "2026-04-13", "2026-04-14", "open"),),
        "demand": (),
        "sales_demand": (rows.SalesLineRow("10", "000010", 50 * UNIT, "EA", "2026-04-09"),),
        "supply_orders": (
            rows.ProductionOrderRow(
                "M1", "1000", "FG-1", 50 * UNIT, 0, "2026-03-30", "2026-04-02", "2026-03-30", "2026-04-02", "10",
                "000010", None,
            ),
        ),
        "stock": (),
        "lots": (),
    },
    live={
        "order": (ORDER,),
        "operations": (step("0010", "CNC-01", "2026-03-30"), step("0020", "ASM-01", "2026-04-01")),
    },
)  # fmt: skip
MOVES: Final = ("from_demand", "to_demand", "to_line", "qty")


def moves(*given: tuple[str, str, str | None, int]) -> Rows:
    """Return an argument of moves; quantities in pieces."""
    return Rows(columns=MOVES, rows=tuple((giver, taker, line, qty * UNIT) for giver, taker, line, qty in given))


ALLOCATE: Final = Case(
    operation="reservation.move",
    arguments={"material_id": "RM-1", "site": "1000", "moves": moves(("P8", "P1", None, 20))},
    rows={
        "materials": RESERVE.rows["materials"],
        "planning": RESERVE.rows["planning"],
        "units": (),
        "holds": (),
        "made_for": (
            rows_planning.DonorOrderRow("P8", "Released"),
            rows_planning.DonorOrderRow("P9", "Released"),
        ),
        "sold_priorities": (),
        "made_priorities": tuple(rows_planning.PriorityRow(one, f"S{one}", "B") for one in ("P1", "P8", "P9")),
        **PEGGING,
        "demand": (
            *PEGGING["demand"],
            rows.ComponentRow("P8", "0010", 30 * UNIT, "EA", "2026-04-01", None),
            rows.ComponentRow("P9", "0010", 30 * UNIT, "EA", "2026-04-02", None),
        ),
        "stock": (rows.StockRow("L1", 15 * UNIT), rows.StockRow("L2", 30 * UNIT)),
        "reservations": (
            rows.ReservationRow("R1", "L1", "production_order", "P8", "0010", 15 * UNIT, "2026-04-01"),
            rows.ReservationRow("R2", "L2", "production_order", "P8", "0010", 10 * UNIT, "2026-04-01"),
            rows.ReservationRow("R3", "L2", "production_order", "P9", "0010", 20 * UNIT, "2026-04-02"),
        ),
    },
    live={
        "materials": (MATERIAL,),
        "components": (NEEDED,),
        "sales_lines": (),
        "held": (held("R1", "L1", 15, "P8"), held("R2", "L2", 10, "P8"), held("R3", "L2", 20, "P9")),
        "held_lots": (lot("L1", "2026-12-01"), lot("L2")),
    },
)
RELEASE: Final = Case(
    operation="reservation.release",
    arguments={"reservation_id": "R2", "qty": None},
    rows={
        **ALLOCATE.rows,
        "reservation": (rows_planning.ReservationRefRow("erp", "R2", "R2", "1000", "RM-1", "P8"),),
    },
    live={"reservation": (held("R2", "L2", 10, "P8"),)},
)
PLANNED: Final = PlannedOrder(
    system="erp", source_key="PL1", version_token="v5", as_of=NOW, planned_order_id="PL1", site="1000",
    material_id="FG-1", qty=40 * UNIT, uom="EA", planned_start="2026-04-13", planned_finish="2026-04-14",
    procurement="make", firm=False, convertible=True,
)  # fmt: skip
CONFIRM: Final = Case(
    operation="planned_order.confirm",
    arguments={"planned_order_id": "PL1", "action": "convert"},
    rows={
        "planned": (rows_planning.PlannedRow("erp", "PL1", "PL1", "1000", "FG-1"),),
        "materials": (rows.MaterialRow("erp", "FG-1", "FG-1", "EA", "active"),),
        "units": (),
        "bill": (rows_planning.BomRow("0010", "RM-1", 2_500_000, "KGM", "2026-01-01", None),),
        "routing": (rows_planning.RoutingRow("0010", "CNC-01", 30, 91),),
        "work": (rows_planning.CenterWorkRow("CNC-01", "2026-04-13T06:00:00Z", 2, 2, 1000),),
        "capacity": (
            rows_planning.CenterDayRow("CNC-01", "2026-04-12", 900),
            rows_planning.CenterDayRow("CNC-01", "2026-04-13", 500),
            rows_planning.CenterDayRow("CNC-01", "2026-04-14", 500),
        ),
        "component_stock": (rows_planning.AmountRow("RM-1", 120 * UNIT),),
        "component_held": (rows_planning.AmountRow("RM-1", 20 * UNIT),),
        "sources": (SOURCE,),
        "suppliers": (rows.SupplierRow("erp", "S-1", "S-1", 0),),
    },
    live={
        "planned": (PLANNED,),
        "materials": (replace(MATERIAL, source_key="FG-1", material_id="FG-1"),),
    },
)
MOVEMENT_LINE: Final = ("reference_line", "material_id", "lot_id", "storage_location_id", "to_location", "qty", "uom")


def movement(*lines: dict[str, str | int | None]) -> Rows:
    """Return an argument of movement lines: five pieces of lot L1 at 0001, with what is changed; `qty` in pieces."""
    usual: dict[str, str | int | None] = {
        "reference_line": None, "material_id": "RM-1", "lot_id": "L1", "storage_location_id": "0001",
        "to_location": None, "qty": 5, "uom": "EA",
    }  # fmt: skip
    rows_ = [{**usual, **line} for line in lines]
    return Rows(
        columns=MOVEMENT_LINE,
        rows=tuple(
            tuple(int(row[name] or 0) * UNIT if name == "qty" else row[name] for name in MOVEMENT_LINE) for row in rows_
        ),
    )


BOUGHT: Final = PurchaseOrderLine(
    system="erp", source_key="45/10", version_token="v7", as_of=NOW, purchase_order_id="45", line="10", site="1000",
    supplier_id="S-1", material_id="RM-1", qty_ordered=100 * UNIT, qty_received=40 * UNIT, qty_open=60 * UNIT, uom="BX",
    release_state="released", order_state="open",
)  # fmt: skip
ISSUE: Final = Case(
    operation="goods_movement.post",
    arguments={
        "movement": "issue_to_order",
        "site": "1000",
        "reference_id": "P1",
        "confirmed_by": "A. Weber, store, 05:40",
        "lines": movement({}),
    },
    rows={
        "materials": RESERVE.rows["materials"],
        "planning": (rows_planning.MovedMaterialRow("erp", "1000", "RM-1", 123_450, 10, "EUR"),),
        "units": (rows_planning.MaterialUnitRow("RM-1", "BX", "EA", 5, 2),),
        "managed": (rows_planning.LotCountRow("RM-1", 2),),
        "holds": (),
        "order": (rows_planning.OrderRefRow("erp", "P1", "P1", "1000", "FG-1"),),
        "notices": (rows_planning.NoticeRow("QN1", "RM-1", "L1", "open"),),
    },
    live={
        "materials": (MATERIAL,),
        "on_hand": (stock("L1", 100), replace(stock("L1", 30, stock_type="blocked"), source_key="RM-1/L1/S")),
        "lots": (lot("L1", "2026-03-16"),),
        "held": (held("R1", "L1", 60, "P9"), held("R2", "L1", 30, "P1")),
        "order_lines": (BOUGHT,),
        "order": (replace(ORDER, source_key="P1", production_order_id="P1", request_state="Released"),),
        "components": (NEEDED,),
    },
)
RECEIPT: Final = ISSUE.given(
    movement="receipt_for_po", reference_id="45", lines=movement({"lot_id": "L7", "qty": 5, "uom": "EA"})
)
TRANSFER: Final = ISSUE.given(movement="transfer", reference_id="TR-1", lines=movement({"to_location": "0002"}))
SCRAP: Final = ISSUE.given(movement="scrap", reference_id="QN1")
COMMIT: Final = Case(
    operation="production_order.confirm_dates",
    arguments={"production_order_id": "M1", "commit_date": "2026-04-07"},
    rows={
        "order": RESCHEDULE.rows["order"],
        "components": RESCHEDULE.rows["components"],
        "made_for": (rows_planning.MadeForRow("10"),),
        "sold": (
            rows.SalesLineRow("10", "000010", 50 * UNIT, "EA", "2026-04-07"),
            rows.SalesLineRow("10", "000020", 50 * UNIT, "EA", "2026-03-20"),
        ),
    },
    live=RESCHEDULE.live,
)
