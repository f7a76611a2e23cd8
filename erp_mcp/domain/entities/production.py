"""Production: orders of the ERP, jobs and downtime of the MES, and the centres that both talk about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from erp_mcp.domain.entities.fields import (
    Code,
    Date,
    Flag,
    Id,
    Instant,
    Integer,
    LotRef,
    MaterialRef,
    ProductionOrderRef,
    Quantity,
    Record,
    SalesOrderRef,
    Text,
    Uom,
    WorkCenterRef,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkCenter(Record):
    """A work centre; ISA-95 equipment of level WorkCenter."""

    ENTITY: ClassVar[str] = "work_center"
    KEY: ClassVar[tuple[str, ...]] = ("work_center_id",)

    work_center_id: Id
    site: Code
    description: Text | None = None
    area: Code | None = None
    alternative_id: WorkCenterRef | None = None  # where its work can go when it is down


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductionOrder(Record):
    """A production order (ISA-95 operations request), with what it is made for."""

    ENTITY: ClassVar[str] = "production_order"
    KEY: ClassVar[tuple[str, ...]] = ("production_order_id",)

    production_order_id: Id
    site: Code
    material_id: MaterialRef
    qty_planned: Quantity
    qty_yield: Quantity | None = None
    qty_scrap: Quantity | None = None
    uom: Uom
    planned_start: Date | None = None
    planned_finish: Date | None = None
    scheduled_start: Date | None = None
    scheduled_finish: Date | None = None
    request_state: Code  # ISA-95 RequestState: Forecast, Waiting, Ready, Released, Running, Held, Completed, Closed …
    native_state: Code | None = None
    sales_order_id: SalesOrderRef | None = None  # made to order for this line
    sales_order_line: Id | None = None
    parent_order_id: ProductionOrderRef | None = None  # its output goes into this order


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductionComponent(Record):
    """A material that a production order needs (ISA-95 material requirement)."""

    ENTITY: ClassVar[str] = "production_component"
    KEY: ClassVar[tuple[str, ...]] = ("production_order_id", "line")

    production_order_id: ProductionOrderRef
    line: Id
    site: Code
    material_id: MaterialRef
    qty_required: Quantity
    qty_withdrawn: Quantity
    qty_open: Quantity  # required minus withdrawn, floored at zero; zero once the order is finished
    uom: Uom  # base unit of the material
    need_date: Date | None = None
    supply_order_id: ProductionOrderRef | None = None  # child order that makes it, when made to order


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductionOperation(Record):
    """One step of a production order at a work centre (ISA-95 segment requirement)."""

    ENTITY: ClassVar[str] = "production_operation"
    KEY: ClassVar[tuple[str, ...]] = ("production_order_id", "operation_id")

    production_order_id: ProductionOrderRef
    operation_id: Id
    site: Code
    work_center_id: WorkCenterRef
    planned_start: Instant | None = None
    planned_finish: Instant | None = None
    request_state: Code | None = None  # Waiting, Running, Completed
    work_min: Integer | None = None  # work still to do at the work centre


@dataclass(frozen=True, slots=True, kw_only=True)
class Job(Record):
    """What the shop floor runs or queues (ISA-95 job order with its response)."""

    ENTITY: ClassVar[str] = "job"
    KEY: ClassVar[tuple[str, ...]] = ("job_id",)
    LEVEL: ClassVar[int] = 3

    job_id: Id
    production_order_id: ProductionOrderRef
    operation_id: Id | None = None
    site: Code
    work_center_id: WorkCenterRef
    material_id: MaterialRef | None = None
    response_state: Code  # ISA-95 ResponseState: Waiting, Ready, Running, Held, Paused, Completed …
    native_state: Code | None = None
    started_at: Instant | None = None
    expected_finish: Instant | None = None
    qty_good: Quantity | None = None
    qty_scrap: Quantity | None = None
    uom: Uom | None = None
    priority: Integer | None = None  # 1 is first
    planned_start: Instant | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Downtime(Record):
    """A time in which a work centre could not work."""

    ENTITY: ClassVar[str] = "downtime"
    KEY: ClassVar[tuple[str, ...]] = ("downtime_id",)
    LEVEL: ClassVar[int] = 3

    downtime_id: Id
    site: Code
    work_center_id: WorkCenterRef
    started_at: Instant
    ended_at: Instant | None = None  # absent: still down
    reason_code: Code | None = None
    planned: Flag | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MaintenanceNotification(Record):
    """A malfunction or a wish that somebody reported of an asset; maintenance plans an order for it or closes it."""

    ENTITY: ClassVar[str] = "maintenance_notification"
    KEY: ClassVar[tuple[str, ...]] = ("notification_id",)

    notification_id: Id
    site: Code
    work_center_id: WorkCenterRef | None = None
    asset_id: Id | None = None  # ISA-95 physical asset
    breakdown: Flag | None = None  # the asset stands still, as a person on site saw it
    priority: Code | None = None  # high, medium, low
    opened_at: Instant | None = None
    order_state: Code  # open, in_process, closed
    maintenance_order_id: Id | None = None  # the order that was planned for it
    description: Text | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MaintenanceOrder(Record):
    """Planned or running maintenance of a work centre."""

    ENTITY: ClassVar[str] = "maintenance_order"
    KEY: ClassVar[tuple[str, ...]] = ("maintenance_order_id",)

    maintenance_order_id: Id
    site: Code
    work_center_id: WorkCenterRef | None = None
    order_type: Code | None = None  # repair, preventive
    planned_start: Date | None = None
    planned_finish: Date | None = None
    order_state: Code  # open, in_process, completed
    asset_is_down: Flag | None = None
    description: Text | None = None
    asset_id: Id | None = None  # ISA-95 physical asset
    priority: Code | None = None  # high, medium, low
    actual_start: Instant | None = None
    actual_finish: Instant | None = None
    release_state: Code | None = None  # waiting, released: work on it starts once a person has released it
    permit_to_work: Flag | None = None  # somebody on site has to allow the work first


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityNotification(Record):
    """A quality problem, and whether it holds a lot."""

    ENTITY: ClassVar[str] = "quality_notification"
    KEY: ClassVar[tuple[str, ...]] = ("notification_id",)

    notification_id: Id
    site: Code
    notification_type: Code | None = None
    severity: Code | None = None
    material_id: MaterialRef | None = None
    lot_id: LotRef | None = None
    defect_code: Code | None = None
    hold: Flag | None = None  # it asks to hold the lot
    opened_at: Instant | None = None
    order_state: Code  # open, in_process, closed
    owner_role: Code | None = None
    description: Text | None = None
