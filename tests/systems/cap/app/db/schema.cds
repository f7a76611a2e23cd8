// What a factory's ERP knows, in tables of our own that carry the field names of S/4HANA's public interfaces.
// One element per field that something reads; a real system has hundreds more of them.
namespace s4;

type Quantity : Decimal(13, 3);
type Amount   : Decimal(16, 3);
type Unit     : String(3);
type Curr     : String(5);
type Plant    : String(4);
type Material : String(40);
type Stamp14  : String(14); // 20260316050000, UTC

// --- Partners --------------------------------------------------------------------------------------------------------

entity BusinessPartner {
  key BusinessPartner          : String(10);
      Customer                 : String(10) default '';
      Supplier                 : String(10) default '';
      BusinessPartnerCategory  : String(1) default '2';
      BusinessPartnerFullName  : String(81);
      LastChangeDate           : Date;
      LastChangeTime           : Time;
      to_BusinessPartnerAddress : Composition of many BusinessPartnerAddress
                                    on to_BusinessPartnerAddress.BusinessPartner = $self.BusinessPartner;
      to_Customer              : Association to one Customer on to_Customer.Customer = $self.Customer;
      to_Supplier              : Association to one Supplier on to_Supplier.Supplier = $self.Supplier;
}

entity BusinessPartnerAddress {
  key BusinessPartner : String(10);
  key AddressID       : String(10);
      Country         : String(3);
}

entity Customer {
  key Customer                  : String(10);
      CustomerName              : String(80);
      OrderIsBlockedForCustomer : String(2) default '';
      DeliveryIsBlocked         : String(2) default '';
      to_CustomerSalesArea      : Composition of many CustomerSalesArea
                                    on to_CustomerSalesArea.Customer = $self.Customer;
}

entity CustomerSalesArea {
  key Customer                  : String(10);
  key SalesOrganization         : String(4);
  key DistributionChannel       : String(2);
  key Division                  : String(2);
      CustomerABCClassification : String(2) default '';
}

entity Supplier {
  key Supplier            : String(10);
      SupplierName        : String(80);
      TaxNumber1          : String(16);
      PurchasingIsBlocked : Boolean default false;
      PostingIsBlocked    : Boolean default false;
      to_SupplierCompany  : Composition of many SupplierCompany on to_SupplierCompany.Supplier = $self.Supplier;
}

entity SupplierCompany {
  key Supplier     : String(10);
  key CompanyCode  : String(4);
      PaymentTerms : String(4) default '';
}

// --- Products --------------------------------------------------------------------------------------------------------

entity Product {
  key Product                   : Material;
      ProductType               : String(4);
      BaseUnit                  : Unit;
      CrossPlantStatus          : String(2) default '';
      IsBatchManagementRequired : Boolean default true;
      IsMarkedForDeletion       : Boolean default false;
      LastChangeDateTime        : Timestamp;
      to_Description            : Composition of many ProductDescription on to_Description.Product = $self.Product;
      to_Plant                  : Composition of many ProductPlant on to_Plant.Product = $self.Product;
      to_ProductUnitsOfMeasure  : Composition of many ProductUnitsOfMeasure
                                    on to_ProductUnitsOfMeasure.Product = $self.Product;
}

entity ProductDescription {
  key Product            : Material;
  key Language           : String(2);
      ProductDescription : String(40);
}

entity ProductPlant {
  key Product                  : Material;
  key Plant                    : Plant;
      ProcurementType          : String(1);
      MRPType                  : String(2) default 'PD';
      MRPResponsible           : String(3);
      ProfileCode              : String(2) default '';
      to_ProductSupplyPlanning : Association to one ProductSupplyPlanning
                                   on  to_ProductSupplyPlanning.Product = $self.Product
                                   and to_ProductSupplyPlanning.Plant   = $self.Plant;
}

entity ProductSupplyPlanning {
  key Product                       : Material;
  key Plant                         : Plant;
      ProcurementType               : String(1);
      SafetyStockQuantity           : Quantity;
      PlannedDeliveryDurationInDays : Decimal(3, 0);
      ProductProductionQuantityUnit : Unit default '';
      InHouseProductionTime         : Decimal(3, 0);
}

entity ProductValuation {
  key Product       : Material;
  key ValuationArea : Plant;
  key ValuationType : String(10) default '';
      StandardPrice : Decimal(16, 4);
      PriceUnitQty  : Decimal(5, 0);
      Currency      : Curr;
}

entity ProductUnitsOfMeasure {
  key Product             : Material;
  key AlternativeUnit     : Unit;
      BaseUnit            : Unit;
      QuantityNumerator   : Decimal(5, 0);
      QuantityDenominator : Decimal(5, 0);
}

