"""Materials, lots, stock and who holds it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from erp_mcp.domain.entities.fields import (
    Code,
    Currency,
    Date,
    Id,
    Instant,
    Integer,
    LotRef,
    MaterialRef,
    Money,
    ProductionOrderRef,
    Quantity,
    Record,
    SupplierRef,
    Text,
    Uom,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Material(Record):
    """A material, whatever the site."""

    ENTITY: ClassVar[str] = "material"
    KEY: ClassVar[tuple[str, ...]] = ("material_id",)

    material_id: Id
    description: Text | None = None
    material_type: Code | None = None  # finished, semi_finished, raw
    base_uom: Uom
    status: Code | None = None  # active, blocked, discontinued


@dataclass(frozen=True, slots=True, kw_only=True)
class MaterialSite(Record):
    """What planning at one site says about a material."""

    ENTITY: ClassVar[str] = "material_site"
    KEY: ClassVar[tuple[str, ...]] = ("material_id", "site")

    material_id: MaterialRef
    site: Code
    safety_stock: Quantity | None = None
    procurement: Code | None = None  # buy, make
    lead_time_days: Integer | None = None
    planner: Code | None = None
    standard_price: Money | None = None  # per `price_unit` of the base unit; what stock is valued at
    price_unit: Integer | None = None
    currency: Currency | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitConversion(Record):
    """`numerator` base units are `denominator` of `uom`, for one material."""

    ENTITY: ClassVar[str] = "unit_conversion"
    KEY: ClassVar[tuple[str, ...]] = ("material_id", "uom")

    material_id: MaterialRef
    uom: Uom
    base_uom: Uom
    numerator: Integer
    denominator: Integer


@dataclass(frozen=True, slots=True, kw_only=True)
class Lot(Record):
    """An identified quantity of one material."""

    ENTITY: ClassVar[str] = "lot"
    KEY: ClassVar[tuple[str, ...]] = ("lot_id",)

    lot_id: Id
    material_id: MaterialRef
    site: Code
    lot_disposition: Code | None = None  # ISA-95: Planned, In-Process, Restricted, UnRestricted, Closed
    expiry_date: Date | None = None
    supplier_id: SupplierRef | None = None
    supplier_lot: Id | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stock(Record):
    """Quantity on hand by site, location, lot and stock type, as one system counts it.

    ERP and MES (or warehouse) each have their own rows; `system` tells them apart. Only the owner's rows (the
    source of truth, normally the ERP) answer availability.
    """

    ENTITY: ClassVar[str] = "stock"
    KEY: ClassVar[tuple[str, ...]] = ("material_id", "site", "storage_location_id", "lot_id", "stock_type")

    material_id: MaterialRef
    site: Code
    storage_location_id: Code
    lot_id: LotRef | None = None
    stock_type: Code  # unrestricted, quality, blocked, in_transit
    qty: Quantity
    uom: Uom


@dataclass(frozen=True, slots=True, kw_only=True)
class MesStock(Record):
    """Quantity the shop floor or warehouse counts for a lot; compared with the ERP's, never added to it."""

    ENTITY: ClassVar[str] = "mes_stock"
    KEY: ClassVar[tuple[str, ...]] = ("material_id", "site", "storage_location_id", "lot_id")
    LEVEL: ClassVar[int] = 3

    material_id: MaterialRef
    site: Code
    storage_location_id: Code
    lot_id: LotRef | None = None
    qty: Quantity
    uom: Uom
    counted_at: Instant | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InFlightDocument(Record):
    """A goods movement that one system has posted and the other has not received yet; it explains a difference."""

    ENTITY: ClassVar[str] = "in_flight_document"
    KEY: ClassVar[tuple[str, ...]] = ("document_id",)
    LEVEL: ClassVar[int] = 3

    document_id: Id
    material_id: MaterialRef
    site: Code
    lot_id: LotRef | None = None
    qty: Quantity  # MES minus ERP, once received: signed
    uom: Uom
    posted_at: Instant | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation(Record):
    """Stock held for one demand."""

    ENTITY: ClassVar[str] = "reservation"
    KEY: ClassVar[tuple[str, ...]] = ("reservation_id",)

    reservation_id: Id
    material_id: MaterialRef
    site: Code
    lot_id: LotRef | None = None
    demand_type: Code  # production_order, sales_order
    demand_id: Id  # canonical id of the production or sales order
    demand_line: Id | None = None  # component line or sales order line
    qty: Quantity  # still held
    uom: Uom
    need_date: Date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GoodsMovement(Record):
    """One side of a posted movement: what one lot at one place gained or lost."""

    ENTITY: ClassVar[str] = "goods_movement"
    KEY: ClassVar[tuple[str, ...]] = ("movement_id", "line")

    movement_id: Id
    line: Id
    site: Code
    movement_code: Code  # purchase_receipt, production_receipt, production_issue, delivery_issue, transfer, scrap …
    native_code: Code | None = None
    material_use: Code | None = None  # ISA-95 MaterialUse: Consumed, Produced
    material_id: MaterialRef
    lot_id: LotRef | None = None
    storage_location_id: Code | None = None
    stock_type: Code | None = None  # unrestricted, quality, blocked, in_transit
    qty: Quantity  # signed: what came is positive, what went negative
    uom: Uom
    reference_type: Code | None = None  # purchase_order, production_order, sales_order, delivery …
    reference_id: Id | None = None  # canonical id of that document
    reference_line: Id | None = None
    posted_at: Instant
    reversed_by: Id | None = None  # the movement that took it back


@dataclass(frozen=True, slots=True, kw_only=True)
class LotGenealogy(Record):
    """How much of one lot went into another (ISA-95 material lot assembly)."""

    ENTITY: ClassVar[str] = "lot_genealogy"
    KEY: ClassVar[tuple[str, ...]] = ("output_lot_id", "input_lot_id", "production_order_id")

    output_lot_id: LotRef
    input_lot_id: LotRef
    production_order_id: ProductionOrderRef
    site: Code
    qty: Quantity | None = None  # of the input lot
    uom: Uom | None = None
