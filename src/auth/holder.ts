import type { Request, RequestHandler } from 'express'
import { GatewayError } from '../errors.ts'
import { handleChallenge } from '../http/handle-challenge.ts'
import { subjectOf } from '../session/subject.ts'
import type { EndpointStages } from './endpoints.ts'
import { visitOf } from './respond.ts'

/** What a native client needs to see and end the sessions of its person (contract.md section 3). */
const sessionsScope = 'sessions'

export interface HolderDeps {
  /** Reads the session behind the cookie. */
  readonly readSession: RequestHandler
  readonly readHeld: EndpointStages['readHeld']
}

/**
 * Creates what runs before the endpoints that native clients may ask as well: a handle counts in place of the cookie,
 * and never beside it.
 *
 * @returns a function from the scope that a handle must have to the handler; null for none
 */
export function createHolderReader({ readSession, readHeld }: HolderDeps): (scope: typeof sessionsScope | null) => RequestHandler {
  return scope =>
    async function readHolder(req, res, next) {
      const { exchange, trail } = visitOf(res)
      const signedIn = await readHeld(req, exchange)
      if (signedIn === null) return readSession(req, res, next)
      trail.subject = subjectOf(signedIn)
      if (scope !== null && !signedIn.record.scopes.includes(scope)) {
        throw new GatewayError('insufficient_scope', 'the handle was not approved for sessions', {
          reason: 'scope_not_approved',
          headers: {
            'www-authenticate': handleChallenge(exchange.target.origin.href, null, { error: 'insufficient_scope', scopes: [scope] }),
          },
        })
      }
      // As express-session would leave it, which does not run: there is no cookie to keep.
      Object.assign(req, { session: { signedIn } })
      next()
    }
}

/** Whether it is a handle that the request comes with: no other site can have sent it. */
export function isHeld(req: Request): boolean {
  const kind = req.session.signedIn?.record.kind ?? 'browser'
  return kind !== 'browser'
}