// --- Stock -----------------------------------------------------------------------------------------------------------

entity Batch {
  key Material                    : Material;
  key BatchIdentifyingPlant       : Plant;
  key Batch                       : String(10);
      BatchIsMarkedForDeletion    : Boolean default false;
      MatlBatchIsInRstrcdUseStock : Boolean default false;
      Supplier                    : String(10) default '';
      BatchBySupplier             : String(15) default '';
      ShelfLifeExpirationDate     : Date;
      LastChangeDateTime          : Timestamp;
      to_BatchCharc               : Composition of many BatchCharc
                                      on  to_BatchCharc.Material              = $self.Material
                                      and to_BatchCharc.BatchIdentifyingPlant = $self.BatchIdentifyingPlant
                                      and to_BatchCharc.Batch                 = $self.Batch;
}

entity BatchCharc {
  key Material              : Material;
  key BatchIdentifyingPlant : Plant;
  key Batch                 : String(10);
  key CharcInternalID       : String(10);
      Characteristic        : String(30);
      to_BatchCharcValue    : Composition of many BatchCharcValue
                                on  to_BatchCharcValue.Material              = $self.Material
                                and to_BatchCharcValue.BatchIdentifyingPlant = $self.BatchIdentifyingPlant
                                and to_BatchCharcValue.Batch                 = $self.Batch
                                and to_BatchCharcValue.CharcInternalID       = $self.CharcInternalID;
}

entity BatchCharcValue {
  key Material                 : Material;
  key BatchIdentifyingPlant    : Plant;
  key Batch                    : String(10);
  key CharcInternalID          : String(10);
  key CharcValuePositionNumber : String(3);
      CharcValue               : String(70);
}

entity MatlStkInAcctMod {
  key Material                   : Material;
  key Plant                      : Plant;
  key StorageLocation            : String(4) default '';
  key Batch                      : String(10) default '';
  key Supplier                   : String(10) default '';
  key Customer                   : String(10) default '';
  key WBSElementInternalID       : String(24) default '';
  key SDDocument                 : String(10) default '';
  key SDDocumentItem             : String(6) default '';
  key InventorySpecialStockType  : String(1) default '';
  key InventoryStockType         : String(2);
      MaterialBaseUnit           : Unit;
      MatlWrhsStkQtyInMatlBaseUnit : Decimal(31, 14);
}

entity ReservationDocumentHeader {
  key Reservation                : String(10);
      OrderID                    : String(12) default '';
      GoodsMovementType          : String(3);
      SalesOrder                 : String(10) default '';
      SalesOrderItem             : String(6) default '';
      GoodsRecipientName         : String(12) default '';
      ReservationDate            : Date;
      to_ReservationDocumentItem : Composition of many ReservationDocumentItem
                                     on to_ReservationDocumentItem.Reservation = $self.Reservation;
}

entity ReservationDocumentItem {
  key Reservation                    : String(10);
  key ReservationItem                : String(4);
  key RecordType                     : String(1) default '';
      Product                        : Material;
      Plant                          : Plant;
      StorageLocation                : String(4) default '';
      Batch                          : String(10) default '';
      MatlCompRequirementDate        : Date;
      BaseUnit                       : Unit;
      ResvnItmRequiredQtyInBaseUnit  : Quantity;
      ResvnItmWithdrawnQtyInBaseUnit : Quantity;
      ReservationItemIsFinallyIssued : Boolean default false;
      ReservationItmIsMarkedForDeltn : Boolean default false;
      GoodsRecipientName             : String(12) default '';
}

entity MaterialDocumentHeader {
  key MaterialDocumentYear      : String(4);
  key MaterialDocument          : String(10);
      PostingDate               : Date;
      CreationDate              : Date;
      CreationTime              : Time;
      to_MaterialDocumentItem   : Composition of many MaterialDocumentItem
                                    on  to_MaterialDocumentItem.MaterialDocumentYear = $self.MaterialDocumentYear
                                    and to_MaterialDocumentItem.MaterialDocument     = $self.MaterialDocument;
}

