// Token exchange (RFC 8693): an access token that we issued becomes one for another audience; `act` says who asked.

import { errors } from 'oidc-provider';

export const GRANT = 'urn:ietf:params:oauth:grant-type:token-exchange';
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';
const PARAMETERS = [
  'subject_token', 'subject_token_type', 'actor_token', 'actor_token_type', 'requested_token_type', 'audience',
  'resource', 'scope',
];

export function addExchange(provider, resourceServers) {
  async function handler(ctx) {
    const { params, client } = ctx.oidc;
    if (params.subject_token_type !== ACCESS_TOKEN) {
      throw new errors.InvalidRequest('subject_token_type is not supported');
    }
    const subject = await provider.ClientCredentials.find(params.subject_token ?? '');
    if (!subject || !subject.isValid) throw new errors.InvalidGrant('subject_token is not valid');
    const wanted = params.resource || params.audience;
    const server = resourceServers[wanted];
    if (!server) throw new errors.InvalidTarget('audience is not known');
    const token = new provider.AccessToken({ accountId: subject.clientId, client, scope: params.scope });
    token.resourceServer = new provider.ResourceServer(wanted, server);
    token.extra = { act: { sub: client.clientId } };
    ctx.oidc.entity('AccessToken', token);
    const value = await token.save();
    ctx.body = {
      access_token: value,
      issued_token_type: ACCESS_TOKEN,
      token_type: 'Bearer',
      expires_in: token.expiration,
      scope: token.scope,
    };
  }
  provider.registerGrantType(GRANT, handler, PARAMETERS, []);
}
