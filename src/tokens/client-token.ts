import type { ClientTokenDemand } from '../config/config.ts'
import { GatewayError } from '../errors.ts'
import type { Provider } from '../oidc/provider.ts'
import type { Audit } from '../ops/audit.ts'
import type { AccessToken } from '../session/session.ts'
import { freshnessOf } from './freshness.ts'
import { outcomeOf } from './outcome.ts'

/** After a failure the IdP is left alone this long: an outage, and a refusal, which is a matter of settings. */
const coolDownMs = 5_000
const refusedMs = 60_000

export interface ClientTokens {
  /** A token that outlives the request. @throws {GatewayError} `insufficient_scope`, `idp_unavailable` */
  fresh(demand: ClientTokenDemand): AccessToken | Promise<AccessToken>
  /** Another one than was refused, or the one that there is by now. */
  renew(demand: ClientTokenDemand, refused: string): Promise<AccessToken>
}

export interface ClientTokenDeps {
  readonly providers: ReadonlyMap<string, Provider>
  readonly audit: Audit
  readonly now: () => number
}

interface Held {
  token: AccessToken | null
  pending: Promise<AccessToken> | null
  failure: { readonly until: number; readonly error: unknown } | null
}

/**
 * Creates the keeper of the gateway's own tokens (RFC 6749 §4.4): one for each demand, in this process alone, fetched
 * once however many ask, and ahead of its end. There are as many as routes that want one, so none is ever dropped.
 */
export function createClientTokens({ providers, audit, now }: ClientTokenDeps): ClientTokens {
  const bySlot = new Map<string, Held>()

  function heldFor({ slot }: ClientTokenDemand): Held {
    let held = bySlot.get(slot)
    if (held === undefined) {
      held = { token: null, pending: null, failure: null }
      bySlot.set(slot, held)
    }
    return held
  }

  async function fetchToken(held: Held, { provider: id, audience, scopes }: ClientTokenDemand): Promise<AccessToken> {
    try {
      const provider = providers.get(id)
      if (provider === undefined) throw new TypeError('the configuration was checked for a provider of this id')
      held.token = await provider.clientToken({ audience, scopes })
      held.failure = null
      audit('renewal', { provider: id, outcome: 'ok' })
      return held.token
    } catch (error) {
      const isRefusal = error instanceof GatewayError && error.code === 'insufficient_scope'
      held.failure = { until: now() + (isRefusal ? refusedMs : coolDownMs), error }
      audit('renewal', { provider: id, ...outcomeOf(error) })
      throw error
    } finally {
      held.pending = null
    }
  }

  function fetchOnce(held: Held, demand: ClientTokenDemand): Promise<AccessToken> {
    if (held.failure !== null && held.failure.until > now()) return Promise.reject(held.failure.error)
    held.pending ??= fetchToken(held, demand)
    return held.pending
  }

  return {
    fresh(demand) {
      const held = heldFor(demand)
      const { token } = held
      if (token === null) return fetchOnce(held, demand)
      const freshness = freshnessOf(token, now())
      if (freshness === 'fresh') return token
      const pending = fetchOnce(held, demand)
      // Ahead of its end nobody waits, and a token that works is good enough while there is no other.
      const orStillGood = pending.catch(error => {
        if (token.expiresAt > now()) return token
        throw error
      })
      if (freshness === 'late') return orStillGood
      orStillGood.catch(() => undefined)
      return token
    },

    async renew(demand, refused) {
      const held = heldFor(demand)
      return held.token !== null && held.token.token !== refused ? held.token : await fetchOnce(held, demand)
    },
  }
}
