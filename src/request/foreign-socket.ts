import type { IncomingHttpHeaders } from 'node:http'
import type { Origin } from '../config/config.ts'
import { GatewayError } from '../errors.ts'

export interface SocketRequest {
  readonly headers: IncomingHttpHeaders
  /** Ours that the request came to. */
  readonly origin: Origin
  /** The route's `websocket.origins`. */
  readonly allowed: readonly string[]
  /** Whether our session cookie is there, valid or not. */
  readonly hasCookie: boolean
}

/**
 * Refuses a socket that another site opens: no same-origin policy keeps what comes through it from its pages. Browsers
 * name the page's origin in every handshake, and no script can change it (RFC 6455 §10.2); so Origin alone decides, on
 * every route, also where it is the upstream's own cookies that would be abused. Who names none is no browser, and may
 * not use a browser's session.
 *
 * @throws {GatewayError} `cross_site_refused`
 */
export function refuseForeignSocket({ headers, origin, allowed, hasCookie }: SocketRequest): void {
  const from = headers.origin
  if (from === undefined && hasCookie) throw refused({ reason: 'no_proof' })
  if (from === undefined || from === origin.href || allowed.includes(from)) return
  throw refused({ reason: 'origin' })
}

function refused(why: { readonly reason: string }): GatewayError {
  return new GatewayError('cross_site_refused', 'the socket is not opened by a page of ours', why)
}
