import type { TokenDemand } from '../config/config.ts'
import { GatewayError } from '../errors.ts'
import type { KeptToken, SignedIn } from '../session/session.ts'
import { freshnessOf } from './freshness.ts'
import { isRenewable, tokenOf } from './token-of.ts'

export interface FreshTokenDeps {
  readonly renew: (signedIn: SignedIn, demand: TokenDemand) => Promise<SignedIn>
  readonly now: () => number
}

/**
 * Creates the stage that makes sure the token for a demand outlives the request.
 *
 * Ahead of its end a token is renewed behind the requests' back; shortly before, they wait. When the IdP is away, or
 * gives none any more, a token that has not run out is good enough.
 *
 * @returns a function from a session to the session with a token for the demand that is good for about 10 s or more
 * @throws {GatewayError} what `Renew` throws, once there is no token that works
 */
export function createFreshToken(deps: FreshTokenDeps): (signedIn: SignedIn, demand: TokenDemand) => SignedIn | Promise<SignedIn> {
  return function freshToken(signedIn, demand) {
    const token = tokenOf(signedIn.vault, demand)
    if (token === undefined) return deps.renew(signedIn, demand)
    // Nearly every request leaves here, without waiting for a promise.
    const freshness = freshnessOf(token, deps.now())
    if (freshness === 'fresh') return signedIn
    // What cannot be renewed is used to its end.
    if (!isRenewable(signedIn.vault, demand) && token.expiresAt > deps.now()) return signedIn
    const renewal = deps.renew(signedIn, demand)
    if (freshness === 'late') return orStillGood(renewal, signedIn, token)
    // Whatever becomes of it, the next request will see.
    renewal.catch(() => undefined)
    return signedIn
  }

  async function orStillGood(renewal: Promise<SignedIn>, signedIn: SignedIn, token: KeptToken): Promise<SignedIn> {
    try {
      return await renewal
    } catch (error) {
      const isAboutToken = error instanceof GatewayError && (error.code === 'idp_unavailable' || error.code === 'insufficient_scope')
      if (isAboutToken && token.expiresAt > deps.now()) return signedIn
      throw error
    }
  }
}
