import type { IncomingHttpHeaders } from 'node:http'
import type { GatewayConfig, Origin } from '../config/config.ts'
import { GatewayError } from '../errors.ts'
import { hasFetchMetadata } from '../http/fetch-metadata.ts'

export interface CrossSiteRequest {
  readonly headers: IncomingHttpHeaders
  readonly method: string
  /** Ours that the request came to. What Host says plays no part. */
  readonly origin: Origin
  readonly kind: 'page' | 'api'
  /** A top-level GET navigation. */
  readonly isNavigation: boolean
  /** Whether it carries the token of a form on one of our own pages. */
  readonly isOwnForm?: boolean
}

/**
 * Creates the stage that refuses what another site makes a browser send with our session cookie
 * (contract.md section 8a, docs/decisions/009). For every request with the cookie, reads included.
 *
 * @returns a function that returns for a request that may go on
 * @throws {GatewayError} from that function, `cross_site_refused`; its reason names the header that decided
 */
export function refuseCrossSite(deps: GatewayConfig['csrf']): (request: CrossSiteRequest) => void {
  const allowed = new Set(deps.allowedOrigins)
  const needsHeader = deps.mode === 'header'

  return function checkCrossSite(request) {
    const { headers, isNavigation } = request
    if (isNavigation && request.method === 'GET' && request.kind === 'page') return

    if (hasFetchMetadata(headers)) checkSite(headers, allowed)
    else checkSource(request, allowed)

    if (!needsHeader || isNavigation || headers['x-csrf'] === '1' || request.isOwnForm === true) return
    // EventSource and images cannot send a header; that they come from our own pages the browser vouches for.
    if (request.method === 'GET' && headers['sec-fetch-site'] === 'same-origin') return
    throw refused({ reason: 'header_missing' })
  }
}

/**
 * Creates the same for requests with a handle, which no other site can make a browser send: what is left is a page that
 * has got hold of one. A program names no origin.
 *
 * @throws {GatewayError} from the function that it returns, `cross_site_refused`
 */
export function refuseForeignPage(origins: readonly Origin[], { allowedOrigins }: GatewayConfig['csrf']) {
  const known = new Set([...origins.map(({ href }) => href), ...allowedOrigins])

  return function checkPage({ origin }: IncomingHttpHeaders): void {
    if (origin !== undefined && !known.has(origin)) throw refused({ reason: 'origin' })
  }
}

/** Sec-Fetch-Site is the browser's own word. `same-site` is another host of our domain, which may be anybody's. */
function checkSite(headers: IncomingHttpHeaders, allowed: ReadonlySet<string>): void {
  const site = headers['sec-fetch-site']
  if (site === 'same-origin' || site === 'none') return
  if (site === 'same-site' && headers.origin !== undefined && allowed.has(headers.origin)) return
  throw refused({ reason: 'sec_fetch_site' })
}

/** Without Fetch Metadata: the first of Origin, Referer and X-CSRF that is there decides. */
function checkSource({ headers, origin, isOwnForm }: CrossSiteRequest, allowed: ReadonlySet<string>): void {
  if (headers.origin !== undefined) {
    if (headers.origin === origin.href || allowed.has(headers.origin)) return
    // Our pages send no referrer, so old browsers post their forms with Origin: null.
    if (headers.origin === 'null' && isOwnForm === true) return
    throw refused({ reason: 'origin' })
  }
  if (headers.referer !== undefined) {
    // With the slash: https://app.example.com.evil.test and https://app.example.com@evil.test are others.
    if (headers.referer.startsWith(`${origin.href}/`)) return
    for (const href of allowed) if (headers.referer.startsWith(`${href}/`)) return
    throw refused({ reason: 'referer' })
  }
  if (headers['x-csrf'] !== '1') throw refused({ reason: 'no_proof' })
}

function refused(why: { readonly reason: string }): GatewayError {
  return new GatewayError('cross_site_refused', 'the request does not come from our own origin', why)
}
