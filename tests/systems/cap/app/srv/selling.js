// What S/4HANA does behind its interface when a sales order changes: the availability check, versions, refusals.
const cds = require('@sap/cds');
const { changedNames, later, refuse, today } = require('./common');

const CHANGEABLE = new Set(['RequestedDeliveryDate']);

function summed(lines, name) {
  return lines.reduce((sum, line) => sum + Math.round(Number(line[name] ?? 0) * 1000), 0) / 1000;
}

// Why an item of an order can't be changed, with SAP's code.
function refusal(found, order, item) {
  if (found.SalesDocumentRjcnReason) return ['V1/028', `Item ${item} of ${order} is rejected`];
  if (found.SDProcessStatus === 'C') return ['VL/367', `Item ${item} of ${order} is delivered completely`];
  return null;
}

// What is asked of the line that orders is confirmed for that day, and what the check had put beside it is gone.
async function changeScheduleLine(req) {
  const { SalesOrder, SalesOrderItem, SalesOrderScheduleLine } = cds.entities('s4');
  const { SalesOrder: order, SalesOrderItem: item, ScheduleLine: line } = req.params.at(-1);
  const of = { SalesOrder: order, SalesOrderItem: item };
  const found = await SELECT.one.from(SalesOrderItem, of);
  if (!found) return req.reject(404, 'Sales order item does not exist');
  const refused = refusal(found, order, item);
  if (refused) return refuse(req, ...refused);
  const names = changedNames(req);
  const other = names.find((name) => !CHANGEABLE.has(name));
  if (other) return refuse(req, 'V1/010', `Field ${other} can not be changed`);
  const day = req.data.RequestedDeliveryDate;
  if (!day || day < today()) return refuse(req, 'V1/389', 'Requested delivery date is in the past');
  const lines = await SELECT.from(SalesOrderScheduleLine).where(of);
  const mine = lines.find((one) => one.ScheduleLine === line);
  const beside = lines.filter((one) => one !== mine && !Number(one.ScheduleLineOrderQuantity));
  const checked = [mine, ...beside];
  Object.assign(req.data, {
    ConfirmedDeliveryDate: day,
    ConfdOrderQtyByMatlAvailCheck: summed(checked, 'ConfdOrderQtyByMatlAvailCheck'),
    DeliveredQtyInOrderQtyUnit: summed(checked, 'DeliveredQtyInOrderQtyUnit'),
    LastChangeDateTime: later(mine.LastChangeDateTime),
  });
  for (const { ScheduleLine } of beside) await DELETE.from(SalesOrderScheduleLine).where({ ...of, ScheduleLine });
  const header = await SELECT.one.from(SalesOrder, order);
  await UPDATE(SalesOrder, order).with({ LastChangeDateTime: later(header.LastChangeDateTime) });
}

// A price changed by hand stands, and values of item and order follow from it.
async function changePrice(req) {
  const { SalesOrder, SalesOrderItem, SalesOrderItemPrElement } = cds.entities('s4');
  const { SalesOrder: order, SalesOrderItem: item } = req.params.at(-1);
  const of = { SalesOrder: order, SalesOrderItem: item };
  const found = await SELECT.one.from(SalesOrderItem, of);
  if (!found) return req.reject(404, 'Sales order item does not exist');
  const refused = refusal(found, order, item);
  if (refused) return refuse(req, ...refused);
  const names = changedNames(req);
  const other = names.find((name) => !['ConditionRateValue', 'ConditionRateAmount'].includes(name));
  if (other) return refuse(req, 'V1/010', `Field ${other} can not be changed`);
  const price = Number(req.data.ConditionRateValue ?? req.data.ConditionRateAmount);
  if (!(price > 0)) return refuse(req, 'VK/034', 'Enter a rate');
  const element = await SELECT.one.from(SalesOrderItemPrElement, { ...req.params.at(-1) });
  req.data.LastChangeDateTime = later(element.LastChangeDateTime);
  const value = Math.round((price * 1e6 * Number(found.RequestedQuantity)) / Number(element.ConditionQuantity) / 1e4) / 100;
  await UPDATE(SalesOrderItem).with({ NetAmount: value }).where(of);
  const items = await SELECT.from(SalesOrderItem).where({ SalesOrder: order });
  const header = await SELECT.one.from(SalesOrder, order);
  const change = { TotalNetAmount: summed(items, 'NetAmount'), LastChangeDateTime: later(header.LastChangeDateTime) };
  await UPDATE(SalesOrder, order).with(change);
}

module.exports = (srv) => {
  const { A_SalesOrderItemPrElement, SalesOrderItemPrcgElmnt } = srv.entities;
  for (const price of [A_SalesOrderItemPrElement, SalesOrderItemPrcgElmnt].filter(Boolean)) {
    srv.before('UPDATE', price, changePrice);
  }
  const { A_SalesOrderScheduleLine, SalesOrderScheduleLine } = srv.entities;
  for (const line of [A_SalesOrderScheduleLine, SalesOrderScheduleLine].filter(Boolean)) {
    srv.before('UPDATE', line, changeScheduleLine);
  }
};
