import type { AssertionKey, GatewayConfig, SealingKey } from './config.ts'
import { deepFreeze } from './deep-freeze.ts'

/** How long a new key only verifies or opens: by then every replica has read it (contract.md section 7). */
export const probationMs = 5 * 60_000
/** How long a new key for assertions is only published: upstreams keep the key set for five minutes, some for longer. */
export const publicationMs = 15 * 60_000

export interface NewKeys {
  /**
   * Gives the configuration with keys that are new behind those that are not.
   *
   * @returns and when to ask again, epoch ms; null when the keys are in the order that was written
   */
  hold(config: GatewayConfig): { readonly config: GatewayConfig; readonly until: number | null }
}

/**
 * Creates what keeps a key that came with a reload from signing or sealing until the other replicas know it, which read
 * the same file at their own time. Where nothing but new keys is left, they are used at once: there is nothing else.
 *
 * @param first what the process began with: of those keys nobody can tell how old they are
 */
export function createNewKeys(first: GatewayConfig, now: () => number): NewKeys {
  const seenAt = new Map<string, number>()
  for (const name of namesOf(first)) seenAt.set(name, Number.NEGATIVE_INFINITY)

  return {
    hold(config) {
      const at = now()
      const names = namesOf(config)
      for (const name of seenAt.keys()) if (!names.includes(name)) seenAt.delete(name)
      for (const name of names) if (!seenAt.has(name)) seenAt.set(name, at)

      const endOf = (name: string) => (seenAt.get(name) ?? at) + (name.startsWith('assert ') ? publicationMs : probationMs)
      const isNew = (name: string) => endOf(name) > at
      const { cookieKeys, sealingKeys } = config.session
      const cookies = oldFirst(cookieKeys, key => isNew(nameOfCookieKey(key)))
      const seals = oldFirst(sealingKeys, key => isNew(nameOfSealingKey(key)))
      const assertionKeys = oldFirst(config.assertionKeys, key => isNew(nameOfAssertionKey(key)))
      const isAsWritten = cookies === cookieKeys && seals === sealingKeys && assertionKeys === config.assertionKeys
      if (isAsWritten) return { config, until: null }
      const session = { ...config.session, cookieKeys: cookies, sealingKeys: seals }
      return { config: deepFreeze({ ...config, session, assertionKeys }), until: Math.min(...names.filter(isNew).map(endOf)) }
    },
  }
}

/** The same list where the first is not new, or all are. */
function oldFirst<Keys extends readonly unknown[]>(keys: Keys, isNew: (key: Keys[number]) => boolean): Keys {
  const old = keys.findIndex(key => !isNew(key))
  return old <= 0 ? keys : ([keys[old], ...keys.filter((_, i) => i !== old)] as unknown as Keys)
}

function namesOf({ session, assertionKeys }: GatewayConfig): readonly string[] {
  return [
    ...session.cookieKeys.map(nameOfCookieKey),
    ...session.sealingKeys.map(nameOfSealingKey),
    ...assertionKeys.map(nameOfAssertionKey),
  ]
}

const nameOfCookieKey = (key: string) => `cookie ${key}`
/** By its bytes, too: under an old id there may be another key. */
const nameOfSealingKey = ({ id, key }: SealingKey) => `seal ${id} ${key.toString('base64')}`
const nameOfAssertionKey = ({ id }: AssertionKey) => `assert ${id}`
