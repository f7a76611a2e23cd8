// OData V2, as the adapter in front of it serves it under /sap/opu/odata/sap/: names of S/4HANA's V2 services.
using { s4 } from '../db/schema';

@path: 'API_BUSINESS_PARTNER' @requires: ['Reader', 'Writer']
service API_BUSINESS_PARTNER {
  @readonly entity A_BusinessPartner        as projection on s4.BusinessPartner;
  @readonly entity A_BusinessPartnerAddress as projection on s4.BusinessPartnerAddress;
  @readonly entity A_Customer               as projection on s4.Customer;
  @readonly entity A_CustomerSalesArea      as projection on s4.CustomerSalesArea;
  @readonly entity A_Supplier               as projection on s4.Supplier;
  @readonly entity A_SupplierCompany        as projection on s4.SupplierCompany;
}

@path: 'API_PRODUCT_SRV' @requires: ['Reader', 'Writer']
service API_PRODUCT_SRV {
  @readonly entity A_Product                as projection on s4.Product;
  @readonly entity A_ProductDescription     as projection on s4.ProductDescription;
  @readonly entity A_ProductPlant           as projection on s4.ProductPlant;
  @readonly entity A_ProductSupplyPlanning  as projection on s4.ProductSupplyPlanning;
  @readonly entity A_ProductUnitsOfMeasure  as projection on s4.ProductUnitsOfMeasure;
  @readonly entity A_ProductValuation       as projection on s4.ProductValuation;
}

@path: 'API_BATCH_SRV' @requires: ['Reader', 'Writer']
service API_BATCH_SRV {
  @readonly entity Batch           as projection on s4.Batch;
  @readonly entity BatchCharc      as projection on s4.BatchCharc;
  @readonly entity BatchCharcValue as projection on s4.BatchCharcValue;
}

@path: 'API_MATERIAL_STOCK_SRV' @requires: ['Reader', 'Writer']
service API_MATERIAL_STOCK_SRV {
  @readonly entity A_MatlStkInAcctMod as projection on s4.MatlStkInAcctMod;
}

@path: 'API_MATERIAL_DOCUMENT_SRV' @requires: ['Reader', 'Writer']
service API_MATERIAL_DOCUMENT_SRV {
  @readonly entity A_MaterialDocumentHeader as projection on s4.MaterialDocumentHeader;
  @readonly entity A_MaterialDocumentItem   as projection on s4.MaterialDocumentItem;
}

@path: 'API_RESERVATION_DOCUMENT_SRV' @requires: ['Reader', 'Writer']
service API_RESERVATION_DOCUMENT_SRV {
  @restrict: [{ grant: 'READ', to: ['Reader', 'Writer'] }, { grant: 'CREATE', to: 'Writer' }]
  entity A_ReservationDocumentHeader as projection on s4.ReservationDocumentHeader;
  @restrict: [{ grant: 'READ', to: ['Reader', 'Writer'] }, { grant: ['CREATE', 'UPDATE'], to: 'Writer' }]
  entity A_ReservationDocumentItem   as projection on s4.ReservationDocumentItem;
}

@path: 'API_SALES_ORDER_SRV' @requires: ['Reader', 'Writer']
service API_SALES_ORDER_SRV {
  @readonly entity A_SalesOrder             as projection on s4.SalesOrder;
  @readonly entity A_SalesOrderText         as projection on s4.SalesOrderText;
  @readonly entity A_SalesOrderItem         as projection on s4.SalesOrderItem;
  @restrict: [{ grant: 'READ', to: ['Reader', 'Writer'] }, { grant: 'UPDATE', to: 'Writer' }]
  entity A_SalesOrderScheduleLine as projection on s4.SalesOrderScheduleLine;
}
annotate API_SALES_ORDER_SRV.A_SalesOrder with { LastChangeDateTime @odata.etag };

