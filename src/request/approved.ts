import type { RouteRule } from '../config/config.ts'
import { GatewayError } from '../errors.ts'
import { covers } from '../http/call-pattern.ts'
import type { Exchange } from '../http/exchange.ts'
import { handleChallenge } from '../http/handle-challenge.ts'
import type { SessionRecord, SignedIn } from '../session/session.ts'

/** What a request asks for. */
export type Call = Pick<Exchange, 'method' | 'target'>

/**
 * Holds a native client to what the person has approved, which is less than what they may do themselves: the scopes, the
 * places, and never a page; and an agent to the calls that
 * were handed on to it.
 *
 * @throws {GatewayError} `insufficient_scope`, which names all scopes of the route: one further sign-in is enough
 */
export function requireApproved(route: RouteRule, { record }: SignedIn, call: Call): void {
  const why = whyNot(route, record, call)
  if (why === null) return
  const needed = { error: 'insufficient_scope', scopes: route.require.scopes } as const
  throw new GatewayError('insufficient_scope', 'the handle was not approved for this', {
    ...why,
    headers: { 'www-authenticate': handleChallenge(call.target.origin.href, route, needed) },
  })
}

function whyNot(route: RouteRule, record: SessionRecord, call: Call): { readonly reason: string } | null {
  if (route.kind === 'page') return { reason: 'browser_route' }
  const resources = record.client?.resources ?? null
  if (resources !== null && !resources.some(resource => isAt(route, call, resource))) return { reason: 'other_resource' }
  if (!route.require.scopes.every(scope => record.scopes.includes(scope))) return { reason: 'scope_not_approved' }
  const routes = record.agent?.routes ?? null
  return routes === null || routes.some(pattern => covers(pattern, `${call.method} ${call.target.path}`))
    ? null
    : { reason: 'route_not_delegated' }
}

/**
 * A route may be served on several origins; what counts is the one that was asked.
 *
 * @param resource an origin, or one with the path of a route
 */
function isAt({ path }: RouteRule, { target }: Call, resource: string): boolean {
  const { href } = target.origin
  return resource === href || resource === href + path
}
