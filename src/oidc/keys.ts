import { createLocalJWKSet } from 'jose'
import type { CustomFetch } from 'openid-client'
import type { ProviderConfig } from '../config/config.ts'
import { idpUnavailable, ownError } from './errors.ts'

/** Providers announce a new key before they use it, and withdraw a stolen one at once: so, often. */
const renewAfterMs = 5 * 60_000
/** Keys that nobody could renew for an hour are not believed any more (META-07). */
const forgetAfterMs = 60 * 60_000
/** Between two fetches that a token's unknown key caused. Whoever sends made-up key ids costs the provider no more (META-05). */
const coolDownMs = 10_000
/** From one failure to the next try: long enough that any number of tokens ask an absent provider once, short enough that one which is back is used at once. */
const backOffMs = 1_000
/** More than any provider keeps at once. */
const mostKeys = 100

/** One fetch of a provider's key set. */
export type KeySet = ReturnType<typeof createLocalJWKSet>

/** A provider's keys: one cache, for every signature that is looked at. */
export interface Keys {
  /**
   * The keys that are held. Old ones are renewed behind the caller's back.
   *
   * @throws {GatewayError} `idp_unavailable` when there are none and they cannot be had, or could not a moment ago
   */
  current(): Promise<KeySet>
  /** Newer keys than these, for a token whose key is not among them; null while the cool-down lasts. */
  newerThan(old: KeySet): Promise<KeySet | null>
}

export interface KeysDeps {
  readonly config: ProviderConfig
  readonly wire: CustomFetch
  /** Epoch ms. */
  readonly now: () => number
}

/** Creates the reader of the key set at one address; it is fetched when first needed, by one request however many ask. */
export function createKeys({ config, wire, now }: KeysDeps, address: string): Keys {
  let held: { readonly keys: KeySet; readonly fetchedAt: number } | null = null
  let failure: { readonly error: unknown; readonly at: number } | null = null
  let pending: Promise<KeySet> | null = null
  let restsUntil = 0

  async function fetchKeys(): Promise<KeySet> {
    const at = now()
    try {
      const response = await wire(address, {
        method: 'GET',
        headers: { accept: 'application/json, application/jwk-set+json' },
        body: null,
        redirect: 'manual',
      })
      if (response.status !== 200)
        throw idpUnavailable(config, 'keys_invalid', `answered the request for its keys with status ${response.status}`)
      const keys = createLocalJWKSet(keySetOf(await response.json()))
      held = { keys, fetchedAt: now() }
      failure = null
      return keys
    } catch (error) {
      failure = { error: ownError(error) ?? idpUnavailable(config, 'keys_invalid', 'gave a key set that cannot be used', error), at }
      throw failure.error
    }
  }

  function fetchOnce(): Promise<KeySet> {
    pending ??= fetchKeys().finally(() => {
      pending = null
    })
    return pending
  }

  return {
    async current() {
      const isResting = failure !== null && pending === null && now() - failure.at < backOffMs
      if (held === null || now() - held.fetchedAt >= forgetAfterMs) {
        if (failure !== null && isResting) throw failure.error
        return await fetchOnce()
      }
      // Nobody waits for this one; what fails now is tried again by one who asks later.
      if (now() - held.fetchedAt >= renewAfterMs && !isResting) fetchOnce().catch(() => undefined)
      return held.keys
    },

    async newerThan(old) {
      if (held !== null && held.keys !== old) return held.keys
      if (pending !== null) return await pending
      if (now() < restsUntil) return null
      restsUntil = now() + coolDownMs
      return await fetchOnce()
    },
  }
}

function keySetOf(json: unknown): Parameters<typeof createLocalJWKSet>[0] {
  const keys = typeof json === 'object' && json !== null && 'keys' in json ? json.keys : undefined
  if (!Array.isArray(keys) || keys.length > mostKeys) throw new TypeError('not a key set')
  return { keys }
}
