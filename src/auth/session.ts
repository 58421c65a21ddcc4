import type { RequestHandler } from 'express'
import type { GatewayConfig } from '../config/config.ts'
import { ownToken } from '../config/own-token.ts'
import { isoTime } from '../http/iso-time.ts'
import { describeSession } from '../session/describe-session.ts'
import type { Members } from '../session/members.ts'
import type { EndReason, SignedIn } from '../session/session.ts'
import type { RefuseForeign } from './endpoints.ts'
import { isHeld } from './holder.ts'
import { endedReason, liveSession } from './live-session.ts'
import { exchangeOf } from './respond.ts'

/**
 * What a script may know of the session (contract.md section 5).
 *
 * @param remainingCalls how many calls an agent may still make, where that is limited
 */
export type DescribeState = (
  signedIn: SignedIn | null,
  reason: EndReason | null,
  remainingCalls?: number,
) => Readonly<Record<string, unknown>>

export interface SessionDeps {
  readonly refuseForeign: RefuseForeign
  readonly describeState: DescribeState
  readonly members: Pick<Members, 'remaining'>
}

/**
 * GET /auth/session: who is signed in, and for how long. It never redirects, never pushes the idle clock, never shows a
 * token; a missing, a forged and an unknown cookie get the same answer.
 *
 * @throws {GatewayError} `cross_site_refused`, `store_unavailable`
 */
export function createSession(deps: SessionDeps): RequestHandler {
  return async function session(req, res) {
    const exchange = exchangeOf(res)
    if (!isHeld(req)) deps.refuseForeign(req, exchange)
    const signedIn = liveSession(req, exchange.target.origin)
    res.json(deps.describeState(signedIn, endedReason(req), await remainingOf(signedIn)))
  }

  /** Of all but agents with a limit nothing is asked for. */
  async function remainingOf(signedIn: SignedIn | null): Promise<number | undefined> {
    if (signedIn?.record.agent === undefined) return undefined
    const { credential, record } = signedIn
    return (await deps.members.remaining(credential.familyId, [{ member: credential.member, record }])).get(credential.member)
  }
}

/** Creates what answers for a session, or for there being none and why. */
export function createDescribeState(deps: { readonly config: GatewayConfig; readonly now: () => number }): DescribeState {
  const { base } = deps.config.paths

  return function describeState(signedIn, reason, remainingCalls) {
    const time = { server_time: isoTime(deps.now()) }
    if (signedIn === null) return { authenticated: false, ...time, ...(reason === null ? {} : { reason }), login_url: `${base}/login` }
    return {
      authenticated: true,
      ...time,
      user: describeUser(signedIn),
      session: describeLife(signedIn, remainingCalls),
      tokens: describeTokens(signedIn),
      login_url: `${base}/login`,
      logout_url: `${base}/logout`,
      account_url: `${base}/account`,
    }
  }

  function describeUser({ record, vault }: SignedIn) {
    const shown = deps.config.session.claims.filter(name => Object.hasOwn(vault.claims, name))
    // A claim may have any name: fromEntries makes own members even of `__proto__`.
    const claims: Readonly<Record<string, unknown>> = Object.fromEntries(shown.map(name => [name, vault.claims[name]]))
    return { provider: record.provider, sub: record.sub, name: claims.name ?? null, email: claims.email ?? null, claims }
  }

  function describeLife({ sessionId, record }: SignedIn, remainingCalls: number | undefined) {
    return {
      ...describeSession(sessionId, remainingCalls === undefined ? record : { ...record, remainingCalls }),
      // Of a browser it is the provider's word, which says nothing to its scripts.
      ...(record.client === undefined ? {} : { scopes: record.scopes }),
      idle_expires_in: secondsUntil(record.idleExpiresAt),
      absolute_expires_in: secondsUntil(record.absoluteExpiresAt),
    }
  }

  function describeTokens({ vault }: SignedIn) {
    const access = vault.access[ownToken.slot]
    return {
      access_expires_in: access === undefined ? 0 : secondsUntil(access.expiresAt),
      refreshed_at: access === undefined ? null : isoTime(access.refreshedAt),
      renewable: vault.refreshToken !== null,
    }
  }

  function secondsUntil(at: number): number {
    return Math.max(0, Math.floor((at - deps.now()) / 1000))
  }
}
