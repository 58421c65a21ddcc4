import { createRecent } from '../session/recent.ts'
import type { Store } from '../store/store.ts'

// Several times what a provider usually takes, and short enough that the death of whoever holds it delays a
// renewal by seconds. It is extended while the provider is slow.
const leaseMs = 10_000
const extendEveryMs = 3_000

// As long as whoever has tokens that are not stored yet goes on trying: unsaved.ts.
const spendingMs = 10 * 60_000

/** How often whoever waits looks again, growing: most renewals take a fraction of a second. */
const firstPauseMs = 20
const longestPauseMs = 250

export interface LeaseDeps {
  readonly store: Store
  /** A name that no other holder has. */
  readonly nextHolder: () => string
  readonly now: () => number
  /** Resolves after so many ms. */
  readonly pause: (ms: number) => Promise<void>
  /** Told how each turn came about. */
  readonly onTurn?: (outcome: 'taken' | 'awaited' | 'busy') => void
}

export interface WithLease {
  /**
   * Runs one thing at a time for each family, across all replicas.
   *
   * @param run what to do while holding the lease
   * @param look asked before each further try while somebody else holds it: what the waiting was for may have come
   *   about; undefined for not yet
   * @param patienceMs how long to wait at most
   * @returns what `run` or `look` gave; `busy` when the patience ran out
   * @throws {GatewayError} `store_unavailable`, and what `run` and `look` throw
   */
  <Result>(
    familyId: string,
    run: () => Promise<Result>,
    look: () => Promise<Result | undefined>,
    patienceMs: number,
  ): Promise<Result | 'busy'>
  /**
   * To be asked before the refresh token of a vault is shown to the provider. The lease cannot be extended while the
   * store is away, and runs out; this outlasts it.
   *
   * @returns false when another replica has shown it, and has not said what came of it
   * @throws {GatewayError} `store_unavailable`: then it must not be shown
   */
  beginSpending(familyId: string, vaultVersion: number): Promise<boolean>
  /** What came of it is stored, or nothing did. Nobody waits for it. */
  endSpending(familyId: string, vaultVersion: number): void
}

/**
 * Creates the lease on a family's grant. A holder that dies loses it after 10 s, one that lives keeps it, however
 * long the provider takes; only the holder gives it back. It keeps others from asking the provider in vain, no
 * more: what is written is guarded by the vault's version.
 */
export function createWithLease({ store, nextHolder, now, pause, onTurn = ignore }: LeaseDeps): WithLease {
  /** Holders that may have got what they asked for and were never told: a Redis that thaws does what was given up. */
  const unanswered = createRecent<string>({ limit: 4096, generationMs: spendingMs, now })

  async function take(id: string, holder: string, lifeMs: number): Promise<boolean> {
    const lost = unanswered.get(id)
    if (lost !== undefined) {
      await store.releaseLease(id, lost)
      unanswered.delete(id)
    }
    try {
      return await store.takeLease(id, holder, lifeMs)
    } catch (error) {
      unanswered.set(id, holder)
      throw error
    }
  }

  async function hold<Result>(familyId: string, holder: string, run: () => Promise<Result>): Promise<Result> {
    const heart = setInterval(() => store.extendLease(familyId, holder, leaseMs).catch(ignore), extendEveryMs)
    try {
      return await run()
    } finally {
      clearInterval(heart)
      store.releaseLease(familyId, holder).catch(ignore)
    }
  }

  async function withLease<Result>(
    familyId: string,
    run: () => Promise<Result>,
    look: () => Promise<Result | undefined>,
    patienceMs: number,
  ): Promise<Result | 'busy'> {
    const holder = nextHolder()
    const giveUpAt = now() + leaseMs + patienceMs
    for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(pauseMs * 2, longestPauseMs)) {
      if (await take(familyId, holder, leaseMs)) {
        onTurn('taken')
        return await hold(familyId, holder, run)
      }
      if (now() >= giveUpAt) {
        onTurn('busy')
        return 'busy'
      }
      await pause(pauseMs)
      const found = await look()
      if (found === undefined) continue
      onTurn('awaited')
      return found
    }
  }

  const spender = nextHolder()
  const spendingId = (familyId: string, vaultVersion: number) => `${familyId}-${vaultVersion}`

  return Object.assign(withLease, {
    beginSpending: (familyId: string, vaultVersion: number) => take(spendingId(familyId, vaultVersion), spender, spendingMs),
    endSpending(familyId: string, vaultVersion: number) {
      store.releaseLease(spendingId(familyId, vaultVersion), spender).catch(ignore)
    },
  })
}

function ignore(): void {}
