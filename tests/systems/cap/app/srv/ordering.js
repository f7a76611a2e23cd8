// What S/4HANA does behind its interface when an order is made or an item of it changed: numbers, release, refusals.
const cds = require('@sap/cds');
const { changedNames, later, nextNumber, refuse, today } = require('./common');

const FIRST_ORDER = 4500900000;
const IN_RELEASE = '03';
const MANDATORY = ['CompanyCode', 'PurchasingOrganization', 'PurchasingGroup', 'Supplier'];
const CHANGEABLE = new Set(['OrderQuantity', 'NetPriceAmount', 'PurchasingDocumentDeletionCode']);
const UNITS = new Set(['ST', 'PC', 'EA', 'KG', 'G', 'M', 'M2', 'L']);

// --- A new order -----------------------------------------------------------------------------------------------------

async function headerRefusal(order) {
  const { PurchaseOrder, Supplier } = cds.entities('s4');
  const missing = MANDATORY.find((name) => !order[name]);
  if (missing) return ['ME/083', `Enter ${missing}`];
  const supplier = await SELECT.one.from(Supplier, { Supplier: order.Supplier });
  if (!supplier) return ['06/321', `Supplier ${order.Supplier} does not exist`];
  if (supplier.PurchasingIsBlocked) return ['06/024', `Supplier ${order.Supplier} is blocked`];
  const { CompanyCode, PurchasingOrganization } = order;
  const known = await SELECT.one.from(PurchaseOrder).where({ CompanyCode, PurchasingOrganization });
  return known ? null : ['F5/165', `Company code ${CompanyCode} has no organization ${PurchasingOrganization}`];
}

async function itemRefusal(item, lines) {
  const { ProductPlant } = cds.entities('s4');
  const known = await SELECT.one.from(ProductPlant, { Product: item.Material ?? '', Plant: item.Plant ?? '' });
  if (!known) return ['M3/305', `Material ${item.Material} does not exist in plant ${item.Plant}`];
  if (!(Number(item.OrderQuantity) > 0)) return ['06/340', 'Enter a quantity'];
  if (!UNITS.has(item.PurchaseOrderQuantityUnit)) return ['06/353', `Unit ${item.PurchaseOrderQuantityUnit} is not known`];
  if (!(Number(item.NetPriceAmount) > 0)) return ['06/211', 'Enter a net price'];
  const days = (item[lines] ?? []).map((line) => line.ScheduleLineDeliveryDate);
  if (!days.length || days.some((day) => !day || day < today())) return ['ME/040', 'Delivery date is in the past'];
  return null;
}

async function createOrder({ items, lines, order, item }, req, next) {
  const asked = req.data[items] ?? [];
  let refused = await headerRefusal(req.data);
  if (!refused && !asked.length) refused = ['ME/083', 'Enter an item'];
  for (const one of asked) refused = refused ?? (await itemRefusal(one, lines));
  if (refused) return refuse(req, ...refused);
  const number = await nextNumber('BEST', FIRST_ORDER);
  const at = later();
  asked.forEach((one, place) => {
    const key = one.PurchaseOrderItem || String((place + 1) * 10).padStart(5, '0');
    Object.assign(one, {
      PurchaseOrder: number, PurchaseOrderItem: key, DocumentCurrency: req.data.DocumentCurrency, LastChangeDateTime: at,
    });
    one[lines].forEach((line, nth) => Object.assign(line, {
      [order]: number, [item]: key, ScheduleLine: line.ScheduleLine || String(nth + 1).padStart(4, '0'),
      ScheduleLineOrderQuantity: line.ScheduleLineOrderQuantity ?? one.OrderQuantity,
      SchedLineStscDeliveryDate: line.ScheduleLineDeliveryDate, LastChangeDateTime: at,
      PurchaseOrderQuantityUnit: one.PurchaseOrderQuantityUnit,
    }));
  });
  Object.assign(req.data, {
    PurchaseOrder: number, PurchaseOrderDate: today(), CreationDate: today(), CreatedByUser: req.user.id.slice(0, 12),
    PurchasingProcessingStatus: IN_RELEASE, ReleaseIsNotCompleted: true, LastChangeDateTime: at,
  });
  const made = await next();
  // What no service has as an element: nothing has come yet.
  const { PurchaseOrderScheduleLine } = cds.entities('s4');
  await UPDATE(PurchaseOrderScheduleLine).with({ RoughGoodsReceiptQty: 0 }).where({ PurchasingDocument: number });
  return made;
}

