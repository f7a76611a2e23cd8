"""Quality: lots that wait for a decision."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from erp_mcp.domain.entities.fields import Code, Id, Instant, LotRef, MaterialRef, Quantity, Record, Uom


@dataclass(frozen=True, slots=True, kw_only=True)
class InspectionLot(Record):
    """A quantity to be inspected before it may be used."""

    ENTITY: ClassVar[str] = "inspection_lot"
    KEY: ClassVar[tuple[str, ...]] = ("inspection_lot_id",)

    inspection_lot_id: Id
    site: Code
    material_id: MaterialRef
    lot_id: LotRef | None = None
    origin: Code | None = None  # purchase, production, return, periodic
    qty: Quantity
    uom: Uom
    due_at: Instant | None = None
    order_state: Code  # open, in_process, closed
    usage_decision: Code | None = None  # accepted, rejected
