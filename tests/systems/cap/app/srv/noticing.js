// What S/4HANA does when a quality notification is made: a number, who made it when, and what it refuses.
const cds = require('@sap/cds');
const { nextNumber, now, refuse, today } = require('./common');

const FIRST = 200000100;
const TYPES = new Set(['Q1', 'Q2', 'Q3', 'F1', 'F2', 'F3']);
const ZONE = 'Europe/Berlin';

async function refusal(data) {
  const { Batch, ProductPlant, QualityNotification } = cds.entities('s4');
  const { Material = '', Plant = '' } = data;
  if (!TYPES.has(data.NotificationType)) return ['IM/108', `Type ${data.NotificationType} does not exist`];
  if (!(await SELECT.one.from(ProductPlant, { Product: Material, Plant }))) {
    return ['M3/305', `Material ${Material} does not exist in plant ${Plant}`];
  }
  if (data.Batch) {
    const key = { Material, BatchIdentifyingPlant: Plant, Batch: data.Batch };
    if (!(await SELECT.one.from(Batch, key))) return ['M7/042', `Batch ${data.Batch} does not exist`];
  }
  const code = data.QltyNotifDefectCode ?? '';
  const used = code && (await SELECT.one.from(QualityNotification).where({ QltyNotifDefectCode: code }));
  if (!used) return ['QM/130', `Defect code ${code} is not in the catalog`];
  return data.YY1_HoldsBatch && !data.Batch ? ['ZQ/001', 'A hold needs a batch'] : null;
}

function localTime() {
  return new Intl.DateTimeFormat('de-DE', { timeZone: ZONE, timeStyle: 'medium' }).format(new Date(now()));
}

async function create(req, next) {
  const found = await refusal(req.data);
  if (found) return refuse(req, ...found);
  const QualityNotification = await nextNumber('QMEL', FIRST, 12);
  Object.assign(req.data, {
    QualityNotification,
    NotificationPriority: req.data.NotificationPriority || '3',
    NotifProcessingPhase: '1',
    CreationDate: today(),
    CreationTime: localTime(),
    LastChangeDate: today(),
    LastChangeTime: localTime(),
  });
  for (const text of req.data._QltyNotificationLongText ?? []) text.QualityNotification = QualityNotification;
  return next();
}

module.exports = (srv) => {
  const { QualityNotification } = srv.entities;
  srv.on('CREATE', QualityNotification, create);
};
