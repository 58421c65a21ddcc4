import { createHmac, createSecretKey } from 'node:crypto'
import { GatewayError } from '../errors.ts'
import { createBuckets } from './buckets.ts'
import type { CountKey, Store } from './store.ts'

/** One limit that a request counts against. */
export interface Limit {
  readonly kind: CountKey['kind']
  readonly perMinute: number
  /** Whose: a session, a user, an address, with the route that it is for. Never stored in clear. */
  readonly whose: readonly string[]
}

/**
 * Counts a request against limits, in all replicas together; those in this process alone while the store is away.
 *
 * Throws in this very call what is known without asking: a flood costs the store nothing. The commands leave in this
 * call too, together.
 *
 * @throws {GatewayError} `too_many_requests`, with Retry-After; nothing else, whatever becomes of the store
 */
export type AdmitWithin = (limits: readonly Limit[]) => Promise<unknown>

export interface LimiterDeps {
  readonly store: Pick<Store, 'count'>
  /** Names are hashed under it: an address or a `sub` could be guessed from a plain hash. The same in all replicas. */
  readonly key: Buffer
  /** Epoch ms. */
  readonly now: () => number
}

/** About 10 MB when full. Whoever comes then shares one bucket with all others of the kind. */
const maxBuckets = 50_000

const refusals: Readonly<Record<CountKey['kind'], { readonly reason: string }>> = {
  session: { reason: 'rate_session' },
  user: { reason: 'rate_user' },
  address: { reason: 'rate_address' },
  route: { reason: 'rate_route' },
  attempts: { reason: 'rate_attempts' },
  attempts_address: { reason: 'rate_attempts_address' },
  delegations: { reason: 'rate_delegations' },
  user_codes: { reason: 'rate_user_codes' },
}

export function createLimiter({ store, key, now }: LimiterDeps): AdmitWithin {
  // A key that is bytes costs Node 8 µs more each time.
  const hashKey = createSecretKey(key)
  // Full ones, as the store told; and all that is counted while it is away.
  const local = createBuckets({ now, maxBuckets })
  const told = createBuckets({ now, maxBuckets })
  const ofOthers = createBuckets({ now, maxBuckets: 100 })

  function idOf({ kind, whose }: Limit): string {
    return createHmac('sha256', hashKey)
      .update(JSON.stringify([kind, ...whose]))
      .digest('base64url')
  }

  async function countOne({ kind, perMinute }: Limit, id: string): Promise<void> {
    const waitMs = await store.count({ kind, id }, perMinute).then(
      ms => {
        if (ms > 0) local.fill(id, perMinute, ms)
        return ms
      },
      (error: unknown) => {
        if (!(error instanceof GatewayError)) throw error
        return countHere(kind, perMinute, id)
      },
    )
    if (waitMs > 0) throw tooMany(kind, id, waitMs)
  }

  /** The store is away: neither is everybody let in, nor anybody kept out for that. */
  function countHere(kind: Limit['kind'], perMinute: number, id: string): number {
    return local.add(id, perMinute) ?? ofOthers.add(kind, perMinute) ?? 1
  }

  /** Of a flood the audit hears once a minute, for each whose limit it is (LOG-08). */
  function tooMany(kind: Limit['kind'], id: string, waitMs: number): GatewayError {
    const isNews = (told.add(id, 1) ?? ofOthers.add('told', 1)) === 0
    const seconds = Math.max(1, Math.ceil(waitMs / 1000))
    return new GatewayError('too_many_requests', `more than the limit by ${kind}`, {
      headers: { 'retry-after': String(seconds) },
      isRepeated: !isNews,
      ...refusals[kind],
    })
  }

  return function admitWithin(limits) {
    const ids = limits.map(idOf)
    limits.forEach(({ kind, perMinute }, i) => {
      const waitMs = local.waitMs(ids[i] ?? '', perMinute)
      if (waitMs > 0) throw tooMany(kind, ids[i] ?? '', waitMs)
    })
    return Promise.all(limits.map((limit, i) => countOne(limit, ids[i] ?? '')))
  }
}
