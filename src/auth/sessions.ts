import type { Request, RequestHandler, Response } from 'express'
import type { GatewayConfig } from '../config/config.ts'
import { GatewayError } from '../errors.ts'
import { isFormNavigation } from '../http/fetch-metadata.ts'
import type { Audit } from '../ops/audit.ts'
import { auditOf } from '../ops/trail.ts'
import { describeListedSession } from '../session/describe-session.ts'
import { endSession } from '../session/express-session.ts'
import type { SignedIn } from '../session/session.ts'
import type { ListedSession, SessionList } from '../session/session-list.ts'
import type { Endings } from '../tokens/endings.ts'
import { clearBrowser } from './clear-browser.ts'
import type { RefuseForeign } from './endpoints.ts'
import { isHeld } from './holder.ts'
import { liveSession, requireSession } from './live-session.ts'
import type { Proofs } from './proofs.ts'
import { exchangeOf, redirect, visitOf } from './respond.ts'
import { isOwnForm } from './small-body.ts'

export interface SessionsDeps {
  readonly config: GatewayConfig
  readonly list: SessionList
  readonly endings: Endings
  readonly proofs: Proofs
  readonly refuseForeign: RefuseForeign
  readonly cookie: { readonly name: string; readonly isSecure: boolean }
  readonly audit: Audit
}

/**
 * GET /auth/sessions: the living sessions of whoever asks, the newest first. Like all that is here it is no activity.
 *
 * @throws {GatewayError} `cross_site_refused`, the 401 of a session that is over, `store_unavailable`
 */
export function createSessions(deps: Pick<SessionsDeps, 'list' | 'refuseForeign'>): RequestHandler {
  return async function sessions(req, res) {
    const exchange = exchangeOf(res)
    if (!isHeld(req)) deps.refuseForeign(req, exchange)
    const signedIn = requireSession(req, exchange.target.origin)
    const listed = await listFor(deps.list, signedIn)
    res.json({ sessions: listed.map(one => describeListedSession(one, signedIn.sessionId)) })
  }
}

/**
 * DELETE /auth/sessions/{session_id}, and POST …/revoke for forms, which know no DELETE. The caller's own session is
 * signed out here. What is no living session of the same user is not there: whose it is, nobody learns.
 *
 * @throws {GatewayError} `cross_site_refused`, the 401 of a session that is over, `no_route` (to a program; a form is
 *   led to the list, which does not have it), `store_unavailable`
 */
export function createRevokeSession(deps: SessionsDeps): RequestHandler {
  const { base } = deps.config.paths

  return async function revokeSession(req, res) {
    const signedIn = admitChange(deps, req, res)
    const sessionId = readSessionId(exchangeOf(res).target.path)
    const isForm = isFormNavigation(req)
    if (sessionId === signedIn.sessionId) {
      await signOutHere(req, res, signedIn)
      return isForm ? redirect(res, 303, `${base}/logged-out`) : void res.status(204).end()
    }
    const isRevoked = (await maySee(deps.list, signedIn, sessionId)) && (await deps.endings.one(sessionId, 'revoked', signedIn.record))
    if (isForm) return redirect(res, 303, `${base}/account`)
    if (!isRevoked) throw new GatewayError('no_route', 'the user has no living session of this id')
    res.status(204).end()
  }

  /** As it came: decoded, several spellings would name one session. What can be none is found nowhere. */
  function readSessionId(path: string): string {
    const [sessionId = ''] = path.slice(`${base}/sessions/`.length).split('/')
    return sessionId
  }

  /** With the credential at hand, so its tokens go back to the provider. */
  async function signOutHere(req: Request, res: Response, { credential }: SignedIn): Promise<void> {
    await deps.endings.signOut(credential)
    auditOf(deps.audit, visitOf(res).trail)('logout', { outcome: 'ok' })
    if (isHeld(req)) return
    await endSession(req)
    clearBrowser(res, deps.cookie)
  }
}

/**
 * POST /auth/sessions/revoke-others: ends all sessions of the user but the caller's own.
 *
 * @throws {GatewayError} `cross_site_refused`, the 401 of a session that is over; `store_unavailable`, and then some may
 *   have ended: it can be asked again
 */
export function createRevokeOthers(deps: SessionsDeps): RequestHandler {
  return async function revokeOthers(req, res) {
    const signedIn = admitChange(deps, req, res)
    const { record, sessionId } = signedIn
    const revoked =
      record.agent === undefined ? await deps.endings.all(record, 'revoked', { except: sessionId }) : await endBehind(deps, signedIn)
    if (isFormNavigation(req)) redirect(res, 303, `${deps.config.paths.base}/account`)
    else res.json({ revoked })
  }
}

/** An agent sees itself, and what it has handed on: not what else its person does. */
async function listFor(list: SessionList, { record, sessionId }: SignedIn): Promise<readonly ListedSession[]> {
  const all = await list.ofUser(record)
  return record.agent === undefined ? all : flat(all).filter(one => one.sessionId === sessionId)
}

async function maySee(list: SessionList, signedIn: SignedIn, sessionId: string): Promise<boolean> {
  return signedIn.record.agent === undefined || flat(await listFor(list, signedIn)).some(one => one.sessionId === sessionId)
}

/** Ends what an agent has handed on. */
async function endBehind({ list, endings }: SessionsDeps, signedIn: SignedIn): Promise<number> {
  const [own] = await listFor(list, signedIn)
  const ended = (own?.children ?? []).map(({ sessionId }) => endings.one(sessionId, 'revoked', signedIn.record))
  return (await Promise.all(ended)).filter(Boolean).length
}

/** A tree of sessions as a list, each before those that were delegated from it. */
export function flat(sessions: readonly ListedSession[]): readonly ListedSession[] {
  return sessions.flatMap(one => [one, ...flat(one.children)])
}

/** Our own page or the person's own program asks, with a session that lives. */
function admitChange(deps: Pick<SessionsDeps, 'refuseForeign' | 'proofs'>, req: Request, res: Response): SignedIn {
  const exchange = exchangeOf(res)
  const { origin } = exchange.target
  if (!isHeld(req)) deps.refuseForeign(req, exchange, isOwnForm(req, deps.proofs, liveSession(req, origin)))
  return requireSession(req, origin)
}
