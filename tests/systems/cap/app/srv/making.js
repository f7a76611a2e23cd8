// What S/4HANA does when the dates of a production order change: it schedules the order anew, with all that is below.
const cds = require('@sap/cds');
const purchasing = require('./purchasing');
const { changedNames, later14, refuse, shifted, today } = require('./common');

const DATES = new Set(['MfgOrderPlannedStartDate', 'MfgOrderPlannedEndDate']);

function refusal(order, start, end, names) {
  const other = names.find((name) => !DATES.has(name));
  if (other) return ['CO/131', `Field ${other} can not be changed`];
  if (order.OrderIsLocked) return ['CO/683', 'Order is locked'];
  if (!(order.OrderIsCreated || order.OrderIsReleased) || order.OrderIsTechnicallyCompleted || order.OrderIsConfirmed) {
    return ['CO/684', 'Order can not be changed in its status'];
  }
  if (order.OrderIsPartiallyConfirmed) return ['CO/689', 'Operations are confirmed already'];
  if (end < start) return ['CO/158', 'Finish date is before the start date'];
  if (start < today()) return ['CO/690', 'Start date is in the past'];
  return null;
}

async function schedule(req) {
  const { ProductionOrder } = cds.entities('s4');
  const { ManufacturingOrder } = req.params.at(-1);
  const order = await SELECT.one.from(ProductionOrder, { ManufacturingOrder });
  if (!order) return req.reject(404, 'Order does not exist');
  const start = req.data.MfgOrderPlannedStartDate ?? order.MfgOrderPlannedStartDate;
  const end = req.data.MfgOrderPlannedEndDate ?? order.MfgOrderPlannedEndDate;
  const found = refusal(order, start, end, changedNames(req));
  if (found) return refuse(req, ...found);
  req.data.LastChangeDateTime = later14(order.LastChangeDateTime);
  req.data.MfgOrderScheduledStartDate = start;
  req.data.MfgOrderScheduledEndDate = end;
  await move(ManufacturingOrder, start, req.data.LastChangeDateTime);
}

// The first operation begins on the new start, what follows and what is needed keeps its distance.
async function move(ManufacturingOrder, start, at) {
  const { ProductionOrderOperation: Step, ProductionOrderComponent: Component } = cds.entities('s4');
  const steps = await SELECT.from(Step).where({ ManufacturingOrder });
  const first = steps.map((one) => one.OpErlstSchedldExecStrtDte).sort()[0];
  const days = first ? Math.round((Date.parse(start) - Date.parse(first)) / 86_400_000) : 0;
  for (const { OrderInternalBillOfOperations, OrderIntBillOfOperationsItem, ...one } of steps) {
    await UPDATE(Step, { OrderInternalBillOfOperations, OrderIntBillOfOperationsItem }).with({
      OpErlstSchedldExecStrtDte: shifted(one.OpErlstSchedldExecStrtDte, days),
      OpErlstSchedldExecEndDte: shifted(one.OpErlstSchedldExecEndDte, days),
      LastChangeDateTime: at,
    });
  }
  for (const { Reservation, ReservationItem, ...one } of await SELECT.from(Component).where({ ManufacturingOrder })) {
    await UPDATE(Component, { Reservation, ReservationItem }).with({
      MatlCompRequirementDate: shifted(one.MatlCompRequirementDate, days),
      LastChangeDateTime: at,
    });
  }
}

module.exports = (srv) => {
  purchasing(srv);
  const { A_ProductionOrder_2, ProductionOrder } = srv.entities;
  for (const order of [A_ProductionOrder_2, ProductionOrder].filter(Boolean)) srv.before('UPDATE', order, schedule);
};