entity MaterialDocumentItem {
  key MaterialDocumentYear      : String(4);
  key MaterialDocument          : String(10);
  key MaterialDocumentItem      : String(4);
      GoodsMovementType         : String(3);
      Material                  : Material;
      Plant                     : Plant;
      StorageLocation           : String(4) default '';
      Batch                     : String(10) default '';
      InventoryStockType        : String(2) default '01';
      InventorySpecialStockType : String(1) default '';
      IsAutomaticallyCreated    : String(1) default '';
      Supplier                  : String(10) default '';
      PurchaseOrder             : String(10) default '';
      PurchaseOrderItem         : String(5) default '';
      ManufacturingOrder        : String(12) default '';
      Reservation               : String(10) default '';
      ReservationItem           : String(4) default '';
      Delivery                  : String(10) default '';
      DeliveryItem              : String(6) default '';
      QuantityInBaseUnit        : Quantity;
      MaterialBaseUnit          : Unit;
      QuantityInEntryUnit       : Quantity;
      EntryUnit                 : Unit;
      GoodsMovementIsCancelled  : Boolean default false;
      to_MaterialDocumentHeader : Association to one MaterialDocumentHeader
                                    on  to_MaterialDocumentHeader.MaterialDocumentYear = $self.MaterialDocumentYear
                                    and to_MaterialDocumentHeader.MaterialDocument     = $self.MaterialDocument;
}

// --- Order to cash ---------------------------------------------------------------------------------------------------

entity SalesOrder {
  key SalesOrder                    : String(10);
      SalesOrderType                : String(4) default 'OR';
      SalesOrganization             : String(4);
      BillingCompanyCode            : String(4);
      SoldToParty                   : String(10);
      PurchaseOrderByCustomer       : String(35) default '';
      SalesOrderDate                : Date;
      RequestedDeliveryDate         : Date;
      IncotermsClassification       : String(3) default '';
      TotalNetAmount                : Amount;
      TransactionCurrency           : Curr;
      TotalCreditCheckStatus        : String(1) default '';
      DeliveryBlockReason           : String(2) default '';
      OverallSDProcessStatus        : String(1);
      OverallDeliveryStatus         : String(1);
      OverallSDDocumentRejectionSts : String(1) default 'A';
      LastChangeDateTime            : Timestamp;
      to_Item                       : Composition of many SalesOrderItem on to_Item.SalesOrder = $self.SalesOrder;
      to_Text                       : Composition of many SalesOrderText on to_Text.SalesOrder = $self.SalesOrder;
}

entity SalesOrderText {
  key SalesOrder : String(10);
  key Language   : String(2);
  key LongTextID : String(4);
      LongText   : LargeString;
}

entity SalesOrderItem {
  key SalesOrder              : String(10);
  key SalesOrderItem          : String(6);
      SalesOrderItemCategory  : String(4) default 'TAN';
      Material                : Material;
      ProductionPlant         : Plant;
      RequestedQuantity       : Quantity;
      RequestedQuantityUnit   : Unit;
      NetAmount               : Amount;
      TransactionCurrency     : Curr;
      SDProcessStatus         : String(1);
      DeliveryStatus          : String(1);
      SalesDocumentRjcnReason : String(2) default '';
      to_ScheduleLine         : Composition of many SalesOrderScheduleLine
                                  on  to_ScheduleLine.SalesOrder     = $self.SalesOrder
                                  and to_ScheduleLine.SalesOrderItem = $self.SalesOrderItem;
      to_SalesOrder           : Association to one SalesOrder on to_SalesOrder.SalesOrder = $self.SalesOrder;
}

entity SalesOrderScheduleLine {
  key SalesOrder                   : String(10);
  key SalesOrderItem               : String(6);
  key ScheduleLine                 : String(4);
      RequestedDeliveryDate        : Date;
      ConfirmedDeliveryDate        : Date;
      OrderQuantityUnit            : Unit;
      ScheduleLineOrderQuantity    : Quantity;
      ConfdOrderQtyByMatlAvailCheck : Quantity;
      DeliveredQtyInOrderQtyUnit   : Quantity;
}

entity OutbDeliveryHeader {
  key DeliveryDocument             : String(10);
      ShipToParty                  : String(10);
      PlannedGoodsIssueDate        : Date;
      ActualGoodsMovementDate      : Date;
      PickingDate                  : Date;
      PickingTime                  : Time;
      OverallPickingStatus         : String(1);
      OverallGoodsMovementStatus   : String(1);
      OverallProofOfDeliveryStatus : String(1) default '';
      ProofOfDeliveryDate          : Date;
      BillOfLading                 : String(35) default '';
      LastChangeDate               : Date;
      to_DeliveryDocumentItem      : Composition of many OutbDeliveryItem
                                       on to_DeliveryDocumentItem.DeliveryDocument = $self.DeliveryDocument;
      to_DeliveryDocumentPartner   : Composition of many OutbDeliveryPartner
                                       on to_DeliveryDocumentPartner.SDDocument = $self.DeliveryDocument;
}

