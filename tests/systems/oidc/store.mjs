// Everything the provider keeps, in memory; clients can be changed while it runs, as an administrator would.

const kept = new Map();
const byGrant = new Map();

export const clients = new Map();

export class Store {
  constructor(name) {
    this.name = name;
  }

  key(id) {
    return `${this.name}:${id}`;
  }

  async upsert(id, payload, expiresIn) {
    const until = expiresIn ? Date.now() + expiresIn * 1000 : Infinity;
    kept.set(this.key(id), { payload, until });
    if (payload.grantId) {
      byGrant.set(payload.grantId, [...(byGrant.get(payload.grantId) ?? []), this.key(id)]);
    }
  }

  async find(id) {
    if (this.name === 'Client') return clients.get(id);
    const found = kept.get(this.key(id));
    return found && found.until > Date.now() ? found.payload : undefined;
  }

  async findByUid(uid) {
    for (const [key, { payload, until }] of kept) {
      if (key.startsWith(`${this.name}:`) && payload.uid === uid && until > Date.now()) return payload;
    }
    return undefined;
  }

  async findByUserCode() {
    return undefined;
  }

  async consume(id) {
    const found = kept.get(this.key(id));
    if (found) found.payload.consumed = Math.floor(Date.now() / 1000);
  }

  async destroy(id) {
    kept.delete(this.key(id));
  }

  async revokeByGrantId(grantId) {
    for (const key of byGrant.get(grantId) ?? []) kept.delete(key);
    byGrant.delete(grantId);
  }
}
