"""Row types of the reads that operations on reservations, planned orders, production orders and movements stand on.

As in `rows`: exactly these columns, in this order; quantities are integers of 10⁻⁶ of the unit beside them, dates
`YYYY-MM-DD`, instants UTC.
"""

from __future__ import annotations

from typing import NamedTuple


class SafetyRow(NamedTuple):
    """What planning at one site keeps of a material for bad days, in its base unit."""

    system: str
    site: str
    safety_stock: int | None


class RecordRow(NamedTuple):
    """A record that an operation reads again from its system: all that it needs is where it stands."""

    system: str
    source_key: str


class HoldRow(NamedTuple):
    """An open quality notification that asks to hold a lot."""

    notification_id: str
    lot_id: str | None


class PriorityRow(NamedTuple):
    """A demand's customer and how it is ranked: A before B before C."""

    order_id: str
    sales_order_id: str | None
    priority: str | None


class StockRecordRow(NamedTuple):
    """Stock that is read again from its system, with the lot that it is of."""

    system: str
    source_key: str
    lot_id: str | None


class OrderRefRow(NamedTuple):
    """A production order that something is proposed for; read again from its system."""

    system: str
    source_key: str
    production_order_id: str
    site: str
    material_id: str


class OperationRefRow(NamedTuple):
    """One step of that order; read again from its system."""

    system: str
    source_key: str
    work_center_id: str


class WithdrawnRow(NamedTuple):
    """A component of that order: what of it has left the store, and the order that makes it."""

    line: str
    qty_withdrawn: int
    supply_order_id: str | None


class MaintenanceRow(NamedTuple):
    """Maintenance of a work centre that is not completed."""

    maintenance_order_id: str
    work_center_id: str
    planned_start: str | None
    planned_finish: str | None
    order_state: str


class ChildRow(NamedTuple):
    """An unfinished production order that makes a component of another."""

    production_order_id: str
    planned_finish: str | None
    scheduled_finish: str | None


class HeldRow(NamedTuple):
    """A reservation that is read again from its system, with the lot that it holds."""

    system: str
    source_key: str
    lot_id: str | None


class ReservationRefRow(NamedTuple):
    """The reservation that something is proposed for; read again from its system."""

    system: str
    source_key: str
    reservation_id: str
    site: str
    material_id: str
    demand_id: str


class DonorOrderRow(NamedTuple):
    """A production order that stock is taken from or given to, and whether it is running."""

    production_order_id: str
    request_state: str


class PlannedRow(NamedTuple):
    """The planned order that is to be confirmed; read again from its system."""

    system: str
    source_key: str
    planned_order_id: str
    site: str
    material_id: str


class BomRow(NamedTuple):
    """One component of what is made; `qty_per` of it go into one base unit."""

    line: str
    component_id: str
    qty_per: int
    uom: str
    valid_from: str | None
    valid_to: str | None


class RoutingRow(NamedTuple):
    """One step of how it is made."""

    operation_id: str
    work_center_id: str
    setup_min: int | None
    run_s: int | None


class CenterWorkRow(NamedTuple):
    """Work that waits at a work centre from one instant on; `measured` of the operations say how much it is."""

    work_center_id: str
    planned_start: str | None
    operations: int
    measured: int | None
    work_min: int | None


class CenterDayRow(NamedTuple):
    """What a work centre can do on one day."""

    work_center_id: str
    capacity_date: str
    available_min: int


class AmountRow(NamedTuple):
    """Quantity of a material, summed up."""

    material_id: str
    qty: int | None


class MovedMaterialRow(NamedTuple):
    """What planning at one site says of a material that is moved: what stock is valued at."""

    system: str
    site: str
    material_id: str
    standard_price: int | None
    price_unit: int | None
    currency: str | None


class MaterialUnitRow(NamedTuple):
    """`numerator` base units are `denominator` of `uom`, for one material."""

    material_id: str
    uom: str
    base_uom: str
    numerator: int
    denominator: int


class LotCountRow(NamedTuple):
    """How many lots of a material there are."""

    material_id: str
    lots: int


class NoticeRow(NamedTuple):
    """A quality notification that something is scrapped for."""

    notification_id: str
    material_id: str | None
    lot_id: str | None
    order_state: str


class MadeForRow(NamedTuple):
    """The sales order that a production order is made for."""

    sales_order_id: str | None