entity OutbDeliveryItem {
  key DeliveryDocument          : String(10);
  key DeliveryDocumentItem      : String(6);
      Material                  : Material;
      Batch                     : String(10) default '';
      Plant                     : Plant;
      ActualDeliveryQuantity    : Quantity;
      DeliveryQuantityUnit      : Unit;
      ReferenceSDDocument       : String(10);
      ReferenceSDDocumentItem   : String(6);
      PickingStatus             : String(1);
      GoodsMovementStatus       : String(1);
}

entity OutbDeliveryPartner {
  key SDDocument      : String(10);
  key PartnerFunction : String(2);
      Supplier        : String(10) default '';
      AddressID       : String(10);
      to_Address      : Association to one OutbDeliveryAddress on to_Address.AddressID = $self.AddressID;
}

entity OutbDeliveryAddress {
  key AddressID            : String(10);
      BusinessPartnerName1 : String(40);
}

entity CustomerReturn {
  key CustomerReturn         : String(10);
      SoldToParty            : String(10);
      CustomerReturnDate     : Date;
      OverallSDProcessStatus : String(1);
      to_Item                : Composition of many CustomerReturnItem on to_Item.CustomerReturn = $self.CustomerReturn;
}

entity CustomerReturnItem {
  key CustomerReturn                 : String(10);
  key CustomerReturnItem             : String(6);
      Material                       : Material;
      RequestedQuantity              : Quantity;
      RequestedQuantityUnit          : Unit;
      Batch                          : String(10) default '';
      ProductionPlant                : Plant;
      ReferenceSDDocument            : String(10) default '';
      ReferenceSDDocumentItem        : String(6) default '';
      ReturnReason                   : String(3) default '';
      ReturnsMaterialHasBeenReceived : String(1) default '';
}

entity BillingDocument {
  key BillingDocument     : String(10);
      BillingDocumentType : String(4) default 'F2';
      BillingDocumentDate : Date;
      TransactionCurrency : Curr;
      LastChangeDateTime  : Timestamp;
      to_Item             : Composition of many BillingDocumentItem
                              on to_Item.BillingDocument = $self.BillingDocument;
}

entity BillingDocumentItem {
  key BillingDocument     : String(10);
  key BillingDocumentItem : String(6);
      Plant               : Plant;
      SalesDocument       : String(10);
      SalesDocumentItem   : String(6);
      NetAmount           : Amount;
      TransactionCurrency : Curr;
}

// --- Procure to pay --------------------------------------------------------------------------------------------------

entity PurchaseOrder {
  key PurchaseOrder                  : String(10);
      PurchaseOrderType              : String(4) default 'NB';
      CompanyCode                    : String(4);
      PurchasingOrganization         : String(4);
      PurchasingGroup                : String(3) default '001';
      Supplier                       : String(10);
      PurchaseOrderDate              : Date;
      CreationDate                   : Date;
      CreatedByUser                  : String(12) default '';
      LastChangedByUser              : String(12) default '';
      DocumentCurrency               : Curr;
      PurchasingProcessingStatus     : String(2) default '05';
      ReleaseIsNotCompleted          : Boolean default false;
      PurchasingDocumentDeletionCode : String(1) default '';
      CorrespncExternalReference     : String(12) default '';
      CorrespncInternalReference     : String(12) default '';
      LastChangeDateTime             : Timestamp;
      to_PurchaseOrderItem           : Composition of many PurchaseOrderItem
                                         on to_PurchaseOrderItem.PurchaseOrder = $self.PurchaseOrder;
}

entity PurchaseOrderItem {
  key PurchaseOrder                  : String(10);
  key PurchaseOrderItem              : String(5);
      PurchasingDocumentDeletionCode : String(1) default '';
      Material                       : Material;
      Plant                          : Plant;
      OrderQuantity                  : Quantity;
      PurchaseOrderQuantityUnit      : Unit;
      NetPriceAmount                 : Amount;
      NetPriceQuantity               : Decimal(5, 0);
      DocumentCurrency               : Curr;
      IsCompletelyDelivered          : Boolean default false;
      IsFinallyInvoiced              : Boolean default false;
      GoodsReceiptIsExpected         : Boolean default true;
      PurgDocOrderAcknNumber         : String(20) default '';
      RequirementTracking            : String(10) default '';
      to_PurchaseOrder               : Association to one PurchaseOrder
                                         on to_PurchaseOrder.PurchaseOrder = $self.PurchaseOrder;
      to_ScheduleLine                : Composition of many PurchaseOrderScheduleLine
                                         on  to_ScheduleLine.PurchasingDocument     = $self.PurchaseOrder
                                         and to_ScheduleLine.PurchasingDocumentItem = $self.PurchaseOrderItem;
      to_PurchaseOrderItemNote       : Composition of many PurchaseOrderItemNote
                                         on  to_PurchaseOrderItemNote.PurchaseOrder     = $self.PurchaseOrder
                                         and to_PurchaseOrderItemNote.PurchaseOrderItem = $self.PurchaseOrderItem;
}

