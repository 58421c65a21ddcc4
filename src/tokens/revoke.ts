import { GatewayError } from '../errors.ts'
import type { Provider } from '../oidc/provider.ts'
import type { Audit } from '../ops/audit.ts'
import type { Ended, SessionRecord, Vault } from '../session/session.ts'

/** After a failure it is tried again, the last time after about half a minute. */
const pausesMs = [1_000, 5_000, 25_000]

type Tokens = Pick<Vault, 'refreshToken' | 'access'>

/** Gives tokens back to the provider (RFC 7009). */
export interface Revoke {
  /** Begins, and makes nobody wait: the session here is over whatever the provider says. */
  (sessionId: string, record: Pick<SessionRecord, 'provider' | 'sub'>, tokens: Tokens): void
  /** What has ended, where anybody could open it. */
  ended(ended: Ended): void
  /** Resolves when all that was begun has come to its end, or after `graceMs`. What waits for another try is given up. */
  settle(graceMs: number): Promise<void>
}

export interface RevokeDeps {
  readonly providers: ReadonlyMap<string, Provider>
  readonly audit: Audit
  /** Resolves after so many ms, or when the signal says that nobody should wait any more. */
  readonly pause: (ms: number, signal: AbortSignal) => Promise<void>
}

/**
 * Creates the revocation. The refresh token goes first: with it most providers drop the access tokens drawn from it,
 * too; then those, one by one. A provider that is away is asked again, some times, within the life of this process.
 */
export function createRevoke({ providers, audit, pause }: RevokeDeps): Revoke {
  const pending = new Set<Promise<void>>()
  const closing = new AbortController()

  async function revokeAll(sessionId: string, { provider: id, sub }: Pick<SessionRecord, 'provider' | 'sub'>, tokens: Tokens) {
    const provider = providers.get(id)
    if (provider === undefined) return
    const line = { provider: id, sub, session_id: sessionId }
    try {
      for (const [hint, token] of inOrder(tokens)) if ((await revokeOne(provider, hint, token)) === 'unsupported') return
      audit('revocation', { ...line, outcome: 'ok' })
    } catch (error) {
      audit('revocation', {
        ...line,
        outcome: 'failed',
        ...(error instanceof GatewayError && error.reason ? { reason: error.reason } : {}),
      })
    }
  }

  async function revokeOne(provider: Provider, hint: 'refresh_token' | 'access_token', token: string) {
    for (const pauseMs of pausesMs) {
      try {
        const result = await provider.revoke({ token, hint })
        // A provider that takes back refresh tokens need not take back access tokens (RFC 7009 §2.2.1).
        return hint === 'access_token' ? 'done' : result
      } catch (error) {
        if (closing.signal.aborted || !(error instanceof GatewayError) || error.code !== 'idp_unavailable') throw error
        await pause(pauseMs, closing.signal)
      }
    }
    return await provider.revoke({ token, hint })
  }

  function begin(sessionId: string, record: Pick<SessionRecord, 'provider' | 'sub'>, tokens: Tokens): void {
    const run = revokeAll(sessionId, record, tokens).finally(() => pending.delete(run))
    pending.add(run)
  }

  return Object.assign(begin, {
    ended({ sessionId, record, vault }: Ended) {
      if (vault !== null) begin(sessionId, record, vault)
    },
    async settle(graceMs: number) {
      const grace = pause(graceMs, closing.signal)
      await Promise.race([Promise.all(pending), grace])
      closing.abort()
    },
  })
}

function inOrder({ refreshToken, access }: Tokens): (readonly ['refresh_token' | 'access_token', string])[] {
  const accessTokens = Object.values(access).map(({ token }) => ['access_token', token] as const)
  return refreshToken === null ? accessTokens : [['refresh_token', refreshToken], ...accessTokens]
}
