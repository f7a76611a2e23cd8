// What the rules of purchase orders and sales orders need beside what is read of them.
namespace s4;

using { s4 } from './schema';

extend s4.PurchaseOrderItem with {
  LastChangeDateTime : Timestamp default '2026-03-16T05:00:00Z';
};

extend s4.SalesOrderScheduleLine with {
  LastChangeDateTime : Timestamp default '2026-03-16T05:00:00Z';
};

entity SalesOrderItemPrElement {
  key SalesOrder              : String(10);
  key SalesOrderItem          : String(6);
  key PricingProcedureStep    : String(3);
  key PricingProcedureCounter : String(3);
      ConditionType           : String(4);
      ConditionRateValue      : Decimal(24, 9);
      ConditionCurrency       : s4.Curr;
      ConditionQuantity       : Decimal(5, 0);
      LastChangeDateTime      : Timestamp default '2026-03-16T05:00:00Z';
}