entity PurchaseOrderScheduleLine {
  key PurchasingDocument         : String(10);
  key PurchasingDocumentItem     : String(5);
  key ScheduleLine               : String(4);
      DelivDateCategory          : String(1) default '1';
      ScheduleLineDeliveryDate   : Date;
      SchedLineStscDeliveryDate  : Date;
      ScheduleLineOrderQuantity  : Quantity;
      RoughGoodsReceiptQty       : Quantity;
      PurchaseOrderQuantityUnit  : Unit;
      LastChangeDateTime         : Timestamp;
      to_PurchaseOrder           : Association to one PurchaseOrder
                                     on to_PurchaseOrder.PurchaseOrder = $self.PurchasingDocument;
}

entity PurchaseOrderItemNote {
  key PurchaseOrder     : String(10);
  key PurchaseOrderItem : String(5);
  key TextObjectType    : String(4);
  key Language          : String(2);
      PlainLongText     : LargeString;
}

entity SupplierConfirmation {
  key SupplierConfirmation      : String(10);
      SuplrConfRefPurchaseOrder : String(10);
      CreationDate              : Date;
      CreationTime              : Time;
      to_Item                   : Composition of many SupplierConfirmationItem
                                    on to_Item.SupplierConfirmation = $self.SupplierConfirmation;
}

entity SupplierConfirmationItem {
  key SupplierConfirmation           : String(10);
  key SupplierConfirmationItem       : String(5);
      SuplrConfRefPurchaseOrder      : String(10);
      SuplrConfRefPurchaseOrderItem  : String(5);
      SuplrConfItemExternalReference : String(70) default '';
      ItemIsRejectedBySupplier       : Boolean default false;
      to_Header                      : Association to one SupplierConfirmation
                                         on to_Header.SupplierConfirmation = $self.SupplierConfirmation;
      to_Line                        : Composition of many SupplierConfirmationLine
                                         on  to_Line.SupplierConfirmation     = $self.SupplierConfirmation
                                         and to_Line.SupplierConfirmationItem = $self.SupplierConfirmationItem;
}

entity SupplierConfirmationLine {
  key SupplierConfirmation     : String(10);
  key SupplierConfirmationItem : String(5);
  key SupplierConfirmationLine : String(4);
      SequentialNmbrOfSuplrConf : String(4);
      DelivDateCategory        : String(1) default '1';
      DeliveryDate             : Date;
      ConfirmedQuantity        : Quantity;
      PurchaseOrderQuantityUnit : Unit;
      Plant                    : Plant;
}

entity SupplierInvoice {
  key SupplierInvoice               : String(10);
  key FiscalYear                    : String(4);
      CompanyCode                   : String(4);
      PostingDate                   : Date;
      InvoicingParty                : String(10);
      SupplierInvoiceIDByInvcgParty : String(16) default '';
      DocumentCurrency              : Curr;
      PaymentBlockingReason         : String(1) default '';
      SupplierInvoiceStatus         : String(1);
      ReverseDocument               : String(10) default '';
      to_SuplrInvcItemPurOrdRef     : Composition of many SuplrInvcItemPurOrdRef
                                        on  to_SuplrInvcItemPurOrdRef.SupplierInvoice = $self.SupplierInvoice
                                        and to_SuplrInvcItemPurOrdRef.FiscalYear      = $self.FiscalYear;
}

entity SuplrInvcItemPurOrdRef {
  key SupplierInvoice             : String(10);
  key FiscalYear                  : String(4);
  key SupplierInvoiceItem         : String(6);
      PurchaseOrder               : String(10) default '';
      PurchaseOrderItem           : String(5) default '';
      Plant                       : Plant;
      DocumentCurrency            : Curr;
      SupplierInvoiceItemAmount   : Amount;
      PurchaseOrderQuantityUnit   : Unit;
      QuantityInPurchaseOrderUnit : Quantity;
      PurchaseOrderPriceUnit      : Unit;
      QtyInPurchaseOrderPriceUnit : Quantity;
}

entity PurchaseRequisitionHeader {
  key PurchaseRequisition      : String(10);
      PurchaseRequisitionType  : String(4) default 'NB';
      PurReqnDescription       : String(40) default '';
      SourceDetermination      : Boolean default false;
      PurReqnDoOnlyValidation  : Boolean default false;
      to_PurchaseReqnItem      : Composition of many PurchaseRequisitionItem
                                   on to_PurchaseReqnItem.PurchaseRequisition = $self.PurchaseRequisition;
}