@path: 'API_OUTBOUND_DELIVERY_SRV;v=0002' @requires: ['Reader', 'Writer']
service API_OUTBOUND_DELIVERY_SRV {
  @restrict: [{ grant: 'READ', to: ['Reader', 'Writer'] }, { grant: 'CREATE', to: 'Writer' }]
  entity A_OutbDeliveryHeader  as projection on s4.OutbDeliveryHeader;
  @restrict: [{ grant: 'READ', to: ['Reader', 'Writer'] }, { grant: 'CREATE', to: 'Writer' }]
  entity A_OutbDeliveryItem    as projection on s4.OutbDeliveryItem;
  @readonly entity A_OutbDeliveryPartner as projection on s4.OutbDeliveryPartner;
  @readonly entity A_OutbDeliveryAddress as projection on s4.OutbDeliveryAddress;
}

@path: 'API_CUSTOMER_RETURN_SRV' @requires: ['Reader', 'Writer']
service API_CUSTOMER_RETURN_SRV {
  @readonly entity A_CustomerReturn     as projection on s4.CustomerReturn;
  @readonly entity A_CustomerReturnItem as projection on s4.CustomerReturnItem;
}

@path: 'API_BILLING_DOCUMENT_SRV' @requires: ['Reader', 'Writer']
service API_BILLING_DOCUMENT_SRV {
  @readonly entity A_BillingDocument     as projection on s4.BillingDocument;
  @readonly entity A_BillingDocumentItem as projection on s4.BillingDocumentItem;
}

@path: 'API_PURCHASEORDER_PROCESS_SRV' @requires: ['Reader', 'Writer']
service API_PURCHASEORDER_PROCESS_SRV {
  @restrict: [{ grant: 'READ', to: ['Reader', 'Writer'] }, { grant: ['CREATE', 'UPDATE'], to: 'Writer' }]
  entity A_PurchaseOrder             as projection on s4.PurchaseOrder;
  @restrict: [{ grant: 'READ', to: ['Reader', 'Writer'] }, { grant: ['UPDATE'], to: 'Writer' }]
  entity A_PurchaseOrderItem         as projection on s4.PurchaseOrderItem;
  @restrict: [{ grant: 'READ', to: ['Reader', 'Writer'] }, { grant: ['UPDATE'], to: 'Writer' }]
  entity A_PurchaseOrderScheduleLine as projection on s4.PurchaseOrderScheduleLine excluding { RoughGoodsReceiptQty };
  @readonly entity A_PurchaseOrderItemNote as projection on s4.PurchaseOrderItemNote;
}
annotate API_PURCHASEORDER_PROCESS_SRV.A_PurchaseOrder with { LastChangeDateTime @odata.etag };
annotate API_PURCHASEORDER_PROCESS_SRV.A_PurchaseOrderScheduleLine with { LastChangeDateTime @odata.etag };

@path: 'API_PURCHASEREQ_PROCESS_SRV' @requires: ['Reader', 'Writer']
service API_PURCHASEREQ_PROCESS_SRV {
  @restrict: [{ grant: 'READ', to: ['Reader', 'Writer'] }, { grant: 'CREATE', to: 'Writer' }]
  entity A_PurchaseRequisitionHeader as projection on s4.PurchaseRequisitionHeader;
  @restrict: [{ grant: 'READ', to: ['Reader', 'Writer'] }, { grant: 'CREATE', to: 'Writer' }]
  entity A_PurchaseRequisitionItem   as projection on s4.PurchaseRequisitionItem excluding { LastChangeDateTime };
}

@path: 'API_INFORECORD_PROCESS_SRV' @requires: ['Reader', 'Writer']
service API_INFORECORD_PROCESS_SRV {
  @readonly entity A_PurchasingInfoRecord     as projection on s4.PurchasingInfoRecord;
  @readonly entity A_PurgInfoRecdOrgPlantData as projection on s4.PurgInfoRecdOrgPlantData;
}

