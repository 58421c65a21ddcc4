import type { Request, RequestHandler } from 'express'
import type { Origin } from '../config/config.ts'
import { GatewayError } from '../errors.ts'
import { clearCookie, findCookie } from '../http/cookies.ts'
import { endedCode } from '../session/ended-code.ts'
import type { EndReason, SignedIn } from '../session/session.ts'
import { subjectOf } from '../session/subject.ts'
import { visitOf } from './respond.ts'

/** The session that the request's cookie opens, if it lives and belongs to this origin; or its handle's, which belongs to none. */
export function liveSession(req: Request, origin: Origin): SignedIn | null {
  const signedIn = req.session.signedIn
  if (signedIn === undefined) return null
  return signedIn.record.kind !== 'browser' || signedIn.record.origin === origin.href ? signedIn : null
}

/**
 * The same for what only somebody signed in may ask.
 *
 * @throws {GatewayError} `not_signed_in`, `session_idle`, `session_expired`, `session_revoked`
 */
export function requireSession(req: Request, origin: Origin): SignedIn {
  const signedIn = liveSession(req, origin)
  if (signedIn !== null) return signedIn
  const reason = endedReason(req)
  throw new GatewayError(reason === null ? 'not_signed_in' : endedCode[reason], 'the endpoint needs a session')
}

/** Why the session behind the cookie is no more; null when there was none, or nobody remembers. */
export function endedReason(req: Request): EndReason | null {
  return req.session.endedReason ?? null
}

/**
 * Creates what runs before an endpoint that needs the session: express-session, which gets to see the one cookie that
 * our own reader takes for the session's, so both always agree. Of two, neither counts and both are cleared (RFC
 * 6265bis §8.6); its own parser would take the first.
 *
 * @param session express-session, from createExpressSession
 */
export function createSessionReader(deps: {
  readonly session: RequestHandler
  readonly cookie: { readonly name: string; readonly isSecure: boolean }
}): RequestHandler {
  const { name, isSecure } = deps.cookie

  return function readSession(req, res, next) {
    const header = req.headers.cookie
    const found = findCookie(header, name)
    if (found.count > 1) res.append('set-cookie', clearCookie(name, { isSecure }))
    req.headers.cookie = found.count === 1 ? `${name}=${found.value}` : ''
    deps.session(req, res, error => {
      req.headers.cookie = header
      const { exchange, trail } = visitOf(res)
      const signedIn = error === undefined ? liveSession(req, exchange.target.origin) : null
      if (signedIn !== null) trail.subject = subjectOf(signedIn)
      next(error)
    })
  }
}