entity PurchaseRequisitionItem {
  key PurchaseRequisition            : String(10);
  key PurchaseRequisitionItem        : String(5) default '00010';
      PurchasingDocument             : String(10) default '';
      PurchasingDocumentItem         : String(5) default '';
      PurchaseRequisitionType        : String(4) default 'NB';
      Material                       : Material;
      Plant                          : Plant;
      PurchasingOrganization         : String(4) default '';
      PurchasingGroup                : String(3) default '001';
      RequestedQuantity              : Quantity;
      OrderedQuantity                : Quantity default 0;
      BaseUnit                       : Unit;
      DeliveryDate                   : Date;
      PurReqCreationDate             : Date;
      CreatedByUser                  : String(12) default '';
      RequisitionerName              : String(12) default '';
      PurReqnReleaseStatus           : String(2) default '02';
      ReleaseIsNotCompleted          : Boolean default true;
      ProcessingStatus               : String(1) default 'N';
      IsClosed                       : Boolean default false;
      IsDeleted                      : Boolean default false;
      Supplier                       : String(10) default '';
      FixedSupplier                  : String(10) default '';
      PurReqnExternalReference       : String(35) default '';
      PurReqnItemExternalReference   : String(10) default '';
      PurReqnExternalSystemId        : String(60) default '';
      PurReqnOrigin                  : String(1) default 'R';
      LastChangeDateTime             : Timestamp;
      to_PurchaseRequisition         : Association to one PurchaseRequisitionHeader
                                         on to_PurchaseRequisition.PurchaseRequisition = $self.PurchaseRequisition;
}

entity PurchasingInfoRecord {
  key PurchasingInfoRecord       : String(10);
      Supplier                   : String(10);
      Material                   : Material;
      IsDeleted                  : Boolean default false;
      PurgDocOrderQuantityUnit   : Unit;
      to_PurgInfoRecdOrgPlantData : Composition of many PurgInfoRecdOrgPlantData
                                      on to_PurgInfoRecdOrgPlantData.PurchasingInfoRecord = $self.PurchasingInfoRecord;
}

entity PurgInfoRecdOrgPlantData {
  key PurchasingInfoRecord         : String(10);
  key PurchasingInfoRecordCategory : String(1) default '0';
  key PurchasingOrganization       : String(4);
  key Plant                        : Plant;
      Supplier                     : String(10);
      Material                     : Material;
      NetPriceAmount               : Amount;
      MaterialPriceUnitQty         : Decimal(5, 0);
      PurchaseOrderPriceUnit       : Unit;
      Currency                     : Curr;
      MinimumPurchaseOrderQuantity : Quantity;
      MaterialPlannedDeliveryDurn  : Decimal(3, 0);
      PriceValidityEndDate         : Date;
      IsMarkedForDeletion          : Boolean default false;
}

entity PurchasingSource {
  key Material                 : Material;
  key Plant                    : Plant;
  key SourceListRecord         : String(5);
      Supplier                 : String(10);
      PurchasingOrganization   : String(4);
      ValidityStartDate        : Date;
      ValidityEndDate          : Date;
      SupplierIsFixed          : Boolean default false;
      SourceOfSupplyIsBlocked  : Boolean default false;
}

// --- Make ------------------------------------------------------------------------------------------------------------

entity WorkCenters {
  key WorkCenterInternalID      : String(8);
  key WorkCenterTypeCode        : String(2) default 'A';
      WorkCenter                : String(8);
      Plant                     : Plant;
      WorkCenterCategoryCode    : String(4) default '0001';
      WorkCenterResponsible     : String(3) default '';
      WorkCenterLocation        : String(10) default '';
      to_WorkCenterDescription  : Composition of many WorkCenterDescription
                                    on  to_WorkCenterDescription.WorkCenterInternalID = $self.WorkCenterInternalID
                                    and to_WorkCenterDescription.WorkCenterTypeCode   = $self.WorkCenterTypeCode;
}

entity WorkCenterDescription {
  key WorkCenterInternalID : String(8);
  key WorkCenterTypeCode   : String(2);
  key Language             : String(2);
      WorkCenterText       : String(40);
}

