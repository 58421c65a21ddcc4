import { GatewayError } from '../errors.ts'
import type { Refreshed } from '../oidc/provider.ts'
import { createRecent } from '../session/recent.ts'
import type { SignedIn } from '../session/session.ts'

/** Tokens that the IdP gave and that are not stored yet. */
export interface Unsaved {
  readonly slot: string
  readonly refreshed: Refreshed
}

export interface UnsavedTokens {
  /** What was got over this very vault. */
  find(current: SignedIn): Unsaved | undefined
  /**
   * Stores it. When the store is away it stays here, and is tried again in the background: the refresh token that
   * stands in the store is spent, and this process alone has the new one.
   *
   * @throws {GatewayError} `store_unavailable`, and goes on trying
   */
  keep(current: SignedIn, got: Unsaved): Promise<SignedIn | null>
}

export interface UnsavedDeps {
  readonly save: (current: SignedIn, got: Unsaved) => Promise<SignedIn | null>
  readonly pause: (ms: number) => Promise<void>
  readonly now: () => number
}

const firstPauseMs = 100
/** Other replicas wait for it once the store is back, and not for long: renew.ts. While it is away a try costs nothing. */
const longestPauseMs = 500
/** An outage that lasts longer outlasts most refresh tokens' worth. */
const keptMs = 10 * 60_000
const mostTries = keptMs / longestPauseMs

export function createUnsaved({ save, pause, now }: UnsavedDeps): UnsavedTokens {
  const kept = createRecent<Unsaved>({ limit: 4096, generationMs: keptMs, now })
  const keyOf = (current: SignedIn) => `${current.credential.familyId}.${current.vault.version}`

  async function tryOnce(current: SignedIn, got: Unsaved): Promise<SignedIn | null> {
    const saved = await save(current, got)
    kept.delete(keyOf(current))
    return saved
  }

  async function goOn(current: SignedIn, got: Unsaved): Promise<void> {
    for (let tries = 0, pauseMs = firstPauseMs; tries < mostTries; tries += 1, pauseMs = Math.min(pauseMs * 2, longestPauseMs)) {
      await pause(pauseMs)
      if (kept.get(keyOf(current)) !== got) return
      const isDone = await tryOnce(current, got).then(
        () => true,
        error => !isAway(error),
      )
      if (isDone) return
    }
  }

  return {
    find: current => kept.get(keyOf(current)),

    async keep(current, got) {
      const isNew = kept.get(keyOf(current)) !== got
      kept.set(keyOf(current), got)
      try {
        return await tryOnce(current, got)
      } catch (error) {
        if (isNew && isAway(error)) goOn(current, got).catch(() => undefined)
        throw error
      }
    },
  }
}

function isAway(error: unknown): boolean {
  return error instanceof GatewayError && error.code === 'store_unavailable'
}
