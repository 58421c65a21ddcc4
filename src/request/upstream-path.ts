import type { RouteRule } from '../config/config.ts'
import type { Target } from '../http/exchange.ts'

/**
 * Creates the function that says what a route's upstream is asked for: path and query byte for byte as they were
 * authorised, and with `stripPrefix` what follows the route's path, which ends where a segment ends.
 */
export function createUpstreamPath({ path: prefix, stripPrefix }: RouteRule): (target: Target) => string {
  const stripped = stripPrefix && prefix !== '/' ? prefix.length : 0

  return function upstreamPath({ path, query }) {
    if (stripped === 0) return query === '' ? path : path + query
    return (path.length === stripped ? '/' : path.slice(stripped)) + query
  }
}
