import type { TokenDemand } from '../config/config.ts'
import { GatewayError } from '../errors.ts'
import type { AccessToken, SignedIn } from '../session/session.ts'

// Early enough that the token outlives the upstream call and the seconds by which our clock and the
// provider's differ; late enough that a page's burst of requests costs one renewal. docs/decisions/004.
const leewayMs = 30_000
/** The part of the leeway that must be left for a request to go on with the old token while a new one is fetched. */
const enoughOfLeeway = 1 / 3

export interface FreshTokenDeps {
  readonly renew: (signedIn: SignedIn, demand: TokenDemand) => Promise<SignedIn>
  readonly now: () => number
}

/**
 * Creates the stage that makes sure the access token for a demand outlives the request.
 *
 * Ahead of its end a token is renewed behind the requests' back; shortly before, they wait. When the IdP is away, a
 * token that has not run out is good enough.
 *
 * @returns a function from a session to the session with a token for the demand that is good for about 10 s or more
 * @throws {GatewayError} what `Renew` throws, once there is no token that works
 */
export function createFreshToken(deps: FreshTokenDeps): (signedIn: SignedIn, demand: TokenDemand) => SignedIn | Promise<SignedIn> {
  return function freshToken(signedIn, demand) {
    const access = signedIn.vault.access[demand.slot]
    if (access === undefined) return deps.renew(signedIn, demand)
    // Nearly every request leaves here, without waiting for a promise.
    const remainingMs = access.expiresAt - deps.now()
    const leeway = leewayOf(access)
    if (remainingMs > leeway) return signedIn
    // What cannot be renewed is used to its end.
    if (signedIn.vault.refreshToken === null && remainingMs > 0) return signedIn
    const renewal = deps.renew(signedIn, demand)
    if (remainingMs <= leeway * enoughOfLeeway) return orStillGood(renewal, signedIn, access)
    // Whatever becomes of it, the next request will see.
    renewal.catch(() => undefined)
    return signedIn
  }

  async function orStillGood(renewal: Promise<SignedIn>, signedIn: SignedIn, access: AccessToken): Promise<SignedIn> {
    try {
      return await renewal
    } catch (error) {
      const isStillGood = access.expiresAt > deps.now()
      if (isStillGood && error instanceof GatewayError && error.code === 'idp_unavailable') return signedIn
      throw error
    }
  }
}

/** A token that lives shorter than two leeways is renewed at half its life, not on every request (RTK-11). */
function leewayOf(access: AccessToken): number {
  return Math.min(leewayMs, (access.expiresAt - access.refreshedAt) / 2)
}
