// What S/4HANA does behind its interface when something is bought: number ranges, derived states, its own refusals.
const cds = require('@sap/cds');

const UNITS = new Set(['ST', 'PC', 'EA', 'KG', 'G', 'M', 'M2', 'L']);
const CHANGEABLE = new Set(['ScheduleLineDeliveryDate']);
const FIRST_REQUISITION = 30000100;

function today() {
  return now().slice(0, 10);
}

function now() {
  return process.env.RIG_CLOCK || new Date().toISOString();
}

// A stamp later than every stamp before it: where the plant's clock stands still, a version is not used twice.
async function stamp() {
  const { PurchaseOrder, PurchaseOrderScheduleLine, PurchaseRequisitionItem } = cds.entities('s4');
  const found = await Promise.all(
    [PurchaseOrder, PurchaseOrderScheduleLine, PurchaseRequisitionItem].map((one) =>
      SELECT.one.from(one).columns('max(LastChangeDateTime) as at'),
    ),
  );
  const newest = Math.max(Date.parse(now()), ...found.map((row) => (row?.at ? Date.parse(row.at) + 1000 : 0)));
  return new Date(newest).toISOString();
}

async function nextNumber(object, first) {
  const { NumberRange } = cds.entities('s4');
  const changed = await UPDATE(NumberRange, object).with({ Last: { '+=': 1 } });
  if (!changed) await INSERT.into(NumberRange).entries({ Object: object, Last: first + 1 });
  const { Last } = await SELECT.one.from(NumberRange, object);
  return String(Last).padStart(10, '0');
}

// --- Purchase orders -------------------------------------------------------------------------------------------------

async function changeScheduleLine(req) {
  const { PurchaseOrder, PurchaseOrderItem } = cds.entities('s4');
  const keys = req.params.at(-1);
  const order = keys.PurchasingDocument ?? keys.PurchaseOrder;
  const item = keys.PurchasingDocumentItem ?? keys.PurchaseOrderItem;
  const names = Object.keys(req.data).filter((name) => !(name in keys));
  const found = await SELECT.one.from(PurchaseOrderItem, { PurchaseOrder: order, PurchaseOrderItem: item });
  if (!found) return req.reject(404, 'Purchase order item does not exist', 'ScheduleLineDeliveryDate');
  if (found.PurchasingDocumentDeletionCode) return refuse(req, '06/115', `Item ${item} of ${order} is deleted`);
  if (found.IsCompletelyDelivered) return refuse(req, 'ME/071', `Item ${item} of ${order} is delivered completely`);
  const other = names.find((name) => !CHANGEABLE.has(name));
  if (other) return refuse(req, 'MEPO/002', `Field ${other} can not be changed`);
  if (req.data.ScheduleLineDeliveryDate < today()) return refuse(req, 'ME/040', 'Delivery date is in the past');
  req.data.LastChangeDateTime = await stamp();
  await UPDATE(PurchaseOrder, { PurchaseOrder: order }).with({
    LastChangeDateTime: req.data.LastChangeDateTime,
    LastChangedByUser: req.user.id.slice(0, 12),
  });
}

async function changeOrder(req) {
  const other = Object.keys(req.data).find(
    (name) => !['PurchaseOrder', 'CorrespncExternalReference', 'CorrespncInternalReference'].includes(name),
  );
  if (other) return refuse(req, 'MEPO/002', `Field ${other} can not be changed`);
  req.data.LastChangeDateTime = await stamp();
  req.data.LastChangedByUser = req.user.id.slice(0, 12);
}

// --- Purchase requisitions -------------------------------------------------------------------------------------------

async function itemRefusal(item) {
  const { ProductPlant, Supplier } = cds.entities('s4');
  const known = await SELECT.one.from(ProductPlant, { Product: item.Material ?? '', Plant: item.Plant ?? '' });
  if (!known) return ['M3/305', `Material ${item.Material} does not exist in plant ${item.Plant}`];
  if (!(Number(item.RequestedQuantity) > 0)) return ['06/340', 'Enter a quantity'];
  if (!UNITS.has(item.BaseUnit)) return ['06/353', `Unit ${item.BaseUnit} is not known`];
  if (!item.DeliveryDate || item.DeliveryDate < today()) return ['ME/040', 'Delivery date is in the past'];
  for (const name of [item.Supplier, item.FixedSupplier].filter(Boolean)) {
    const supplier = await SELECT.one.from(Supplier, { Supplier: name });
    if (!supplier) return ['06/321', `Supplier ${name} does not exist`];
    if (supplier.PurchasingIsBlocked) return ['06/024', `Supplier ${name} is blocked`];
  }
  return null;
}