// --- Another quantity or price, or the deletion mark -----------------------------------------------------------------

async function changeItem(req) {
  const { PurchaseOrder, PurchaseOrderItem, PurchaseOrderScheduleLine } = cds.entities('s4');
  const { PurchaseOrder: order, PurchaseOrderItem: item } = req.params.at(-1);
  const found = await SELECT.one.from(PurchaseOrderItem, { PurchaseOrder: order, PurchaseOrderItem: item });
  if (!found) return req.reject(404, 'Purchase order item does not exist');
  if (found.PurchasingDocumentDeletionCode) return refuse(req, '06/115', `Item ${item} of ${order} is deleted`);
  if (found.IsCompletelyDelivered) return refuse(req, 'ME/071', `Item ${item} of ${order} is delivered completely`);
  const names = changedNames(req);
  const other = names.find((name) => !CHANGEABLE.has(name));
  if (other) return refuse(req, 'MEPO/002', `Field ${other} can not be changed`);
  const of = { PurchasingDocument: order, PurchasingDocumentItem: item };
  const lines = await SELECT.from(PurchaseOrderScheduleLine).where(of);
  const came = lines.reduce((sum, line) => sum + Number(line.RoughGoodsReceiptQty ?? 0), 0);
  const { OrderQuantity: qty, NetPriceAmount: price, PurchasingDocumentDeletionCode: mark } = req.data;
  if (qty !== undefined && !(Number(qty) > 0)) return refuse(req, '06/340', 'Enter a quantity');
  if (qty !== undefined && Number(qty) < came) return refuse(req, '06/660', 'More is received already');
  if (mark && came) return refuse(req, '06/660', 'More is received already');
  if (price !== undefined && !(Number(price) > 0)) return refuse(req, '06/211', 'Enter a net price');
  req.data.LastChangeDateTime = later(found.LastChangeDateTime);
  if (qty !== undefined && lines.length === 1) {
    const changed = { ScheduleLineOrderQuantity: qty, LastChangeDateTime: later(lines[0].LastChangeDateTime) };
    await UPDATE(PurchaseOrderScheduleLine).with(changed).where(of);
  }
  const header = await SELECT.one.from(PurchaseOrder, order);
  const released = mark ? {} : { PurchasingProcessingStatus: IN_RELEASE, ReleaseIsNotCompleted: true };
  await UPDATE(PurchaseOrder, order).with({
    ...released, LastChangeDateTime: later(header.LastChangeDateTime), LastChangedByUser: req.user.id.slice(0, 12),
  });
}

const V2 = {
  items: 'to_PurchaseOrderItem', lines: 'to_ScheduleLine', order: 'PurchasingDocument', item: 'PurchasingDocumentItem',
};
const V4 = {
  items: '_PurchaseOrderItem', lines: '_PurchaseOrderScheduleLineTP', order: 'PurchaseOrder', item: 'PurchaseOrderItem',
};

module.exports = (srv) => {
  const { A_PurchaseOrder, A_PurchaseOrderItem, PurchaseOrder, PurchaseOrderItem } = srv.entities;
  for (const [order, names] of [[A_PurchaseOrder, V2], [PurchaseOrder, V4]].filter(([one]) => one)) {
    srv.on('CREATE', order, (req, next) => createOrder(names, req, next));
  }
  for (const item of [A_PurchaseOrderItem, PurchaseOrderItem].filter(Boolean)) srv.before('UPDATE', item, changeItem);
};
