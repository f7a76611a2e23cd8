"""What is planned and how much can be done: planned orders, planning messages, capacity, bills and routings."""

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
    MaterialRef,
    Quantity,
    Record,
    Text,
    Uom,
    WorkCenterRef,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedOrder(Record):
    """Supply that planning proposes and nobody has ordered yet."""

    ENTITY: ClassVar[str] = "planned_order"
    KEY: ClassVar[tuple[str, ...]] = ("planned_order_id",)

    planned_order_id: Id
    site: Code
    material_id: MaterialRef
    qty: Quantity
    uom: Uom  # base unit of the material
    planned_start: Date | None = None
    planned_finish: Date | None = None
    procurement: Code | None = None  # make, buy
    firm: Flag | None = None  # planning may not move it
    convertible: Flag | None = None  # may become an order now


@dataclass(frozen=True, slots=True, kw_only=True)
class MrpException(Record):
    """A message of the last planning run about one element of supply."""

    ENTITY: ClassVar[str] = "mrp_exception"
    KEY: ClassVar[tuple[str, ...]] = ("exception_id",)

    exception_id: Id
    site: Code
    material_id: MaterialRef
    planner: Code | None = None
    element_type: Code  # purchase_order_line, production_order, planned_order, purchase_requisition
    element_id: Id  # canonical id of that element
    element_line: Id | None = None
    exception_code: Code  # reschedule_in, reschedule_out, cancel, overdue
    severity: Code | None = None  # high, medium, low
    native_code: Code | None = None
    current_date: Date | None = None
    proposed_date: Date | None = None
    run_at: Instant | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkCenterCapacity(Record):
    """What a work centre can do on one day (ISA-95 equipment capability)."""

    ENTITY: ClassVar[str] = "work_center_capacity"
    KEY: ClassVar[tuple[str, ...]] = ("work_center_id", "capacity_date")

    work_center_id: WorkCenterRef
    site: Code
    capacity_date: Date
    available_min: Integer


@dataclass(frozen=True, slots=True, kw_only=True)
class BomItem(Record):
    """One component of what a material is made from at a site."""

    ENTITY: ClassVar[str] = "bom_item"
    KEY: ClassVar[tuple[str, ...]] = ("material_id", "site", "line")

    material_id: MaterialRef
    site: Code
    line: Id
    component_id: MaterialRef
    qty_per: Quantity  # for one base unit of the material
    uom: Uom  # of the component
    valid_from: Date | None = None
    valid_to: Date | None = None  # last day


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingOperation(Record):
    """One step of how a material is made at a site (ISA-95 process segment)."""

    ENTITY: ClassVar[str] = "routing_operation"
    KEY: ClassVar[tuple[str, ...]] = ("material_id", "site", "operation_id")

    material_id: MaterialRef
    site: Code
    operation_id: Id
    work_center_id: WorkCenterRef
    description: Text | None = None
    setup_min: Integer | None = None
    run_s: Integer | None = None  # for one base unit of the material