@path: 'API_PURCHASING_SOURCE_SRV' @requires: ['Reader', 'Writer']
service API_PURCHASING_SOURCE_SRV {
  @readonly entity A_PurchasingSource as projection on s4.PurchasingSource;
}

@path: 'API_SUPPLIERINVOICE_PROCESS_SRV' @requires: ['Reader', 'Writer']
service API_SUPPLIERINVOICE_PROCESS_SRV {
  @readonly entity A_SupplierInvoice        as projection on s4.SupplierInvoice;
  @readonly entity A_SuplrInvcItemPurOrdRef as projection on s4.SuplrInvcItemPurOrdRef;
}

@path: 'API_WORK_CENTERS' @requires: ['Reader', 'Writer']
service API_WORK_CENTERS {
  @readonly entity A_WorkCenters           as projection on s4.WorkCenters;
  @readonly entity A_WorkCenterDescription as projection on s4.WorkCenterDescription;
}

@path: 'API_PRODUCTION_ORDER_2_SRV' @requires: ['Reader', 'Writer']
service API_PRODUCTION_ORDER_2_SRV {
  @restrict: [{ grant: 'READ', to: ['Reader', 'Writer'] }, { grant: ['UPDATE', 'ReleaseOrder'], to: 'Writer' }]
  entity A_ProductionOrder_2                    as projection on s4.ProductionOrder actions {
    action ReleaseOrder() returns A_ProductionOrder_2;
  };
  @requires: 'Writer'
  action CompleteOrder(ManufacturingOrder : String(12), ActualCompletionDate : Date) returns A_ProductionOrder_2;
  @readonly entity A_ProductionOrderStatus_2    as projection on s4.ProductionOrderStatus;
  @readonly entity A_ProductionOrderComponent_4 as projection on s4.ProductionOrderComponent;
  @readonly entity A_ProductionOrderOperation_2 as projection on s4.ProductionOrderOperation;
}
annotate API_PRODUCTION_ORDER_2_SRV.A_ProductionOrder_2 with { LastChangeDateTime @odata.etag };
annotate API_PRODUCTION_ORDER_2_SRV.A_ProductionOrderComponent_4 with { LastChangeDateTime @odata.etag };
annotate API_PRODUCTION_ORDER_2_SRV.A_ProductionOrderOperation_2 with { LastChangeDateTime @odata.etag };

@path: 'API_PLANNED_ORDERS' @requires: ['Reader', 'Writer']
service API_PLANNED_ORDERS {
  @restrict: [{ grant: 'READ', to: ['Reader', 'Writer'] }, { grant: 'UPDATE', to: 'Writer' }]
  entity A_PlannedOrder as projection on s4.PlannedOrder;
}

@path: 'API_PROD_ORDER_CONFIRMATION_2_SRV' @requires: ['Reader', 'Writer']
service API_PROD_ORDER_CONFIRMATION_2_SRV {
  @readonly entity ProdnOrdConf2 as projection on s4.ProdnOrdConf;
}

@path: 'API_BILL_OF_MATERIAL_SRV;v=0002' @requires: ['Reader', 'Writer']
service API_BILL_OF_MATERIAL_SRV {
  @readonly entity MaterialBOM     as projection on s4.MaterialBOM;
  @readonly entity MaterialBOMItem as projection on s4.MaterialBOMItem;
}

@path: 'API_INSPECTIONLOT_SRV' @requires: ['Reader', 'Writer']
service API_INSPECTIONLOT_SRV {
  @readonly entity A_InspectionLot        as projection on s4.InspectionLot;
  @readonly entity A_InspLotUsageDecision as projection on s4.InspLotUsageDecision;
}
annotate API_INSPECTIONLOT_SRV.A_InspectionLot with { ChangedDateTime @odata.etag };

@path: 'API_MAINTENANCEORDER' @requires: ['Reader', 'Writer']
service API_MAINTENANCEORDER {
  @readonly entity MaintenanceOrder as projection on s4.MaintenanceOrder;
}
