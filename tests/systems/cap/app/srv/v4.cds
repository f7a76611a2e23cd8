// OData V4 under /sap/opu/odata4/sap/: names of S/4HANA's V4 services and fields where they differ from those of V2.
using { s4 } from '../db/schema';

@path: '/sap/opu/odata4/sap/api_salesorder/srvd_a2x/sap/salesorder/0001' @requires: ['Reader', 'Writer']
service CE_SALESORDER_0001 {
  @readonly entity SalesOrder as projection on s4.SalesOrder { *, to_Item as _Item, to_Text as _Text }
    excluding { to_Item, to_Text };
  @readonly entity SalesOrderText as projection on s4.SalesOrderText;
  @readonly entity SalesOrderItem as projection on s4.SalesOrderItem {
    *,
    Material              as Product,
    ProductionPlant       as Plant,
    RequestedQuantityUnit as RequestedQuantitySAPUnit,
    case RequestedQuantityUnit when 'ST' then 'PCE' when 'KG' then 'KGM' when 'M' then 'MTR' when 'M2' then 'MTK'
      else RequestedQuantityUnit end as RequestedQuantityISOUnit : String(3),
    to_ScheduleLine       as _ScheduleLine,
    to_SalesOrder         as _SalesOrder,
  } excluding { Material, ProductionPlant, RequestedQuantityUnit, to_ScheduleLine, to_SalesOrder };
  @restrict: [{ grant: 'READ', to: ['Reader', 'Writer'] }, { grant: 'UPDATE', to: 'Writer' }]
  entity SalesOrderScheduleLine as projection on s4.SalesOrderScheduleLine {
    *,
    OrderQuantityUnit as OrderQuantitySAPUnit,
  } excluding { OrderQuantityUnit };
}
annotate CE_SALESORDER_0001.SalesOrder with { LastChangeDateTime @odata.etag };

@path: '/sap/opu/odata4/sap/api_purchaseorder_2/srvd_a2x/sap/purchaseorder/0001' @requires: ['Reader', 'Writer']
service CE_PURCHASEORDER_0001 {
  @restrict: [{ grant: 'READ', to: ['Reader', 'Writer'] }, { grant: ['CREATE', 'UPDATE'], to: 'Writer' }]
  entity PurchaseOrder as projection on s4.PurchaseOrder {
    *,
    PurchasingDocumentDeletionCode as PurchaseOrderDeletionCode,
    to_PurchaseOrderItem           as _PurchaseOrderItem,
  } excluding { PurchasingDocumentDeletionCode, to_PurchaseOrderItem };
  @restrict: [{ grant: 'READ', to: ['Reader', 'Writer'] }, { grant: 'UPDATE', to: 'Writer' }]
  entity PurchaseOrderItem as projection on s4.PurchaseOrderItem {
    *,
    to_PurchaseOrder         as _PurchaseOrder,
    to_ScheduleLine          as _PurchaseOrderScheduleLineTP,
    to_PurchaseOrderItemNote as _PurchaseOrderItemNote,
  } excluding { to_PurchaseOrder, to_ScheduleLine, to_PurchaseOrderItemNote };
  @restrict: [{ grant: 'READ', to: ['Reader', 'Writer'] }, { grant: 'UPDATE', to: 'Writer' }]
  entity PurchaseOrderScheduleLine as projection on s4.PurchaseOrderScheduleLine {
    PurchasingDocument      as PurchaseOrder,
    PurchasingDocumentItem  as PurchaseOrderItem,
    ScheduleLine,
    DelivDateCategory,
    ScheduleLineDeliveryDate,
    SchedLineStscDeliveryDate,
    ScheduleLineOrderQuantity,
    ScheduleLineOrderQuantity - RoughGoodsReceiptQty as OpenPurchaseOrderQuantity : s4.Quantity,
    PurchaseOrderQuantityUnit,
    LastChangeDateTime,
    to_PurchaseOrder        as _PurchaseOrder,
  };
  @readonly entity PurchaseOrderItemNote as projection on s4.PurchaseOrderItemNote;
}
annotate CE_PURCHASEORDER_0001.PurchaseOrder with { LastChangeDateTime @odata.etag };
annotate CE_PURCHASEORDER_0001.PurchaseOrderScheduleLine with { LastChangeDateTime @odata.etag };

