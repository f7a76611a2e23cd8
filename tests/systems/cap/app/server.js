// Binds to 127.0.0.1 alone, and asks for a token against forged requests as SAP's gateway does.
const crypto = require('node:crypto');
const cds = require('@sap/cds');

const SESSION = 'SAP_SESSIONID_RIG';
const READS = new Set(['GET', 'HEAD', 'OPTIONS']);
const sessions = new Map(); // session → token

function cookie(req) {
  const found = (req.headers.cookie || '').split(';').map((one) => one.trim().split('='));
  return found.find(([name]) => name === SESSION)?.[1] || '';
}

// Hands out a token where one is fetched, and turns a write without the right one away before anything looks at it.
function forgery(req, res, next) {
  const sent = req.headers['x-csrf-token'] || '';
  if (sent.toLowerCase() === 'fetch' && READS.has(req.method)) {
    let session = cookie(req);
    if (!sessions.has(session)) {
      session = crypto.randomUUID();
      sessions.set(session, crypto.randomBytes(16).toString('base64'));
      res.setHeader('set-cookie', `${SESSION}=${session}; path=/; HttpOnly`);
    }
    res.setHeader('x-csrf-token', sessions.get(session));
  } else if (!READS.has(req.method) && (!sent || sessions.get(cookie(req)) !== sent)) {
    res.setHeader('x-csrf-token', 'Required');
    res.status(403).type('text/plain').send('CSRF token validation failed');
    return;
  }
  next();
}

// Sessions are forgotten on purpose, as by a restart of the other side, for tests of a token that has run out.
function forget(req, res) {
  sessions.clear();
  res.status(204).end();
}

// The adapter for V2 asks this very process; by name it would look for it on every interface.
cds.env.cov2ap = { ...cds.env.cov2ap, target: `http://127.0.0.1:${process.env.PORT}` };

cds.prependListener('bootstrap', (app) => {
  app.disable('x-powered-by');
  app.use('/sap/opu', forgery);
  app.post('/rig/forget-sessions', forget);
  const listen = app.listen.bind(app);
  app.listen = (port, ...rest) => listen(port, '127.0.0.1', ...rest.filter((one) => typeof one === 'function'));
});

module.exports = cds.server;
