// What stands behind sales orders, and of which records of orders each change names the version.
using { s4 } from '../db/ordering';
using { API_PURCHASEORDER_PROCESS_SRV, API_SALES_ORDER_SRV } from './v2';
using { CE_PURCHASEORDER_0001, CE_SALESORDER_0001 } from './v4';

annotate API_SALES_ORDER_SRV with @impl: 'srv/selling.js';
annotate CE_SALESORDER_0001 with @impl: 'srv/selling.js';

extend service API_SALES_ORDER_SRV with {
  @restrict: [{ grant: 'READ', to: ['Reader', 'Writer'] }, { grant: 'UPDATE', to: 'Writer' }]
  entity A_SalesOrderItemPrElement as projection on s4.SalesOrderItemPrElement;
}

extend service CE_SALESORDER_0001 with {
  @restrict: [{ grant: 'READ', to: ['Reader', 'Writer'] }, { grant: 'UPDATE', to: 'Writer' }]
  entity SalesOrderItemPrcgElmnt as projection on s4.SalesOrderItemPrElement {
    *,
    ConditionRateValue as ConditionRateAmount,
  } excluding { ConditionRateValue };
}

annotate API_PURCHASEORDER_PROCESS_SRV.A_PurchaseOrderItem with { LastChangeDateTime @odata.etag };
annotate CE_PURCHASEORDER_0001.PurchaseOrderItem with { LastChangeDateTime @odata.etag };
annotate API_SALES_ORDER_SRV.A_SalesOrderScheduleLine with { LastChangeDateTime @odata.etag };
annotate CE_SALESORDER_0001.SalesOrderScheduleLine with { LastChangeDateTime @odata.etag };
annotate API_SALES_ORDER_SRV.A_SalesOrderItemPrElement with { LastChangeDateTime @odata.etag };
annotate CE_SALESORDER_0001.SalesOrderItemPrcgElmnt with { LastChangeDateTime @odata.etag };
