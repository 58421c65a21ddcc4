import type { RouteRule } from '../config/config.ts'
import { isStorable, privateCacheControl } from './cache-control.ts'
import type { Exchange } from './exchange.ts'
import { hopByHop } from './header-names.ts'
import { createLocationRewrite } from './location.ts'
import { isStrongHsts, strictTransportSecurity } from './security-headers.ts'

/** An upstream's header fields: lower-case names, a list where a name has several lines. */
export type UpstreamFields = Readonly<Record<string, string | string[] | undefined>>

export interface UpstreamResponse {
  readonly status: number
  readonly fields: UpstreamFields
  readonly exchange: Exchange
  /** CORS headers for this request, as name, value, …; empty for all but allowed origins. */
  readonly cors: readonly string[]
}

export interface ResponseHeaderDeps {
  readonly isOwnCookie: (name: string) => boolean
  /** Whether any origin may read answers across origins: then answers differ by Origin. */
  readonly hasAllowedOrigins: boolean
}

/** A route's answer's head: name, value, …. */
export type ClientHeaders = (response: UpstreamResponse) => string[]

/** What an upstream may not say to a browser in our name. docs/proxying.md says why, one by one. */
const dropped: ReadonlySet<string> = new Set([
  ...hopByHop,
  ...['server', 'x-powered-by', 'x-aspnet-version', 'x-aspnetmvc-version'],
  ...['alt-svc', 'clear-site-data', 'service-worker-allowed', 'refresh'],
  ...['sallyport-error', 'x-request-id', 'x-content-type-options'],
])

/** RFC 9213: words for particular caches, which would outweigh Cache-Control there. */
const targetedCacheControl: ReadonlySet<string> = new Set([
  ...['cdn-cache-control', 'cloudflare-cdn-cache-control', 'surrogate-control', 'edge-control', 'x-accel-expires'],
])

/**
 * Creates the filter of a route's answers: the upstream's header fields in, a raw header list for the
 * client out. On a route that reads the session nothing stays in a shared cache.
 */
export function createClientHeaders(route: RouteRule, deps: ResponseHeaderDeps): ClientHeaders {
  const readsSession = route.access !== 'anyone'
  const rewriteLocation = createLocationRewrite(route)
  const varyBySession = deps.hasAllowedOrigins ? 'Cookie, Sec-Fetch-Site, Origin' : 'Cookie, Sec-Fetch-Site'

  return function buildClientHeaders({ status, fields, exchange, cors }) {
    const list: string[] = []
    const nominated = nominatedBy(fields.connection)
    let cacheControl: string | undefined
    let hasStrongHsts = false
    for (const name in fields) {
      const value = fields[name]
      if (value === undefined || dropped.has(name) || name.startsWith('access-control-') || nominated?.has(name) === true) continue
      if (name === 'set-cookie') addCookies(list, value, deps.isOwnCookie)
      else if (name === 'cache-control') cacheControl = typeof value === 'string' ? value : value.join(', ')
      else if (name === 'location' || name === 'content-location') add(list, name, rewriteLocation(value, exchange.target.origin))
      else if (name === 'strict-transport-security') hasStrongHsts = addHsts(list, value, exchange.target.origin.isSecure)
      else if (name === 'content-length' && (status === 204 || status === 101)) continue
      else if (readsSession && targetedCacheControl.has(name)) continue
      else add(list, name, value)
    }

    if (readsSession) cacheControl = privateCacheControl(cacheControl)
    if (cacheControl !== undefined) list.push('cache-control', cacheControl)
    if (readsSession && cacheControl !== undefined && isStorable(cacheControl)) list.push('vary', varyBySession)
    else if (deps.hasAllowedOrigins) list.push('vary', 'Origin')
    if (exchange.target.origin.isSecure && !hasStrongHsts) list.push('strict-transport-security', strictTransportSecurity)
    list.push('x-content-type-options', 'nosniff', 'x-request-id', exchange.requestId)
    for (const part of cors) list.push(part)
    return list
  }
}

/** Trailer fields that may pass: what the head filter passes, without what RFC 9110 §6.5.1 keeps out of trailers. */
export function clientTrailers(fields: UpstreamFields, isOwnCookie: (name: string) => boolean): Record<string, string | string[]> {
  const passed: Record<string, string | string[]> = {}
  for (const name in fields) {
    const value = fields[name]
    const isControl = /^(access-control-|content-|set-cookie|cache-control|vary|location|www-authenticate|strict-transport-security)/.test(
      name,
    )
    if (value !== undefined && !isControl && !dropped.has(name) && !isOwnCookie(name)) passed[name] = value
  }
  return passed
}

function add(list: string[], name: string, value: string | string[]): void {
  if (typeof value === 'string') list.push(name, value)
  else for (const line of value) list.push(name, line)
}

function addCookies(list: string[], value: string | string[], isOwnCookie: (name: string) => boolean): void {
  if (typeof value === 'string') {
    if (mayPass(value, isOwnCookie)) list.push('set-cookie', value)
  } else for (const line of value) if (mayPass(line, isOwnCookie)) list.push('set-cookie', line)
}

/**
 * An upstream's cookie passes unless it is one of ours, has no name (some browsers read such a value as
 * name and value), or carries Domain, which would hand it to every sibling host.
 */
function mayPass(cookie: string, isOwnCookie: (name: string) => boolean): boolean {
  const [pair = '', ...attributes] = cookie.split(';')
  const equals = pair.indexOf('=')
  const name = pair.slice(0, equals).trim()
  if (equals === -1 || name === '' || isOwnCookie(name)) return false
  return !attributes.some(attribute => (attribute.split('=', 1)[0] ?? '').trim().toLowerCase() === 'domain')
}

/** An upstream's own HSTS stays when it is at least as strong as ours; `max-age=0` would switch it off for the whole host. */
function addHsts(list: string[], value: string | string[], isSecure: boolean): boolean {
  if (!isSecure || typeof value !== 'string' || !isStrongHsts(value)) return false
  list.push('strict-transport-security', value)
  return true
}

function nominatedBy(connection: string | string[] | undefined): ReadonlySet<string> | null {
  if (connection === undefined || connection === 'keep-alive' || connection === 'close') return null
  return new Set(
    String(connection)
      .split(',')
      .map(name => name.trim().toLowerCase()),
  )
}