@path: '/sap/opu/odata4/sap/api_purchaserequisition_2/srvd_a2x/sap/purchaserequisition/0001'
@requires: ['Reader', 'Writer']
service CE_PURCHASEREQUISITION_0001 {
  @restrict: [{ grant: 'READ', to: ['Reader', 'Writer'] }, { grant: 'CREATE', to: 'Writer' }]
  entity PurchaseReqn as projection on s4.PurchaseRequisitionHeader {
    *,
    to_PurchaseReqnItem as _PurchaseRequisitionItem,
  } excluding { to_PurchaseReqnItem };
  @restrict: [{ grant: 'READ', to: ['Reader', 'Writer'] }, { grant: 'CREATE', to: 'Writer' }]
  entity PurchaseReqnItem as projection on s4.PurchaseRequisitionItem {
    *,
    to_PurchaseRequisition as _PurchaseRequisition,
  } excluding { to_PurchaseRequisition };
}
annotate CE_PURCHASEREQUISITION_0001.PurchaseReqnItem with { LastChangeDateTime @odata.etag };

@path: '/sap/opu/odata4/sap/api_supplierconfirmation/srvd_a2x/sap/supplierconfirmation/0001'
@requires: ['Reader', 'Writer']
service CE_SUPPLIERCONFIRMATION_0001 {
  @readonly entity Confirmation as projection on s4.SupplierConfirmation {
    *,
    to_Item as _SupplierConfirmationItemTP,
  } excluding { to_Item };
  @readonly entity ConfirmationItem as projection on s4.SupplierConfirmationItem {
    *,
    to_Header as _SupplierConfirmationTP,
    to_Line   as _SupplierConfirmationLineTP,
  } excluding { to_Header, to_Line };
  @readonly entity ConfirmationLine as projection on s4.SupplierConfirmationLine;
}

@path: '/sap/opu/odata4/sap/api_product/srvd_a2x/sap/product/0003' @requires: ['Reader', 'Writer']
service CE_PRODUCT_0003 {
  @readonly entity Product as projection on s4.Product {
    *,
    to_Description           as _ProductDescription,
    to_Plant                 as _ProductPlant,
    to_ProductUnitsOfMeasure as _ProductUnitOfMeasure,
  } excluding { to_Description, to_Plant, to_ProductUnitsOfMeasure };
  @readonly entity ProductDescription as projection on s4.ProductDescription;
  @readonly entity ProductPlant as projection on s4.ProductPlant {
    *,
    to_ProductSupplyPlanning as _ProductPlantSupplyPlanning,
  } excluding { to_ProductSupplyPlanning };
  @readonly entity ProductPlantSupplyPlanning as projection on s4.ProductSupplyPlanning;
  @readonly entity ProductUnitOfMeasure as projection on s4.ProductUnitsOfMeasure;
  @readonly entity ProductValuation as projection on s4.ProductValuation;
}

@path: '/sap/opu/odata4/sap/api_productionorder/srvd_a2x/sap/productionorder/0001' @requires: ['Reader', 'Writer']
service CE_PRODUCTIONORDER_0001 {
  @restrict: [{ grant: 'READ', to: ['Reader', 'Writer'] }, { grant: ['UPDATE', 'ReleaseOrder'], to: 'Writer' }]
  entity ProductionOrder as projection on s4.ProductionOrder {
    *,
    Material                    as Product,
    to_ProductionOrderComponent as _ProductionOrderComponent,
    to_ProductionOrderOperation as _ProductionOrderOperation,
    to_ProductionOrderStatus    as _ProductionOrderStatus,
  } excluding { Material, to_ProductionOrderComponent, to_ProductionOrderOperation, to_ProductionOrderStatus }
    actions {
      action ReleaseOrder() returns ProductionOrder;
    };
  @requires: 'Writer'
  action CompleteOrder(ManufacturingOrder : String(12), ActualCompletionDate : Date) returns ProductionOrder;
  @readonly entity ProductionOrderComponent as projection on s4.ProductionOrderComponent {
    *,
    Material as Product,
  } excluding { Material };
  @readonly entity ProductionOrderOperation as projection on s4.ProductionOrderOperation;
  @readonly entity ProductionOrderStatus    as projection on s4.ProductionOrderStatus;
}
annotate CE_PRODUCTIONORDER_0001.ProductionOrder with { LastChangeDateTime @odata.etag };
annotate CE_PRODUCTIONORDER_0001.ProductionOrderComponent with { LastChangeDateTime @odata.etag };
annotate CE_PRODUCTIONORDER_0001.ProductionOrderOperation with { LastChangeDateTime @odata.etag };

