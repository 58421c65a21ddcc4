import type { Response } from 'express'
import type { Exchange, Target } from '../http/exchange.ts'
import type { Trail } from '../ops/trail.ts'

/** What the gateway knows of a request before it comes to an endpoint: in `res.locals`, where Express keeps such things. */
export interface Visit {
  readonly exchange: Exchange
  readonly trail: Trail
  /** Where to begin anew when this fails: a sign-in that is used up, to which the same address leads no more. Null where a sign-in in the browser is of no use. */
  readonly signInPath?: string | null
}

export function visitOf(res: Response): Visit {
  return res.locals as Visit & Response['locals']
}

/** Adds to what is known of a request, for those who come after. */
export function noteVisit(res: Response, more: Partial<Visit>): void {
  Object.assign(res.locals, more)
}

export function exchangeOf(res: Response): Exchange {
  return visitOf(res).exchange
}

/** What stands after the last slash, as received: Express would decode it, and then several spellings name one thing. */
export function lastSegment(target: Target): string {
  return target.path.slice(target.path.lastIndexOf('/') + 1)
}

/** Answers with a page. */
export function sendPage(res: Response, page: string): void {
  res.status(200).type('html').send(page)
}

/**
 * Sends the browser elsewhere with a GET, never with the form it may have posted (RFC 9700 §4.12). Express's own
 * `redirect` would write the address into a body as well.
 */
export function redirect(res: Response, status: 302 | 303, location: string): void {
  res.status(status).set('location', location).end()
}