entity ProductionOrder {
  key ManufacturingOrder         : String(12);
      ManufacturingOrderType     : String(4);
      Material                   : Material;
      ProductionPlant            : Plant;
      TotalQuantity              : Quantity;
      MfgOrderPlannedScrapQty    : Quantity;
      MfgOrderConfirmedYieldQty  : Quantity;
      MfgOrderConfirmedScrapQty  : Quantity;
      ProductionUnit             : Unit;
      MfgOrderPlannedStartDate   : Date;
      MfgOrderPlannedEndDate     : Date;
      MfgOrderScheduledStartDate : Date;
      MfgOrderScheduledEndDate   : Date;
      SalesOrder                 : String(10) default '';
      SalesOrderItem             : String(6) default '';
      SuperiorOrder              : String(12) default '';
      LeadingOrder               : String(12) default '';
      OrderIsCreated             : Boolean default false;
      OrderIsReleased            : Boolean default false;
      OrderIsPartiallyConfirmed  : Boolean default false;
      OrderIsConfirmed           : Boolean default false;
      OrderIsPartiallyDelivered  : Boolean default false;
      OrderIsDelivered           : Boolean default false;
      OrderIsLocked              : Boolean default false;
      OrderIsTechnicallyCompleted : Boolean default false;
      OrderIsClosed              : Boolean default false;
      OrderIsMarkedForDeletion   : Boolean default false;
      LastChangeDateTime         : Stamp14;
      to_ProductionOrderComponent : Composition of many ProductionOrderComponent
                                      on to_ProductionOrderComponent.ManufacturingOrder = $self.ManufacturingOrder;
      to_ProductionOrderOperation : Composition of many ProductionOrderOperation
                                      on to_ProductionOrderOperation.ManufacturingOrder = $self.ManufacturingOrder;
      to_ProductionOrderStatus   : Composition of many ProductionOrderStatus
                                     on to_ProductionOrderStatus.ManufacturingOrder = $self.ManufacturingOrder;
}

entity ProductionOrderStatus {
  key ManufacturingOrder : String(12);
  key StatusCode         : String(5);
      IsUserStatus       : Boolean default false;
      StatusShortName    : String(4);
      StatusName         : String(30);
}

entity ProductionOrderComponent {
  key Reservation               : String(10);
  key ReservationItem           : String(4);
      ManufacturingOrder        : String(12);
      BillOfMaterialItemNumber  : String(4);
      Material                  : Material;
      Plant                     : Plant;
      RequiredQuantity          : Quantity;
      WithdrawnQuantity         : Quantity;
      BaseUnit                  : Unit;
      MatlCompRequirementDate   : Date;
      ReservationIsFinallyIssued : Boolean default false;
      LastChangeDateTime        : Stamp14;
}

entity ProductionOrderOperation {
  key OrderInternalBillOfOperations : String(10);
  key OrderIntBillOfOperationsItem  : String(8);
      ManufacturingOrder            : String(12);
      ManufacturingOrderOperation   : String(4);
      ProductionPlant               : Plant;
      WorkCenter                    : String(8);
      OpErlstSchedldExecStrtDte     : Date;
      OpErlstSchedldExecStrtTme     : Time;
      OpErlstSchedldExecEndDte      : Date;
      OpErlstSchedldExecEndTme      : Time;
      OperationIsReleased           : Boolean default false;
      OperationIsPartiallyConfirmed : Boolean default false;
      OperationIsConfirmed          : Boolean default false;
      LastChangeDateTime            : Stamp14;
}

entity PlannedOrder {
  key PlannedOrder                : String(10);
      Material                    : Material;
      MRPPlant                    : Plant;
      ProductionPlant             : Plant;
      BaseUnit                    : Unit;
      TotalQuantity               : Quantity;
      PlndOrderPlannedStartDate   : Date;
      PlndOrderPlannedEndDate     : Date;
      MaterialProcurementCategory : String(1);
      PlannedOrderIsFirm          : Boolean default false;
      PlannedOrderIsConvertible   : Boolean default false;
}

entity ProdnOrdConf {
  key ConfirmationGroup         : String(10);
  key ConfirmationCount         : String(8);
      OrderID                   : String(12);
      OrderOperation            : String(4);
      Plant                     : Plant;
      ConfirmationUnit          : Unit;
      ConfirmationYieldQuantity : Quantity;
      ConfirmationScrapQuantity : Quantity;
      FinalConfirmationType     : String(1) default '';
      ConfirmedExecutionEndDate : Date;
      ConfirmedExecutionEndTime : Time;
      IsReversed                : Boolean default false;
      IsReversal                : Boolean default false;
}

