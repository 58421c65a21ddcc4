import type { IncomingMessage } from 'node:http'
import { GatewayError } from '../errors.ts'
import { hasFetchMetadata, isFormNavigation, isNavigation, isPrefetch } from '../http/fetch-metadata.ts'

/**
 * Lets only a top-level navigation through, by link or by form: not fetch, XHR, an image or a frame (FLOW-16), and no prefetch, which
 * nobody asked for and which would spend what the real visit needs.
 *
 * Old browsers, and programs, send no Fetch Metadata; they are let in.
 *
 * @throws {GatewayError} `navigation_required` (`prefetch`, `not_a_navigation`)
 */
export function requireNavigation(req: IncomingMessage): void {
  if (isPrefetch(req)) throw new GatewayError('navigation_required', 'a prefetch', { reason: 'prefetch' })
  if (hasFetchMetadata(req.headers) && !isNavigation(req) && !isFormNavigation(req)) {
    throw new GatewayError('navigation_required', 'not a top-level navigation', { reason: 'not_a_navigation' })
  }
}

/** Whether another site sent the browser here; the Strict cookie is not sent then. */
export function isFromOtherSite(req: IncomingMessage): boolean {
  return req.headers['sec-fetch-site'] === 'cross-site'
}

/**
 * Lets through only what our own page, or the person, began: a sign-in that somebody else's page finishes in this
 * browser would be somebody else's (login CSRF).
 *
 * @throws {GatewayError} `cross_site_refused` (`foreign_hand_off`)
 */
export function requireOwnPage(req: IncomingMessage): void {
  const site = req.headers['sec-fetch-site'] ?? 'none'
  if (site === 'same-origin' || site === 'none') return
  throw new GatewayError('cross_site_refused', 'a sign-in is finished from another origin', { reason: 'foreign_hand_off' })
}
