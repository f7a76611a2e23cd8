"""The canonical entities: one frozen type each, and one table each in the read model.

Field names are ISA-95 and ERP terms (docs/data-model.md). A new entity is a dataclass here and a line in `ENTITIES`.
"""

from __future__ import annotations

from typing import Final

from erp_mcp.domain.entities import finance, inventory, orders, planning, procurement, production, quality, shop_floor
from erp_mcp.domain.entities.fields import COMMON_FIELDS, FieldSpec, Kind, Meaning, Record, field_specs

ENTITIES: Final[dict[str, type[Record]]] = {
    entity.ENTITY: entity
    for entity in (
        orders.Customer,
        orders.SalesOrder,
        orders.SalesOrderLine,
        orders.Delivery,
        orders.CustomerInvoice,
        orders.CustomerReturn,
        orders.RefundRequest,
        procurement.Supplier,
        procurement.PurchaseOrderLine,
        procurement.PurchaseScheduleLine,
        procurement.SupplierConfirmation,
        procurement.PurchaseRequisition,
        procurement.SupplySource,
        procurement.GoodsReceipt,
        procurement.SupplierInvoice,
        inventory.Material,
        inventory.MaterialSite,
        inventory.UnitConversion,
        inventory.Lot,
        inventory.Stock,
        inventory.MesStock,
        inventory.InFlightDocument,
        inventory.Reservation,
        inventory.GoodsMovement,
        inventory.LotGenealogy,
        production.WorkCenter,
        production.ProductionOrder,
        production.ProductionComponent,
        production.ProductionOperation,
        production.Job,
        production.Downtime,
        production.MaintenanceNotification,
        production.MaintenanceOrder,
        production.QualityNotification,
        quality.InspectionLot,
        planning.PlannedOrder,
        planning.MrpException,
        planning.WorkCenterCapacity,
        planning.BomItem,
        planning.RoutingOperation,
        shop_floor.ProductionConfirmation,
        shop_floor.ShiftRecord,
        shop_floor.MachineState,
        finance.Budget,
    )
}

__all__ = ["COMMON_FIELDS", "ENTITIES", "FieldSpec", "Kind", "Meaning", "Record", "field_specs"]