entity MaterialBOM {
  key BillOfMaterial              : String(8);
  key BillOfMaterialCategory      : String(1) default 'M';
  key BillOfMaterialVariant       : String(2) default '1';
  key BillOfMaterialVersion       : String(4) default '';
  key EngineeringChangeDocument   : String(12) default '';
  key Material                    : Material;
  key Plant                       : Plant;
      BillOfMaterialVariantUsage  : String(1) default '1';
      IsMarkedForDeletion         : Boolean default false;
      BOMHeaderQuantityInBaseUnit : Quantity;
      BOMHeaderBaseUnit           : Unit;
      to_BillOfMaterialItem       : Composition of many MaterialBOMItem
                                      on  to_BillOfMaterialItem.BillOfMaterial = $self.BillOfMaterial
                                      and to_BillOfMaterialItem.Material       = $self.Material
                                      and to_BillOfMaterialItem.Plant          = $self.Plant;
}

entity MaterialBOMItem {
  key BillOfMaterial               : String(8);
  key BillOfMaterialCategory       : String(1) default 'M';
  key BillOfMaterialVariant        : String(2) default '1';
  key BillOfMaterialVersion        : String(4) default '';
  key BillOfMaterialItemNodeNumber : String(8);
  key HeaderChangeDocument         : String(12) default '';
  key Material                     : Material;
  key Plant                        : Plant;
      BillOfMaterialItemNumber     : String(4);
      BillOfMaterialComponent      : Material;
      BillOfMaterialItemQuantity   : Quantity;
      BillOfMaterialItemUnit       : Unit;
      ValidityStartDate            : Date;
      ValidityEndDate              : Date;
      IsDeleted                    : Boolean default false;
}

// --- Maintenance and quality -----------------------------------------------------------------------------------------

entity MaintenanceOrder {
  key MaintenanceOrder        : String(12);
      MaintenanceOrderType    : String(4);
      MaintenanceOrderDesc    : String(40);
      MaintenancePlant        : Plant;
      Equipment               : String(18);
      MaintOrdBasicStartDate  : Date;
      MaintOrdBasicEndDate    : Date;
      MaintOrdProcessPhaseCode : String(2);
      MaintOrdProcessSubPhaseCode : String(4) default '';
      OperationSystemCondition : String(1) default '1';
      MaintPriority           : String(1) default '';
      LastChangeDateTime      : Timestamp;
}

entity InspectionLot {
  key InspectionLot                 : String(12);
      Material                      : Material;
      Batch                         : String(10) default '';
      Plant                         : Plant;
      InspectionLotOrigin           : String(2);
      InspectionLotQuantity         : Quantity;
      InspectionLotQuantityUnit     : Unit;
      InspectionLotEndDate          : Date;
      InspectionLotEndTime          : Time;
      InspectionLotHasUsageDecision : String(1) default '';
      InspLotStatusRsltsConfirmed   : String(1) default '';
      InspLotStatusCanceled         : String(1) default '';
      ChangedDateTime               : Timestamp;
      to_InspLotUsageDecision       : Association to one InspLotUsageDecision
                                        on to_InspLotUsageDecision.InspectionLot = $self.InspectionLot;
}

entity InspLotUsageDecision {
  key InspectionLot                  : String(12);
      InspectionLotUsageDecisionCode : String(4);
      InspLotUsageDecisionValuation  : String(1);
}

entity QualityNotification {
  key QualityNotification   : String(12);
      NotificationType      : String(2);
      NotificationText      : String(40);
      NotificationPriority  : String(1);
      Material              : Material;
      Plant                 : Plant;
      Batch                 : String(10) default '';
      NotifProcessingPhase  : String(1);
      QltyNotifDefectCode   : String(8) default '';
      CreationDate          : Date;
      CreationTime          : Time;
      LastChangeDate        : Date;
      LastChangeTime        : Time;
      to_LongText           : Composition of many QualityNotificationLongText
                                on to_LongText.QualityNotification = $self.QualityNotification;
}

entity QualityNotificationLongText {
  key QualityNotification  : String(12);
  key Language             : String(2);
      NotificationLongText : LargeString;
}

// --- What is the customer's own --------------------------------------------------------------------------------------

// Facts that no public interface gives, as a customer adds them: key-user fields (YY1_…) beside the standard ones.
extend WorkCenters with {
  YY1_AlternativeWorkCenter : String(8) default '';
};

extend ProductionOrderComponent with {
  YY1_SupplyingOrder : String(12) default '';
};

extend PurgInfoRecdOrgPlantData with {
  YY1_Rank : Integer;
};

extend QualityNotification with {
  YY1_HoldsBatch    : Boolean default false;
  YY1_ResponsibleRole : String(20) default '';
};

// Number ranges and the reference of the last number given.
entity NumberRange {
  key Object : String(20);
      Last   : Integer64;
}
