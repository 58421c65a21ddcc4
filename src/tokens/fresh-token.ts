import { GatewayError } from '../errors.ts'
import type { AccessToken, SignedIn } from '../session/session.ts'

// Early enough that the token outlives the upstream call and the seconds by which our clock and the
// provider's differ; late enough that a page's burst of requests costs one renewal. docs/decisions/004.
const leewayMs = 30_000

export interface FreshTokenDeps {
  readonly renew: (signedIn: SignedIn) => Promise<SignedIn>
  readonly now: () => number
}

/**
 * Creates the stage that makes sure the access token outlives the request.
 *
 * @returns a function from a session to the session with a token good for about 30 s or more. When the IdP
 *   is away, a token that has not run out is good enough.
 * @throws {GatewayError} `session_expired` when the IdP has ended the grant;
 *   `idp_unavailable` when it cannot be asked and the old token has run out
 */
export function createFreshToken(deps: FreshTokenDeps): (signedIn: SignedIn) => SignedIn | Promise<SignedIn> {
  return function freshToken(signedIn) {
    const access = signedIn.vault.access['']
    // Nearly every request leaves here, without waiting for a promise.
    const remainingMs = access === undefined ? 0 : access.expiresAt - deps.now()
    if (access !== undefined && remainingMs > leewayOf(access)) return signedIn
    // What cannot be renewed is used to its end.
    if (signedIn.vault.refreshToken === null && remainingMs > 0) return signedIn
    return renewed(signedIn, access)
  }

  async function renewed(signedIn: SignedIn, access: AccessToken | undefined): Promise<SignedIn> {
    try {
      return await deps.renew(signedIn)
    } catch (error) {
      const isStillGood = access !== undefined && access.expiresAt > deps.now()
      if (isStillGood && error instanceof GatewayError && error.code === 'idp_unavailable') return signedIn
      throw error
    }
  }
}

/** A token that lives shorter than two leeways is renewed at half its life, not on every request (RTK-11). */
function leewayOf(access: AccessToken): number {
  return Math.min(leewayMs, (access.expiresAt - access.refreshedAt) / 2)
}
