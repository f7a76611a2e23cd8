"""Native tables of the demo ERP, and which leading fields of each are its primary key.

The names are those of an ERP, on purpose not the canonical ones: the profile `systems/demo-erp.yaml` maps them.
Quantities and money are decimal strings, dates are local, instants are UTC. `changed_at` is the watermark.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from erp_mcp.demo.erp_rows_buying import (
    BudgetDocumentRow,
    BudgetRow,
    ConfirmationRow,
    PartRow,
    PurchaseHeadRow,
    PurchaseItemRow,
    ReceiptRow,
    RequisitionRow,
    SourceRow,
    SupplierInvoiceRow,
    VendorRow,
)
from erp_mcp.demo.erp_rows_making import (
    BomRow,
    ComponentRow,
    MaintenanceNoticeRow,
    MaintenanceRow,
    OperationConfirmationRow,
    OperationRow,
    OrderRow,
    RoutingRow,
    WorkCenterRow,
)
from erp_mcp.demo.erp_rows_planning import CapacityRow, PlannedOrderRow, PlanningMessageRow
from erp_mcp.demo.erp_rows_selling import (
    BillingRow,
    CreditRequestRow,
    CustomerRow,
    DeliveryRow,
    ReturnRow,
    SalesHeadRow,
    SalesItemRow,
)
from erp_mcp.demo.erp_rows_stock import (
    GenealogyRow,
    InspectionRow,
    LotRow,
    MaterialPlantRow,
    MaterialRow,
    MovementRow,
    NotificationRow,
    ReservationRow,
    StockRow,
    UnitRow,
)


class DeletionRow(NamedTuple):
    """Table `deletion_log`: rows that are gone."""

    table_name: str
    key: str
    deleted_at: str


# table → row type and the number of leading fields that make its primary key
ERP_TABLES: Final[dict[str, tuple[type[NamedTuple], int]]] = {
    "customer": (CustomerRow, 1),
    "so_head": (SalesHeadRow, 1),
    "so_item": (SalesItemRow, 2),
    "dlv_item": (DeliveryRow, 2),
    "bill_item": (BillingRow, 2),
    "rma_item": (ReturnRow, 2),
    "cr_req": (CreditRequestRow, 1),
    "vendor": (VendorRow, 1),
    "po_head": (PurchaseHeadRow, 1),
    "po_item": (PurchaseItemRow, 2),
    "po_part": (PartRow, 2),
    "po_conf": (ConfirmationRow, 3),
    "gr_item": (ReceiptRow, 3),
    "pr_item": (RequisitionRow, 2),
    "source_list": (SourceRow, 3),
    "mat_gen": (MaterialRow, 1),
    "mat_plant": (MaterialPlantRow, 2),
    "mat_unit": (UnitRow, 2),
    "batch": (LotRow, 1),
    "stock_qty": (StockRow, 5),
    "resv": (ReservationRow, 1),
    "mat_move": (MovementRow, 2),
    "work_ctr": (WorkCenterRow, 1),
    "prod_head": (OrderRow, 1),
    "prod_comp": (ComponentRow, 2),
    "prod_op": (OperationRow, 2),
    "op_conf": (OperationConfirmationRow, 1),
    "bom_item": (BomRow, 2),
    "routing_op": (RoutingRow, 2),
    "pln_ord": (PlannedOrderRow, 1),
    "mrp_msg": (PlanningMessageRow, 1),
    "wc_cap": (CapacityRow, 2),
    "maint_order": (MaintenanceRow, 1),
    "mnt_notif": (MaintenanceNoticeRow, 1),
    "qual_notif": (NotificationRow, 1),
    "insp_lot": (InspectionRow, 1),
    "lot_trace": (GenealogyRow, 3),
    "vend_inv": (SupplierInvoiceRow, 2),
    "budget": (BudgetRow, 2),
    "bud_doc": (BudgetDocumentRow, 1),
    "deletion_log": (DeletionRow, 2),
}

__all__ = [
    "ERP_TABLES",
    "BillingRow",
    "BomRow",
    "BudgetDocumentRow",
    "BudgetRow",
    "CapacityRow",
    "ComponentRow",
    "ConfirmationRow",
    "CreditRequestRow",
    "CustomerRow",
    "DeletionRow",
    "DeliveryRow",
    "GenealogyRow",
    "InspectionRow",
    "LotRow",
    "MaintenanceNoticeRow",
    "MaintenanceRow",
    "MaterialPlantRow",
    "MaterialRow",
    "MovementRow",
    "NotificationRow",
    "OperationConfirmationRow",
    "OperationRow",
    "OrderRow",
    "PartRow",
    "PlannedOrderRow",
    "PlanningMessageRow",
    "PurchaseHeadRow",
    "PurchaseItemRow",
    "ReceiptRow",
    "RequisitionRow",
    "ReservationRow",
    "ReturnRow",
    "RoutingRow",
    "SalesHeadRow",
    "SalesItemRow",
    "SourceRow",
    "StockRow",
    "SupplierInvoiceRow",
    "UnitRow",
    "VendorRow",
    "WorkCenterRow",
]
