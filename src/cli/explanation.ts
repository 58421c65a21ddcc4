import type { GatewayConfig, Origin, RouteRule, RouteToken } from '../config/config.ts'
import { createOwnPathTest } from '../config/own-paths.ts'
import { describeError, GatewayError } from '../errors.ts'
import { canonicalPath } from '../http/canonical-path.ts'
import type { Target } from '../http/exchange.ts'
import { admitMethod, matchRoute } from '../request/route.ts'
import { createUpstreamPath } from '../request/upstream-path.ts'

/** What the gateway would do with a request, found by its own stages and without sending anything. */
export type Explanation = Refusal | OwnEndpoint | Forwarding

export interface Refusal {
  readonly outcome: 'refused'
  readonly status: number
  readonly code: string
  readonly reason: string | null
  readonly title: string
}

export interface OwnEndpoint {
  readonly outcome: 'own_endpoint'
  readonly base: string
  /** As it was asked for: under the base, or the address of the assertion keys. */
  readonly path: string
}

export interface Forwarding {
  readonly outcome: 'forwarded'
  /** Its place in the list of the configuration, from 0. */
  readonly position: number
  readonly route: RouteRule
  /** What is asked of the upstream, by each of its addresses; or the file that is served. None on a route that a proxy serves. */
  readonly urls: readonly string[]
  /** What a request without a session gets. */
  readonly withoutSession: 'forwarded' | 'sign_in' | 'not_signed_in'
  readonly crossSite: readonly string[]
  readonly headersSet: readonly string[]
  readonly headersDropped: readonly string[]
}

export interface ExplainedRequest {
  readonly method: string
  /** Path and query, as in a request line. */
  readonly target: string
  readonly origin: Origin
}

/** Runs a request through those stages that need nobody's session. */
export function explain(config: GatewayConfig, request: ExplainedRequest): Explanation {
  try {
    const target = { ...canonicalPath(request.target), origin: request.origin }
    const { base } = config.paths
    if (createOwnPathTest(base)(target.path)) return { outcome: 'own_endpoint', base, path: target.path }

    const route = matchRoute(config.routes, target)
    admitMethod(route, request.method)
    return {
      outcome: 'forwarded',
      position: config.routes.indexOf(route),
      route,
      urls: urlsOf(route, target),
      withoutSession: withoutSession(route, request.method),
      crossSite: crossSiteRules(config.csrf, route),
      headersSet: headersSet(route),
      headersDropped: route.upstream.kind === 'files' ? [] : headersDropped(config),
    }
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error
    const { status, title } = describeError(error.code)
    return { outcome: 'refused', status, code: error.code, reason: error.reason ?? null, title }
  }
}

function urlsOf(route: RouteRule, target: Target): string[] {
  const { upstream } = route
  const path = createUpstreamPath(route)(upstream.kind === 'files' ? { ...target, query: '' } : target)
  if (upstream.kind === 'files') return [upstream.folder + path]
  if (upstream.kind === 'none') return []
  return upstream.addresses.map(({ name, socketPath }) => (socketPath === null ? name + path : `${name}:${path}`))
}

function withoutSession(route: RouteRule, method: string): Forwarding['withoutSession'] {
  if (route.access !== 'signed-in') return 'forwarded'
  return route.kind === 'page' && method === 'GET' ? 'sign_in' : 'not_signed_in'
}

/** Contract.md section 8a, as it applies to this route. */
function crossSiteRules({ mode, allowedOrigins }: GatewayConfig['csrf'], route: RouteRule): string[] {
  if (route.access === 'anyone') return ['not checked: the session is never read']
  const sameSite = allowedOrigins.length === 0 ? '' : `, or same-site from ${allowedOrigins.join(' ')}`
  return [
    ...(route.kind === 'page' ? ['top-level GET navigations pass'] : []),
    `with our session cookie, Sec-Fetch-Site must be same-origin or none${sameSite}`,
    'without Sec-Fetch headers: our Origin, else Referer, else X-CSRF: 1',
    ...(mode === 'header' ? ['and X-CSRF: 1 with everything but navigations and same-origin GETs'] : []),
  ]
}

/** Names alone: a fixed value may be a secret. */
function headersSet(route: RouteRule): string[] {
  if (route.upstream.kind === 'files') return []
  const ofPerson = [
    ...(route.token === null
      ? []
      : [`Authorization${route.token.kind === 'passthrough' ? '' : ': Bearer'}, with ${nameOfToken(route.token)}`]),
    ...Object.entries(route.identityHeaders).map(([name, claim]) => `${name}, from the claim ${claim}`),
    ...(route.assertion === null ? [] : [`X-Auth-Assertion, who is signed in, signed for ${route.assertion.audience}`]),
  ]
  if (route.upstream.kind === 'none') return [...ofPerson, 'Cookie, without ours']
  return [
    ...ofPerson,
    ...Object.keys(route.setHeaders).map(name => `${name}, fixed`),
    `Host, ${route.preserveHost ? 'as browsers see it' : "the upstream's"}`,
    'Forwarded, X-Forwarded-For, X-Forwarded-Host, X-Forwarded-Proto, Via, X-Request-Id',
    ...(route.stripPrefix && route.path !== '/' ? [`X-Forwarded-Prefix: ${route.path}`] : []),
  ]
}

/** What a route attaches, in words. */
export function nameOfToken(token: RouteToken): string {
  const scopes = 'scopes' in token && token.scopes.length > 0 ? ` with ${token.scopes.join(' ')}` : ''
  switch (token.kind) {
    case 'passthrough':
      return 'what the client sends, unchanged'
    case 'access':
      return 'the access token'
    case 'id_token':
      return 'the ID token'
    case 'audience':
      return `an access token for ${token.audience}${scopes}`
    case 'exchange':
      return `an access token for ${[token.audience, token.resource].filter(name => name !== null).join(' ')}${scopes}, in exchange for the session's own`
    case 'client':
      return `the gateway's own token from ${token.provider} for ${token.audience}${scopes}`
  }
}

function headersDropped(config: GatewayConfig): string[] {
  const identity = new Set(config.routes.flatMap(route => Object.keys(route.identityHeaders)))
  return [
    'Authorization, our cookies, hop-by-hop headers and what Connection names, names with _',
    'Forwarded, X-Forwarded-*, and what else only a proxy may say',
    ...(identity.size === 0 ? [] : [`every spelling of ${[...identity].join(', ')}`]),
  ]
}
