"""What the shop floor reports: confirmations, shifts with their time elements, states of machines."""

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
    ProductionOrderRef,
    Quantity,
    Record,
    Uom,
    WorkCenterRef,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductionConfirmation(Record):
    """What was reported as done for an operation (ISA-95 segment response); who did it is personal data, not kept."""

    ENTITY: ClassVar[str] = "production_confirmation"
    KEY: ClassVar[tuple[str, ...]] = ("confirmation_id",)

    confirmation_id: Id
    production_order_id: ProductionOrderRef
    operation_id: Id | None = None
    site: Code
    confirmed_at: Instant
    qty_yield: Quantity
    qty_scrap: Quantity | None = None
    uom: Uom
    final: Flag | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShiftRecord(Record):
    """Time and quantity elements of one work centre and shift, as ISO 22400 names them."""

    ENTITY: ClassVar[str] = "shift_record"
    KEY: ClassVar[tuple[str, ...]] = ("work_center_id", "shift_date", "shift")
    LEVEL: ClassVar[int] = 3

    work_center_id: WorkCenterRef
    site: Code
    shift_date: Date
    shift: Code
    planned_busy_min: Integer  # PBT, planned busy time
    production_min: Integer  # APT, actual production time
    run_s_per_item: Integer  # PRI, planned run time per item
    qty_produced: Quantity  # PQ
    qty_good: Quantity  # GQ
    uom: Uom | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineState(Record):
    """What a work centre does now, as the shop floor last said."""

    ENTITY: ClassVar[str] = "machine_state"
    KEY: ClassVar[tuple[str, ...]] = ("work_center_id",)
    LEVEL: ClassVar[int] = 3

    work_center_id: WorkCenterRef
    site: Code
    state: Code  # running, idle, down
    native_state: Code | None = None
    since: Instant | None = None
