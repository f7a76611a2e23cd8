// People who sign in at the provider: a page that asks who they are and believes it; nothing else is asked of them.

const form = (uid) => `<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Who are you?</title></head><body>
<main><h1>Who are you?</h1><form method="post" action="/rig/interaction/${uid}">
<label for="login">Account</label> <input id="login" name="login" required>
<button name="do" value="login">Sign in</button></form>
<form method="post" action="/rig/interaction/${uid}"><button name="do" value="deny">Deny</button></form></main></body></html>`;

const page = (title, rest) => `<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>${title}</title></head>
<body><main><h1>${title}</h1>${rest}</main></body></html>`;

export const groups = new Map();

// Where somebody signs out, each client that says where is told so, by the provider's own server.
export const tellingClients = { enabled: true };

// The provider's own pages would load a font from elsewhere.
export const signingOut = {
  enabled: true,
  async logoutSource(ctx, form) {
    ctx.body = page('Sign out?', `${form}<button form="op.logoutForm" name="logout" value="yes">Yes</button>`);
  },
  async postLogoutSuccessSource(ctx) {
    ctx.body = page('Signed out', '');
  },
};

export const config = {
  claims: { acr: null, amr: null, auth_time: null, iss: null, sid: null, openid: ['sub', 'groups'] },
  conformIdTokenClaims: false,
  acrValues: ['urn:rig:asked'],
  pkce: { required: () => true },
  interactions: { url: (ctx, interaction) => `/rig/interaction/${interaction.uid}` },
  findAccount: (ctx, sub) => ({ accountId: sub, claims: async () => ({ sub, groups: groups.get(sub) ?? [] }) }),
  async loadExistingGrant(ctx) {
    const grant = new ctx.oidc.provider.Grant({
      clientId: ctx.oidc.client.clientId,
      accountId: ctx.oidc.session.accountId,
    });
    grant.addOIDCScope('openid');
    await grant.save();
    return grant;
  },
};

export async function interact(provider, request, response) {
  const { uid } = await provider.interactionDetails(request, response);
  if (request.method === 'GET') {
    response.writeHead(200, { 'content-type': 'text/html' });
    return response.end(form(uid));
  }
  const parts = [];
  for await (const part of request) parts.push(part);
  const told = new URLSearchParams(Buffer.concat(parts).toString('utf8'));
  const login = { accountId: told.get('login'), acr: 'urn:rig:asked', amr: ['pwd'] };
  const result = told.get('do') === 'deny' ? { error: 'access_denied', error_description: 'they said no' } : { login };
  return provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
}
