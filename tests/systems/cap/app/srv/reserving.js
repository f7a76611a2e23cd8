// What S/4HANA does when stock is reserved by hand for an order, and when a reservation becomes smaller or is finished.
const cds = require('@sap/cds');
const { changedNames, later, nextNumber, refuse, today } = require('./common');

const FIRST = 90000100;
const CHANGEABLE = new Set(['ResvnItmRequiredQtyInEntryUnit', 'ReservationItemIsFinallyIssued']);

async function headRefusal(head) {
  const { ProductionOrder, SalesOrderItem } = cds.entities('s4');
  if (head.GoodsMovementType === '261') {
    const order = await SELECT.one.from(ProductionOrder, { ManufacturingOrder: head.OrderID ?? '' });
    const done = order && (order.OrderIsTechnicallyCompleted || order.OrderIsMarkedForDeletion);
    return order && !done ? null : ['M7/032', `Order ${head.OrderID} does not exist or is finished`];
  }
  if (head.GoodsMovementType === '231') {
    const key = { SalesOrder: head.SalesOrder ?? '', SalesOrderItem: head.SalesOrderItem ?? '' };
    const item = await SELECT.one.from(SalesOrderItem, key);
    const open = item && item.SDProcessStatus !== 'C' && !item.SalesDocumentRjcnReason;
    return open ? null : ['M7/033', `Item ${key.SalesOrderItem} of ${key.SalesOrder} does not exist or is finished`];
  }
  return ['M7/001', `Movement type ${head.GoodsMovementType} is not allowed here`];
}

async function itemRefusal(item) {
  const { Batch, ProductPlant, ProductUnitsOfMeasure } = cds.entities('s4');
  const { Product = '', Plant = '', EntryUnit = '' } = item;
  if (!(await SELECT.one.from(ProductPlant, { Product, Plant }))) {
    return ['M3/305', `Material ${Product} does not exist in plant ${Plant}`];
  }
  if (!(Number(item.ResvnItmRequiredQtyInEntryUnit) > 0)) return ['M7/018', 'Enter a quantity'];
  if (!item.MatlCompRequirementDate || item.MatlCompRequirementDate < today()) {
    return ['M7/253', 'Requirement date is in the past'];
  }
  const unit = await SELECT.one.from(ProductUnitsOfMeasure, { Product, AlternativeUnit: EntryUnit });
  if (!unit) return ['06/353', `Unit ${EntryUnit} is not known for ${Product}`];
  if (item.Batch) {
    const batch = await SELECT.one.from(Batch, { Material: Product, BatchIdentifyingPlant: Plant, Batch: item.Batch });
    if (!batch || batch.BatchIsMarkedForDeletion) return ['M7/042', `Batch ${item.Batch} does not exist`];
    if (batch.MatlBatchIsInRstrcdUseStock) return ['M7/043', `Batch ${item.Batch} is restricted`];
  }
  item.BaseUnit = unit.BaseUnit;
  item.ResvnItmRequiredQtyInBaseUnit = inBase(item.ResvnItmRequiredQtyInEntryUnit, unit);
  return null;
}

function inBase(qty, unit) {
  return ((Number(qty) * Number(unit.QuantityNumerator)) / Number(unit.QuantityDenominator)).toFixed(3);
}

async function create(items, req, next) {
  const lines = req.data[items] ?? [];
  if (!lines.length) return refuse(req, 'M7/002', 'A reservation needs an item');
  const found = [await headRefusal(req.data), ...(await Promise.all(lines.map(itemRefusal)))].find(Boolean);
  if (found) return refuse(req, ...found);
  const Reservation = await nextNumber('RESB', FIRST);
  Object.assign(req.data, { Reservation, ReservationDate: req.data.ReservationDate ?? today() });
  lines.forEach((line, place) =>
    Object.assign(line, {
      Reservation,
      ReservationItem: line.ReservationItem || String(place + 1).padStart(4, '0'),
      RecordType: '',
      ResvnItmWithdrawnQtyInBaseUnit: 0,
      LastChangeDateTime: later(''),
    }),
  );
  return next();
}

async function change(req) {
  const { ProductUnitsOfMeasure, ReservationDocumentItem } = cds.entities('s4');
  const { Reservation, ReservationItem, RecordType } = req.params.at(-1);
  const item = await SELECT.one.from(ReservationDocumentItem, { Reservation, ReservationItem, RecordType });
  if (!item) return req.reject(404, 'Reservation item does not exist');
  const other = changedNames(req).find((name) => !CHANGEABLE.has(name));
  if (other) return refuse(req, 'M7/003', `Field ${other} can not be changed`);
  if (item.ReservationItmIsMarkedForDeltn) return refuse(req, 'M7/360', 'Reservation item is deleted');
  if (item.ReservationItemIsFinallyIssued) return refuse(req, 'M7/361', 'Reservation item is finished');
  const qty = req.data.ResvnItmRequiredQtyInEntryUnit;
  if (qty !== undefined) {
    if (!(Number(qty) > 0)) return refuse(req, 'M7/018', 'Enter a quantity');
    const unit = await SELECT.one.from(ProductUnitsOfMeasure, {
      Product: item.Product, AlternativeUnit: item.EntryUnit || item.BaseUnit,
    });
    const base = unit ? inBase(qty, unit) : qty;
    if (Number(base) < Number(item.ResvnItmWithdrawnQtyInBaseUnit)) return refuse(req, 'M7/362', 'More is withdrawn');
    req.data.ResvnItmRequiredQtyInBaseUnit = base;
  }
  req.data.LastChangeDateTime = later(item.LastChangeDateTime);
}

module.exports = (srv) => {
  const { A_ReservationDocumentHeader, A_ReservationDocumentItem } = srv.entities;
  const { ReservationDocument, ReservationDocumentItem } = srv.entities;
  const headers = [
    [A_ReservationDocumentHeader, 'to_ReservationDocumentItem'],
    [ReservationDocument, '_ReservationDocumentItem'],
  ];
  for (const [header, items] of headers.filter(([one]) => one)) {
    srv.on('CREATE', header, (req, next) => create(items, req, next));
  }
  for (const item of [A_ReservationDocumentItem, ReservationDocumentItem].filter(Boolean)) {
    srv.before('UPDATE', item, change);
  }
};
