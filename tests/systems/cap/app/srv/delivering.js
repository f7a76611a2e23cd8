// What S/4HANA does when items of a sales order are delivered: it takes over what the order says, and refuses more.
const cds = require('@sap/cds');
const { nextNumber, refuse, today } = require('./common');

const FIRST = 80900100;
const BLOCKED = new Set(['B', 'C']); // by the check of the customer's credit

async function headRefusal(order) {
  const { SalesOrder: Orders } = cds.entities('s4');
  const head = await SELECT.one.from(Orders, { SalesOrder: order ?? '' });
  if (!head) return ['VL/051', `Sales order ${order} does not exist`];
  if (head.OverallSDProcessStatus === 'C') return ['VL/302', `Sales order ${order} is completed`];
  if (BLOCKED.has(head.TotalCreditCheckStatus)) return ['VU/012', `Sales order ${order} is blocked for credit`];
  return head.DeliveryBlockReason ? ['VL/045', `Sales order ${order} is blocked for delivery`] : null;
}

// What of an item is neither delivered nor in a delivery that has not left.
async function open({ SalesOrder, SalesOrderItem, RequestedQuantity }) {
  const { OutbDeliveryItem, SalesOrderScheduleLine } = cds.entities('s4');
  const lines = await SELECT.from(SalesOrderScheduleLine).where({ SalesOrder, SalesOrderItem });
  const under = await SELECT.from(OutbDeliveryItem).where({
    ReferenceSDDocument: SalesOrder, ReferenceSDDocumentItem: SalesOrderItem, GoodsMovementStatus: 'A',
  });
  const gone = lines.reduce((sum, one) => sum + Number(one.DeliveredQtyInOrderQtyUnit), 0);
  return Number(RequestedQuantity) - under.reduce((sum, one) => sum + Number(one.ActualDeliveryQuantity), gone);
}

async function itemRefusal(line) {
  const { SalesOrderItem: Items } = cds.entities('s4');
  const key = { SalesOrder: line.ReferenceSDDocument ?? '', SalesOrderItem: line.ReferenceSDDocumentItem ?? '' };
  const item = await SELECT.one.from(Items, key);
  if (!item || item.SalesDocumentRjcnReason) return ['VL/051', `Item ${key.SalesOrderItem} does not exist`];
  if (!(Number(line.ActualDeliveryQuantity) > 0)) return ['VL/018', 'Enter a quantity'];
  if (line.DeliveryQuantityUnit !== item.RequestedQuantityUnit) return ['06/353', 'Unit is not the one of the order'];
  if (Number(line.ActualDeliveryQuantity) > (await open(item))) return ['VL/367', 'More than the open quantity'];
  Object.assign(line, { Material: item.Material, Plant: item.ProductionPlant });
  return null;
}

async function create(req, next) {
  const lines = req.data.to_DeliveryDocumentItem ?? [];
  if (!lines.length) return refuse(req, 'VL/001', 'A delivery needs an item');
  const [order, ...others] = new Set(lines.map((one) => one.ReferenceSDDocument));
  if (others.length) return refuse(req, 'VL/002', 'Items are of several sales orders');
  if (!(req.data.PlannedGoodsIssueDate >= today())) return refuse(req, 'VL/004', 'Goods issue date is in the past');
  const found = [await headRefusal(order), ...(await Promise.all(lines.map(itemRefusal)))].find(Boolean);
  if (found) return refuse(req, ...found);
  const { SalesOrder } = cds.entities('s4');
  const { SoldToParty } = await SELECT.one.from(SalesOrder, { SalesOrder: order });
  const DeliveryDocument = await nextNumber('LIKP', FIRST);
  Object.assign(req.data, {
    DeliveryDocument, ShipToParty: SoldToParty, OverallPickingStatus: 'A', OverallGoodsMovementStatus: 'A',
    OverallProofOfDeliveryStatus: 'A', LastChangeDate: today(),
  });
  lines.forEach((line, place) =>
    Object.assign(line, {
      DeliveryDocument, DeliveryDocumentItem: String((place + 1) * 10).padStart(6, '0'), Batch: '', PickingStatus: 'A',
      GoodsMovementStatus: 'A',
    }),
  );
  return next();
}

module.exports = (srv) => srv.on('CREATE', srv.entities.A_OutbDeliveryHeader, create);
