// An OpenID provider for tests, on this machine alone, with one protected resource that tells whom it sees.
// usage: node server.mjs STATE

import { randomBytes } from 'node:crypto';
import { renameSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';

import { createLocalJWKSet, exportJWK, generateKeyPair, jwtVerify } from 'jose';
import Provider, { errors } from 'oidc-provider';

import { GRANT, addExchange } from './exchange.mjs';
import { config as people, groups, interact, signingOut, tellingClients } from './people.mjs';
import { Store, clients } from './store.mjs';

const state = process.argv[2];
const ERP = 'https://erp.example/api';
const scope = 'erp.read erp.write';
const resourceServers = {
  [ERP]: { scope, audience: ERP, accessTokenTTL: 120, accessTokenFormat: 'jwt', jwt: { sign: { alg: 'RS256' } } },
};

const lasting = (ctx, token) => token.resourceServer?.accessTokenTTL ?? 60;

function known(wanted) {
  if (!resourceServers[wanted]) throw new errors.InvalidTarget();
  return resourceServers[wanted];
}

function addClient(id, method, more = {}) {
  const secret = method === 'private_key_jwt' ? undefined : randomBytes(18).toString('base64url');
  clients.set(id, {
    client_id: id,
    client_secret: secret,
    grant_types: ['client_credentials', GRANT],
    redirect_uris: [],
    response_types: [],
    token_endpoint_auth_method: method,
    scope,
    ...more,
  });
}

async function body(request) {
  const parts = [];
  for await (const part of request) parts.push(part);
  return JSON.parse(Buffer.concat(parts).toString('utf8') || '{}');
}

function answer(response, status, content) {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(content));
}

const counts = { token: 0, api: 0 };

async function seen(provider, keys, token) {
  const opaque = await provider.ClientCredentials.find(token);
  if (opaque?.isValid) return { client: opaque.clientId, sub: opaque.clientId, aud: opaque.aud, scope: opaque.scope };
  const { payload } = await jwtVerify(token, keys, { issuer: provider.issuer, audience: ERP, typ: 'at+jwt' });
  return { client: payload.client_id, sub: payload.sub, aud: payload.aud, scope: payload.scope, act: payload.act };
}

async function api(provider, keys, request, response) {
  counts.api += 1;
  const token = /^Bearer (\S+)$/.exec(request.headers.authorization ?? '')?.[1] ?? '';
  try {
    answer(response, 200, await seen(provider, keys, token));
  } catch {
    response.setHeader('www-authenticate', 'Bearer error="invalid_token"');
    answer(response, 401, { error: 'invalid_token' });
  }
}

async function administer(request, response) {
  const id = decodeURIComponent(request.url.split('/').pop());
  if (request.method === 'PUT' && id === 'groups') {
    for (const [person, theirs] of Object.entries(await body(request))) groups.set(person, theirs);
    return answer(response, 200, {});
  }
  const known = clients.get(id);
  if (request.method === 'GET' && id === 'counts') return answer(response, 200, counts);
  if (request.method !== 'PUT' || !known) return answer(response, 404, {});
  clients.set(id, { ...known, ...(await body(request)) });
  return answer(response, 200, { client: id });
}

const pair = await generateKeyPair('RS256', { extractable: true });
const key = { ...(await exportJWK(pair.privateKey)), kid: 'rig', alg: 'RS256', use: 'sig' };
const keys = createLocalJWKSet({ keys: [{ kty: key.kty, n: key.n, e: key.e, kid: key.kid, alg: key.alg }] });

addClient('reader', 'client_secret_basic');
addClient('writer', 'client_secret_basic');
addClient('poster', 'client_secret_post');
addClient('gateway', 'client_secret_basic');
addClient('signer', 'private_key_jwt', { jwks: { keys: [] } });
// One client for each set of tests that changes where it is sent back to.
for (const id of ['page', 'page-in-browser', 'page-told', 'page-behind-proxy']) {
  addClient(id, 'client_secret_basic', {
    grant_types: ['authorization_code'],
    response_types: ['code'],
    redirect_uris: ['http://127.0.0.1:8321/oidc/callback'],
    post_logout_redirect_uris: ['http://127.0.0.1:8321/sign-in'],
    scope: 'openid',
  });
}

const server = createServer();
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const issuer = `http://127.0.0.1:${server.address().port}`;
const provider = new Provider(issuer, {
  ...people,
  adapter: Store,
  jwks: { keys: [key] },
  scopes: ['openid', ...scope.split(' ')],
  ttl: { AccessToken: lasting, ClientCredentials: lasting },
  clientAuthMethods: ['client_secret_basic', 'client_secret_post', 'private_key_jwt', 'none'],
  // Clients are on this machine, which its own way of asking refuses, and may be slow.
  fetch: (url, { dispatcher, ...options }) => fetch(url, { ...options, signal: AbortSignal.timeout(60_000) }),
  extraTokenClaims: async (ctx, token) => (token.extra?.act ? { act: token.extra.act } : undefined),
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    introspection: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => undefined,
      useGrantedResource: () => true,
      getResourceServerInfo: (ctx, wanted) => known(wanted),
    },
    revocation: { enabled: true, allowedPolicy: () => true },
    rpInitiatedLogout: signingOut,
    backchannelLogout: tellingClients,
  },
});
provider.on('server_error', (ctx, error) => console.error(error));
provider.on('backchannel.error', (ctx, error) => console.error(error));
addExchange(provider, resourceServers);
const answered = provider.callback();
server.on('request', (request, response) => {
  if (request.url === '/favicon.ico') return response.writeHead(204).end();
  if (request.url.startsWith('/rig/interaction/')) {
    return interact(provider, request, response).catch((error) => answer(response, 400, { error: error.message }));
  }
  if (request.url.startsWith('/rig/')) return administer(request, response);
  if (request.url === '/api/whoami') return api(provider, keys, request, response);
  if (request.url === '/token') counts.token += 1;
  return answered(request, response);
});

const rig = {
  issuer,
  token_url: `${issuer}/token`,
  revocation_url: `${issuer}/token/revocation`,
  introspection_url: `${issuer}/token/introspection`,
  jwks_url: `${issuer}/jwks`,
  api_url: `${issuer}/api/whoami`,
  admin_url: `${issuer}/rig`,
  audiences: { erp: ERP },
  scopes: scope.split(' '),
  clients: Object.fromEntries(
    [...clients.values()].map((one) => [
      one.client_id,
      { secret: one.client_secret ?? '', auth: one.token_endpoint_auth_method },
    ]),
  ),
};
writeFileSync(join(state, 'rig.json.new'), JSON.stringify(rig, null, 2), { mode: 0o600 });
renameSync(join(state, 'rig.json.new'), join(state, 'rig.json'));
process.on('SIGTERM', () => process.exit(0));
