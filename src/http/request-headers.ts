import type { IncomingHttpHeaders } from 'node:http'
import type { RouteRule } from '../config/config.ts'
import { GatewayError } from '../errors.ts'
import { withoutCookies } from './cookies.ts'
import type { Exchange } from './exchange.ts'
import { assertionHeader, hopByHop, isProxyWord, normaliseName } from './header-names.ts'
import { addIdentityHeaders, type Person } from './identity-headers.ts'

export interface UpstreamRequest {
  readonly rawHeaders: readonly string[]
  readonly headers: IncomingHttpHeaders
  readonly exchange: Exchange
  /** Who it is for; null on a route without a session, or where nobody is signed in. */
  readonly person: Person | null
  /** The value of Authorization; null for none. */
  readonly authorization: string | null
  /** The value of X-Auth-Assertion; null for none. */
  readonly assertion: string | null
  /** Content-Length of the body as it will be sent; null for chunked and for none. */
  readonly contentLength: string | null
}

export interface RequestHeaderDeps {
  readonly isOwnCookie: (name: string) => boolean
  /** Normalised names of every identity header that any route sets: no client says them on any route. */
  readonly identityNames: ReadonlySet<string>
}

/** Our name in Via: the same everywhere, so that it tells nobody a host or version (RFC 9110 §7.6.3). */
const pseudonym = '1.1 sallyport'

/** How often a request may come through gateways before it is taken for a loop. Two in a row is a design. */
const maxPasses = 3

/** Spellings of header names whose fate is remembered, for each route. Clients send a few dozen. */
const maxRemembered = 512

/** What we take from the request ourselves and put back in our own words. */
const rebuilt: ReadonlySet<string> = new Set([
  ...['host', 'content-length', 'expect', 'cookie', 'via', 'traceparent', 'tracestate', 'x-request-id'],
])

/**
 * Creates the builder of a route's request heads: the client's raw header list in, the upstream's out.
 *
 * Dropped: hop-by-hop headers and what Connection names, our cookies, names with an underscore, and every
 * spelling of a header that only a proxy may say (header-names.ts). Then ours are set, once each; that
 * Connection names one of ours changes nothing.
 *
 * @returns a function that throws `upstream_invalid_response` (reason `loop`) for a request that came through us before
 */
export function createUpstreamHeaders(route: RouteRule, deps: RequestHeaderDeps): (request: UpstreamRequest) => string[] {
  const setHeaders = Object.entries(route.setHeaders).flat()
  const setNames = new Set(Object.keys(route.setHeaders).map(normaliseName))
  const identityHeaders = Object.entries(route.identityHeaders).flat()
  const prefix = route.stripPrefix && route.path !== '/' ? route.path : null
  const origins = new Map(route.origins.map(origin => [origin.href, describeOrigin(origin)]))
  const remembered = new Map<string, boolean>()

  function passes(name: string): boolean {
    let does = remembered.get(name)
    if (does === undefined) {
      const normalised = normaliseName(name)
      const isOurs = rebuilt.has(normalised) || deps.identityNames.has(normalised) || setNames.has(normalised)
      does = !name.includes('_') && !isOurs && !hopByHop.has(normalised) && !isProxyWord(normalised)
      if (remembered.size >= maxRemembered) remembered.clear()
      remembered.set(name, does)
    }
    return does
  }

  return function buildUpstreamHeaders({ rawHeaders, headers, exchange, person, authorization, assertion, contentLength }) {
    const list: string[] = []
    const nominated = nominatedBy(headers.connection)
    for (let i = 0; i < rawHeaders.length; i += 2) {
      const name = rawHeaders[i] ?? ''
      if (passes(name) && (nominated === null || !nominated.has(name.toLowerCase()))) list.push(name, rawHeaders[i + 1] ?? '')
    }
    if (headers.cookie !== undefined && nominated?.has('cookie') !== true) {
      const cookies = withoutCookies(headers.cookie, deps.isOwnCookie)
      if (cookies !== '') list.push('cookie', cookies)
    }
    if (exchange.trace !== null) {
      list.push('traceparent', exchange.trace.traceparent)
      if (exchange.trace.tracestate !== '') list.push('tracestate', exchange.trace.tracestate)
    } else if (typeof headers.traceparent === 'string' && isTraceparent(headers.traceparent)) {
      list.push('traceparent', headers.traceparent)
      if (typeof headers.tracestate === 'string') list.push('tracestate', headers.tracestate)
    }

    if (route.preserveHost) list.push('host', exchange.target.origin.authority)
    if (contentLength !== null) list.push('content-length', contentLength)
    if (authorization !== null) list.push('authorization', authorization)
    if (assertion !== null) list.push(assertionHeader, assertion)
    if (person !== null && identityHeaders.length > 0) addIdentityHeaders(list, identityHeaders, person)
    const origin = origins.get(exchange.target.origin.href) ?? describeOrigin(exchange.target.origin)
    list.push('forwarded', `for=${forwardedNode(exchange.clientAddress)}${origin.forwarded}`, 'x-forwarded-for', exchange.clientAddress)
    list.push('x-forwarded-host', origin.host, 'x-forwarded-proto', origin.proto)
    if (prefix !== null) list.push('x-forwarded-prefix', prefix)
    list.push('via', headers.via === undefined ? pseudonym : appendVia(headers.via), 'x-request-id', exchange.requestId)
    for (const part of setHeaders) list.push(part)
    return list
  }
}

function describeOrigin({ authority, isSecure }: Exchange['target']['origin']) {
  const proto = isSecure ? 'https' : 'http'
  return { host: authority, proto, forwarded: `;host="${authority}";proto=${proto}` }
}

/** RFC 7239 §6: an IPv6 address stands in brackets and quotes. */
function forwardedNode(address: string): string {
  if (address === '') return 'unknown'
  return address.includes(':') ? `"[${address}]"` : address
}

/** Nearly every Connection header is one of the two words that name no other. */
function nominatedBy(connection: string | undefined): ReadonlySet<string> | null {
  if (connection === undefined || connection === 'keep-alive' || connection === 'close') return null
  return new Set(connection.split(',').map(name => name.trim().toLowerCase()))
}

function appendVia(via: string): string {
  if (via.split('sallyport').length > maxPasses) {
    throw new GatewayError('upstream_invalid_response', 'the request came through this gateway before', { reason: 'loop' })
  }
  return `${via}, ${pseudonym}`
}

/** W3C Trace Context §3.2, version 00; all zeros mean nothing. */
function isTraceparent(value: string): boolean {
  return /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/.test(value)
}
