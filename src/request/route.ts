import type { RouteRule } from '../config/config.ts'
import { GatewayError } from '../errors.ts'
import type { Target } from '../http/exchange.ts'
import { pathReadings } from '../http/path-readings.ts'

/** What `methods: null` lets through, for Allow; any other name that Node knows passes as well. */
const commonMethods = 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS'

/**
 * Finds the route that a request belongs to: the longest configured path, on segment borders and
 * case-sensitive, that is served on the request's origin.
 *
 * A path that another reading (`%6f` for `o`, `;v=1` taken out) would lead to a different route is refused:
 * the server behind us may know that reading, and then one route's rules would guard another route's content.
 *
 * @throws {GatewayError} `no_route`; `ambiguous_path` for such a path, and for `%2F` where the route refuses it
 */
export function matchRoute(routes: readonly RouteRule[], target: Target): RouteRule {
  const { path } = target
  const route = longestMatch(routes, target, path)
  if (path.includes('%') || path.includes(';')) {
    for (const reading of pathReadings(path) ?? []) {
      if (longestMatch(routes, target, reading) !== route) {
        throw new GatewayError('ambiguous_path', 'the path has a second reading that belongs to another route', { reason: 'route_reading' })
      }
    }
  }
  if (route === undefined) throw new GatewayError('no_route', 'no route has this path on this origin')
  if (target.hasEncodedSlash && route.encodedSlash === 'refuse') {
    throw new GatewayError('ambiguous_path', 'the route takes no encoded slash', { reason: 'encoded_slash' })
  }
  return route
}

/**
 * Lets only the methods pass that the route lists. TRACE and CONNECT never pass: TRACE would show a script
 * what headers we added (RFC 9110 §9.3.8).
 *
 * @throws {GatewayError} `method_not_allowed` with Allow
 */
export function admitMethod(route: RouteRule, method: string): void {
  if (method !== 'TRACE' && method !== 'CONNECT' && (route.methods === null || route.methods.includes(method))) return
  throw new GatewayError('method_not_allowed', 'the route does not take this method', {
    headers: { allow: route.methods?.join(', ') ?? commonMethods },
  })
}

function longestMatch(routes: readonly RouteRule[], target: Target, path: string): RouteRule | undefined {
  let best: RouteRule | undefined
  let bestLength = -1
  for (const route of routes) {
    if (route.path.length > bestLength && isUnder(path, route.path) && isServedOn(route, target.origin.href)) {
      best = route
      bestLength = route.path.length
    }
  }
  return best
}

function isUnder(path: string, prefix: string): boolean {
  if (!path.startsWith(prefix)) return false
  return path.length === prefix.length || prefix.endsWith('/') || path.charCodeAt(prefix.length) === 0x2f
}

function isServedOn(route: RouteRule, originHref: string): boolean {
  for (const origin of route.origins) if (origin.href === originHref) return true
  return false
}
