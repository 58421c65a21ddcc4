import type { Request } from 'express'
import { GatewayError } from '../errors.ts'

/**
 * Lets through only what a form on a page of the authorization server's own posts. Stricter than for other forms of ours:
 * no configuration lets another origin in here.
 *
 * @param origin its own
 * @throws {GatewayError} `cross_site_refused`
 */
export function requireOwnForm(req: Request, origin: string): void {
  const { 'sec-fetch-site': site, origin: source } = req.headers
  if (site !== undefined && site !== 'same-origin') throw foreign({ reason: 'sec_fetch_site' })
  // Our pages send no referrer, and then browsers may say null.
  if (source !== undefined && source !== origin && source !== 'null') throw foreign({ reason: 'origin' })
}

export function foreign(why: { readonly reason: string }): GatewayError {
  return new GatewayError('cross_site_refused', 'a form comes from elsewhere than our own page', why)
}