async function createRequisition(items, req, next) {
  const lines = req.data[items] ?? [];
  if (!lines.length) return refuse(req, 'MEPR/001', 'A requisition needs an item');
  for (const line of lines) {
    const found = await itemRefusal(line);
    if (found) return refuse(req, ...found);
  }
  if (req.data.PurReqnDoOnlyValidation) return { ...req.data, PurchaseRequisition: '' };
  const number = await nextNumber('BANF', FIRST_REQUISITION);
  const at = await stamp();
  req.data.PurchaseRequisition = number;
  lines.forEach((line, place) => Object.assign(line, derived(line, place, number, at, req)));
  const made = await next();
  // The V2 service has no such element, so what it makes gets its stamp here.
  const { PurchaseRequisitionItem } = cds.entities('s4');
  await UPDATE(PurchaseRequisitionItem).with({ LastChangeDateTime: at }).where({ PurchaseRequisition: number });
  return made;
}

function derived(line, place, number, at, req) {
  return {
    PurchaseRequisition: number,
    PurchaseRequisitionItem: line.PurchaseRequisitionItem || String((place + 1) * 10).padStart(5, '0'),
    PurReqCreationDate: today(),
    CreatedByUser: req.user.id.slice(0, 12),
    PurReqnReleaseStatus: '03', // in release: nobody's but a person's to finish
    ReleaseIsNotCompleted: true,
    ProcessingStatus: 'N',
    IsClosed: false,
    IsDeleted: false,
    OrderedQuantity: 0,
    LastChangeDateTime: at,
  };
}

// --- Production orders -----------------------------------------------------------------------------------------------

// As `stamp`, in fourteen digits, and later than the one that the order has.
async function orderStamp({ LastChangeDateTime: last }) {
  const [, ...parts] = /^(....)(..)(..)(..)(..)(..)$/.exec(last || '') || [];
  const [year, month, ...rest] = parts.map(Number);
  const next = parts.length ? Date.UTC(year, month - 1, ...rest) + 1000 : 0;
  const at = new Date(Math.max(Date.parse(await stamp()), next));
  return at.toISOString().replace(/\D/g, '').slice(0, 14);
}

async function releaseOrder(req) {
  const { ProductionOrder } = cds.entities('s4');
  const { ManufacturingOrder } = req.params.at(-1);
  const found = await SELECT.one.from(ProductionOrder, { ManufacturingOrder });
  if (!found) return req.reject(404, 'Order does not exist');
  if (!found.OrderIsCreated) return req.reject({ status: 409, code: 'CO/686', message: 'Order is released already' });
  const at = await orderStamp(found);
  await UPDATE(ProductionOrder, { ManufacturingOrder }).with({
    OrderIsCreated: false, OrderIsReleased: true, LastChangeDateTime: at,
  });
  return SELECT.one.from(req.subject);
}

async function completeOrder(req, entity) {
  const { ProductionOrder } = cds.entities('s4');
  const { ManufacturingOrder, ActualCompletionDate } = req.data;
  const found = await SELECT.one.from(ProductionOrder, { ManufacturingOrder });
  if (!found) return req.reject(404, 'Order does not exist');
  if (!found.OrderIsReleased) return req.reject({ status: 409, code: 'CO/687', message: 'Order is not released' });
  if (ActualCompletionDate < today()) return refuse(req, 'CO/688', 'Completion date is in the past');
  const at = await orderStamp(found);
  await UPDATE(ProductionOrder, { ManufacturingOrder }).with({
    OrderIsTechnicallyCompleted: true, MfgOrderScheduledEndDate: ActualCompletionDate, LastChangeDateTime: at,
  });
  return SELECT.one.from(entity, { ManufacturingOrder });
}

function refuse(req, code, message) {
  return req.reject({ status: 400, code, message });
}

module.exports = (srv) => {
  require('./ordering')(srv);
  const { A_PurchaseOrder, A_PurchaseOrderScheduleLine, PurchaseOrder, PurchaseOrderScheduleLine } = srv.entities;
  for (const line of [A_PurchaseOrderScheduleLine, PurchaseOrderScheduleLine].filter(Boolean)) {
    srv.before('UPDATE', line, changeScheduleLine);
  }
  for (const order of [A_PurchaseOrder, PurchaseOrder].filter(Boolean)) srv.before('UPDATE', order, changeOrder);
  const { A_PurchaseRequisitionHeader, PurchaseReqn, A_ProductionOrder_2, ProductionOrder } = srv.entities;
  const requisitions = [
    [A_PurchaseRequisitionHeader, 'to_PurchaseReqnItem'],
    [PurchaseReqn, '_PurchaseRequisitionItem'],
  ];
  for (const [header, items] of requisitions.filter(([one]) => one)) {
    srv.on('CREATE', header, (req, next) => createRequisition(items, req, next));
  }
  for (const order of [A_ProductionOrder_2, ProductionOrder].filter(Boolean)) {
    srv.on('ReleaseOrder', order, releaseOrder);
    srv.on('CompleteOrder', (req) => completeOrder(req, order));
  }
};
