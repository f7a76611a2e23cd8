// What S/4HANA does when a planned order is made firm: planning leaves it alone from then on.
const cds = require('@sap/cds');
const { changedNames, later, refuse } = require('./common');

async function change(req) {
  const { PlannedOrder: Orders } = cds.entities('s4');
  const { PlannedOrder } = req.params.at(-1);
  const order = await SELECT.one.from(Orders, { PlannedOrder });
  if (!order) return req.reject(404, 'Planned order does not exist');
  const other = changedNames(req).find((name) => name !== 'PlannedOrderIsFirm');
  if (other) return refuse(req, 'M6/131', `Field ${other} can not be changed`);
  if (order.PlannedOrderIsFirm) return refuse(req, 'M6/132', 'Planned order is firm already');
  req.data.LastChangeDateTime = later(order.LastChangeDateTime);
}

module.exports = (srv) => {
  const { A_PlannedOrder, PlannedOrderHeader } = srv.entities;
  for (const order of [A_PlannedOrder, PlannedOrderHeader].filter(Boolean)) srv.before('UPDATE', order, change);
};
