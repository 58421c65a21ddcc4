import type { Adapter, AdapterPayload } from 'oidc-provider'

/** What an in-process provider remembers, by kind and id; its clients are asked for anew each time. */
export interface IdpStore {
  readonly adapter: (kind: string) => Adapter
  /** Forgets every refresh token: the next refresh is answered `invalid_grant`. */
  endGrants(): void
}

/**
 * @param client gives the client's metadata at the moment it is asked for, so that redirect URIs can change
 *   while the provider runs: a gateway under test knows its port only later
 */
export function createIdpStore(client: (clientId: string) => AdapterPayload | undefined): IdpStore {
  const records = new Map<string, AdapterPayload>()
  const byUid = new Map<string, string>()

  function adapter(kind: string): Adapter {
    const keyOf = (id: string) => `${kind}:${id}`
    return {
      async upsert(id, payload) {
        records.set(keyOf(id), payload)
        if (kind === 'Session' && typeof payload.uid === 'string') byUid.set(payload.uid, id)
      },
      async find(id) {
        return kind === 'Client' ? client(id) : records.get(keyOf(id))
      },
      async findByUid(uid) {
        return records.get(keyOf(byUid.get(uid) ?? ''))
      },
      async findByUserCode() {
        return undefined
      },
      async consume(id) {
        const record = records.get(keyOf(id))
        if (record !== undefined) record.consumed = Math.floor(Date.now() / 1000)
      },
      async destroy(id) {
        records.delete(keyOf(id))
      },
      async revokeByGrantId(grantId) {
        for (const [key, record] of records) if (record.grantId === grantId) records.delete(key)
      },
    }
  }

  return {
    adapter,
    endGrants() {
      for (const key of records.keys()) if (key.startsWith('RefreshToken:')) records.delete(key)
    },
  }
}
