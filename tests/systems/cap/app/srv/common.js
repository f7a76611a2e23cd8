// What the rules behind several services share: the plant's day, number ranges, versions, refusals with SAP's codes.
const cds = require('@sap/cds');

function now() {
  return process.env.RIG_CLOCK || new Date().toISOString();
}

function today() {
  return now().slice(0, 10);
}

function refuse(req, code, message) {
  return req.reject({ status: 400, code, message });
}

// The next number of a range, with zeros before it.
async function nextNumber(object, first, digits = 10) {
  const { NumberRange } = cds.entities('s4');
  const changed = await UPDATE(NumberRange, object).with({ Last: { '+=': 1 } });
  if (!changed) await INSERT.into(NumberRange).entries({ Object: object, Last: first + 1 });
  const { Last } = await SELECT.one.from(NumberRange, object);
  return String(Last).padStart(digits, '0');
}

// A later moment than the plant's, which stands still, and than the one that a record has: no version is used twice.
function later(last) {
  return new Date(Math.max(Date.parse(now()), last ? Date.parse(last) + 1000 : 0)).toISOString();
}

// The same for a stamp of fourteen digits.
function later14(last) {
  const [, year, month, ...rest] = /^(....)(..)(..)(..)(..)(..)$/.exec(last || '') || [];
  const before = year ? new Date(Date.UTC(Number(year), Number(month) - 1, ...rest.map(Number))).toISOString() : '';
  return later(before).replace(/\D/g, '').slice(0, 14);
}

function shifted(day, days) {
  return new Date(Date.parse(`${day}T00:00:00Z`) + days * 86_400_000).toISOString().slice(0, 10);
}

// The names that a change sets, without those of its key.
function changedNames(req) {
  const keys = req.params.at(-1);
  return Object.keys(req.data).filter((name) => !(name in keys));
}

module.exports = { changedNames, later, later14, nextNumber, now, refuse, shifted, today };
