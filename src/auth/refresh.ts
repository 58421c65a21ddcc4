import type { Request, RequestHandler } from 'express'
import type { TokenDemand } from '../config/config.ts'
import { ownToken } from '../config/own-token.ts'
import { GatewayError, type GatewayErrorCode } from '../errors.ts'
import type { Families, FamilyState } from '../session/families.ts'
import type { SignedIn } from '../session/session.ts'
import type { RefuseForeign } from './endpoints.ts'
import { endedReason, liveSession } from './live-session.ts'
import { exchangeOf } from './respond.ts'
import type { DescribeState } from './session.ts'

/** So soon after the last renewal nobody needs another: contract.md section 2. */
const coolDownMs = 10_000

export interface RefreshDeps {
  readonly refuseForeign: RefuseForeign
  readonly describeState: DescribeState
  readonly families: Pick<Families, 'read'>
  readonly providers: ReadonlyMap<string, unknown>
  readonly renew: (signedIn: SignedIn, demand: TokenDemand) => Promise<SignedIn>
  readonly now: () => number
}

/**
 * POST /auth/session/refresh: renews the sign-in's own token now, and answers as GET /auth/session. It is no activity,
 * and moves no deadline of the session (RTK-07).
 *
 * What the vault says decides whether there is need, so it can be repeated, at any replica. Without a session, or
 * without a refresh token, there is nothing to renew: the answer says what there is.
 *
 * @throws {GatewayError} `cross_site_refused`, `bad_request` (`content_type`); `idp_unavailable`, `store_unavailable`:
 *   the session lives on and the cookie is kept
 */
export function createRefresh(deps: RefreshDeps): RequestHandler {
  return async function refresh(req, res) {
    const exchange = exchangeOf(res)
    deps.refuseForeign(req, exchange)
    refuseBody(req)
    const signedIn = liveSession(req, exchange.target.origin)
    if (signedIn === null) return void res.json(deps.describeState(null, endedReason(req)))
    const family = isDue(signedIn) ? await renew(signedIn) : ({ state: 'live', signedIn } as const)
    if (family.state === 'live') res.json(deps.describeState(family.signedIn, null))
    else res.json(deps.describeState(null, family.state === 'ended' ? family.reason : null))
  }

  function isDue({ record, vault }: SignedIn): boolean {
    // Where there is nobody, or nothing, to renew with, a renewal would end the session; its token may be good for a while.
    if (vault.refreshToken === null || !deps.providers.has(record.provider)) return false
    const refreshedAt = vault.access[ownToken.slot]?.refreshedAt ?? 0
    return deps.now() - refreshedAt >= coolDownMs
  }

  async function renew(signedIn: SignedIn): Promise<FamilyState> {
    try {
      return { state: 'live', signedIn: await deps.renew(signedIn, ownToken) }
    } catch (error) {
      // The grant is no more, and the session with it: that is an answer, and the tombstone has the reason.
      if (error instanceof GatewayError && ends.has(error.code)) return await deps.families.read(signedIn.credential)
      throw error
    }
  }
}

/** What a renewal throws once it has found the session ended, or has ended it. */
const ends: ReadonlySet<GatewayErrorCode> = new Set(['session_expired', 'session_revoked', 'access_denied'])

/** There is nothing to say in one; and a page of another site could send most kinds. */
function refuseBody({ headers }: Request): void {
  const { 'content-length': length, 'transfer-encoding': coding } = headers
  if (coding === undefined && (length === undefined || length === '0')) return
  throw new GatewayError('bad_request', 'a refresh takes no body', { reason: 'content_type' })
}