@path: '/sap/opu/odata4/sap/api_plannedorder/srvd_a2x/sap/plannedorder/0001' @requires: ['Reader', 'Writer']
service PLANNEDORDER_0001 {
  @restrict: [{ grant: 'READ', to: ['Reader', 'Writer'] }, { grant: 'UPDATE', to: 'Writer' }]
  entity PlannedOrderHeader as projection on s4.PlannedOrder;
}

@path: '/sap/opu/odata4/sap/api_customerreturn/srvd_a2x/sap/customerreturn/0001' @requires: ['Reader', 'Writer']
service CE_CUSTOMERRETURN_0001 {
  @readonly entity CustomerReturn as projection on s4.CustomerReturn { *, to_Item as _Item } excluding { to_Item };
  @readonly entity CustomerReturnItem as projection on s4.CustomerReturnItem {
    *,
    Material                                as Product,
    ProductionPlant                         as Plant,
    RequestedQuantityUnit                   as RequestedQuantitySAPUnit,
    case ReturnsMaterialHasBeenReceived when 'X' then true else false end
      as ReturnsProductHasBeenReceived : Boolean,
  } excluding { Material, ProductionPlant, RequestedQuantityUnit, ReturnsMaterialHasBeenReceived };
}

@path: '/sap/opu/odata4/sap/api_work_center/srvd_a2x/sap/workcenter/0001' @requires: ['Reader', 'Writer']
service WORKCENTER_0001 {
  @readonly entity WorkCenter as projection on s4.WorkCenters {
    *,
    to_WorkCenterDescription as _WorkCenterDescription,
  } excluding { to_WorkCenterDescription };
  @readonly entity WorkCenterDescription as projection on s4.WorkCenterDescription;
}

@path: '/sap/opu/odata4/sap/api_reservationdocument/srvd_a2x/sap/apireservationdocument/0001'
@requires: ['Reader', 'Writer']
service CE_APIRESERVATIONDOCUMENT_0001 {
  @restrict: [{ grant: 'READ', to: ['Reader', 'Writer'] }, { grant: 'CREATE', to: 'Writer' }]
  entity ReservationDocument as projection on s4.ReservationDocumentHeader {
    *,
    to_ReservationDocumentItem as _ReservationDocumentItem,
  } excluding { to_ReservationDocumentItem };
  @restrict: [{ grant: 'READ', to: ['Reader', 'Writer'] }, { grant: ['CREATE', 'UPDATE'], to: 'Writer' }]
  entity ReservationDocumentItem as projection on s4.ReservationDocumentItem;
}

@path: '/sap/opu/odata4/sap/api_qualitynotification/srvd_a2x/sap/qualitynotification/0001'
@requires: ['Reader', 'Writer']
service CE_QUALITYNOTIFICATION_0001 {
  @restrict: [{ grant: 'READ', to: ['Reader', 'Writer'] }, { grant: 'CREATE', to: 'Writer' }]
  entity QualityNotification as projection on s4.QualityNotification {
    *,
    to_LongText as _QltyNotificationLongText,
  } excluding { to_LongText };
  @restrict: [{ grant: 'READ', to: ['Reader', 'Writer'] }, { grant: 'CREATE', to: 'Writer' }]
  entity QltyNotificationLongText as projection on s4.QualityNotificationLongText;
}
