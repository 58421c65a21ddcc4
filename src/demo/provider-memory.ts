import type { Adapter, AdapterFactory, AdapterPayload } from 'oidc-provider'

interface Entry {
  readonly payload: AdapterPayload
  readonly expiresAt: number
}

// A demo left running for days must not grow: the oldest entries go first.
const maxEntries = 5000

/** Where the demo's provider keeps its sessions and grants: in memory, until it stops. */
export function createProviderMemory(now: () => number): AdapterFactory {
  const entries = new Map<string, Entry>()

  function read(key: string): AdapterPayload | undefined {
    const entry = entries.get(key)
    if (entry !== undefined && entry.expiresAt > now()) return entry.payload
    entries.delete(key)
    return undefined
  }

  return function openModel(model: string): Adapter {
    const keyOf = (id: string) => `${model}:${id}`
    const findWhere = (fits: (payload: AdapterPayload) => boolean) =>
      [...entries].find(([key, entry]) => key.startsWith(`${model}:`) && entry.expiresAt > now() && fits(entry.payload))?.[1].payload

    return {
      async upsert(id, payload, expiresIn) {
        // A key written anew moves to the end of the map: the first is the oldest.
        entries.delete(keyOf(id))
        entries.set(keyOf(id), { payload, expiresAt: expiresIn === undefined ? Number.POSITIVE_INFINITY : now() + expiresIn * 1000 })
        const oldest = entries.keys().next().value
        if (entries.size > maxEntries && oldest !== undefined) entries.delete(oldest)
      },
      find: async id => read(keyOf(id)),
      findByUid: async uid => findWhere(payload => payload.uid === uid),
      findByUserCode: async userCode => findWhere(payload => payload.userCode === userCode),
      async consume(id) {
        const payload = read(keyOf(id))
        if (payload !== undefined) payload.consumed = Math.floor(now() / 1000)
      },
      async destroy(id) {
        entries.delete(keyOf(id))
      },
      async revokeByGrantId(grantId) {
        for (const [key, entry] of entries) if (entry.payload.grantId === grantId) entries.delete(key)
      },
    }
  }
}
