import type { Request, RequestHandler, Response } from 'express'
import { GatewayError } from '../errors.ts'
import { deviceLabel } from '../http/device-label.ts'
import type { Audit } from '../ops/audit.ts'
import { auditOf } from '../ops/trail.ts'
import type { Attempts } from '../session/attempts.ts'
import { parseCredential } from '../session/credential.ts'
import { beginSession } from '../session/express-session.ts'
import type { SignedIn, SignIn } from '../session/session.ts'
import type { Admit } from '../tokens/admit.ts'
import type { Endings } from '../tokens/endings.ts'
import type { StepUp } from '../tokens/step-up.ts'
import { type AttemptCookies, isAttemptId } from './attempt-cookies.ts'
import { liveSession } from './live-session.ts'
import { requireNavigation, requireOwnPage } from './navigation.ts'
import { exchangeOf, lastSegment, noteVisit, redirect, visitOf } from './respond.ts'
import type { ReturnTo } from './return-to.ts'
import type { createRaise } from './step-up.ts'

export interface ContinueDeps {
  readonly attempts: Attempts
  readonly cookies: AttemptCookies
  readonly returnTo: ReturnTo
  readonly endings: Endings
  readonly admit: Admit
  readonly config: { readonly paths: { readonly base: string } }
  readonly raise: ReturnType<typeof createRaise>
  readonly stepUp: StepUp
  readonly audit: Audit
}

/**
 * GET /auth/continue/{attempt}: makes the parked sign-in the browser's session, once. The session that was there ends
 * (FLOW-17): also when it was planted. One that the sign-in was begun to raise stays, if it lives.
 *
 * @throws {GatewayError} `navigation_required`, `cross_site_refused`, `attempt_unknown`, `attempt_replayed`,
 *   `session_revoked`, `store_unavailable`, and what `createRaise` says
 */
export function createContinue(deps: ContinueDeps): RequestHandler {
  return async function continueSignIn(req, res) {
    const exchange = exchangeOf(res)
    requireNavigation(req)
    requireOwnPage(req)
    const taken = await takeResult(req, res, lastSegment(exchange.target))
    const before = liveSession(req, exchange.target.origin)
    if (typeof taken === 'string') {
      // The back button, a reload: whoever is signed in needs no error.
      if (before !== null) return redirect(res, 303, '/')
      throw new GatewayError(taken, 'the sign-in is not there to be finished', { reason: 'continue' })
    }
    const { signIn, attempt } = taken
    const returnTo = deps.returnTo(attempt.returnTo, exchange.target.origin)
    if (attempt.stepUp !== undefined) {
      if (before !== null) return await deps.raise(req, res, { before, signIn, attempt, returnTo })
      noteVisit(res, { signInPath: `${deps.config.paths.base}/login?return_to=${encodeURIComponent(returnTo)}` })
      if ((await deps.stepUp.lookAfter(attempt.stepUp, signIn)) === 'lives') return redirect(res, 303, returnTo)
    }
    const beginning = {
      origin: exchange.target.origin.href,
      device: deviceLabel(req.headers['user-agent']),
      address: exchange.clientAddress,
    }
    await beginSession(req, signIn, beginning, async credential => {
      // Before the user's sessions are counted.
      if (before !== null) await deps.endings.replace(before.credential)
      await deps.admit(credential, signIn, attempt.begunAt)
    })
    report(res, signIn, req.sessionID, before)
    redirect(res, 303, returnTo)
  }

  async function takeResult(req: Request, res: Response, id: string) {
    const ticket = isAttemptId(id) ? deps.cookies.find(req, id) : null
    if (ticket === null) return 'attempt_unknown'
    const result = await deps.attempts.openResult(ticket)
    deps.cookies.clear(res, id)
    // A native client's is for its approval page: no browser session comes of it, and none ends.
    if (result === 'unknown' || (result !== 'spent' && result.attempt.native !== undefined)) return 'attempt_unknown'
    // Checked at the callback too; by now a raw client may have moved its cookies to another origin.
    if (result === 'spent' || result.attempt.origin !== exchangeOf(res).target.origin.href) return 'attempt_replayed'
    return (await result.take()) ? result : 'attempt_replayed'
  }

  function report(res: Response, signIn: SignIn, credential: string, before: SignedIn | null): void {
    const { exchange, trail } = visitOf(res)
    const audit = auditOf(deps.audit, trail)
    const { provider, sub } = signIn
    if (before !== null) {
      const was = { provider: before.record.provider, sub: before.record.sub, session_id: before.sessionId }
      audit('session_ended', { ...was, reason: 'replaced' })
      if (was.provider !== provider || was.sub !== sub) audit('subject_changed', { provider, sub, session_id: before.sessionId })
    }
    trail.subject = { provider, sub, session_id: parseCredential(credential)?.familyId ?? '' }
    const acr = signIn.acr === null ? {} : { acr: signIn.acr }
    audit('sign_in', { ...trail.subject, ...acr, outcome: 'ok', amr: signIn.amr, origin: exchange.target.origin.href })
  }
}
