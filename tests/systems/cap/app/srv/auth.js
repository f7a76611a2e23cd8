// Who asks: a name and password, or a bearer token of the identity provider that the environment names.
const crypto = require('node:crypto');
const cds = require('@sap/cds');

const USERS = JSON.parse(process.env.RIG_USERS || '{}'); // name → {password, roles}
const ISSUER = process.env.RIG_ISSUER || '';
const AUDIENCES = (process.env.RIG_AUDIENCES || '').split(' ');
const SCOPES = { Reader: process.env.RIG_READ_SCOPE || 'erp.read', Writer: process.env.RIG_WRITE_SCOPE || 'erp.write' };
let keys; // of the identity provider, fetched once

function same(one, other) {
  const [left, right] = [one, other].map((text) => crypto.createHash('sha256').update(String(text)).digest());
  return crypto.timingSafeEqual(left, right);
}

function byPassword(text) {
  const [name, ...rest] = Buffer.from(text, 'base64').toString('utf8').split(':');
  const known = Object.hasOwn(USERS, name) ? USERS[name] : undefined;
  return known && same(known.password, rest.join(':')) ? new cds.User({ id: name, roles: known.roles }) : null;
}

async function byToken(token) {
  if (!ISSUER) return null;
  const jose = await import('jose');
  if (!keys) {
    const about = await (await fetch(`${ISSUER}/.well-known/openid-configuration`)).json();
    keys = jose.createRemoteJWKSet(new URL(about.jwks_uri));
  }
  const { payload } = await jose.jwtVerify(token, keys, { issuer: ISSUER, audience: AUDIENCES });
  const scopes = String(payload.scope || '').split(' ');
  const roles = Object.keys(SCOPES).filter((role) => scopes.includes(SCOPES[role]));
  return new cds.User({ id: String(payload.sub || payload.client_id), roles });
}

module.exports = async function auth(req, res, next) {
  const [kind, text] = (req.headers.authorization || '').split(' ');
  let user = null;
  try {
    if (/^basic$/i.test(kind || '')) user = byPassword(text || '');
    if (/^bearer$/i.test(kind || '')) user = await byToken(text || '');
  } catch {
    user = null;
  }
  if (!user) {
    res.setHeader('www-authenticate', 'Basic realm="rig"');
    res.status(401).type('text/plain').send('Unauthorized');
    return;
  }
  cds.context.user = user;
  next();
};
