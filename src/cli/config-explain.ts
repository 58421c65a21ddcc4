import { parseArgs } from 'node:util'
import type { Origin, RouteRule, Upstream } from '../config/config.ts'
import { loadConfig } from '../config/load.ts'
import { assertionKeysPath } from '../config/own-paths.ts'
import { configFiles, configOption } from './config-files.ts'
import { type Explanation, explain, type Forwarding, nameOfToken } from './explanation.ts'
import { printJson, type Terminal, UsageError } from './terminal.ts'

/** `sallyport config explain METHOD PATH`: 0 also for a request that would be refused, which is what was asked. */
export function explainRequest(args: readonly string[], terminal: Terminal): number {
  const { values, positionals } = parseArgs({
    args: [...args],
    options: { ...configOption, origin: { type: 'string' }, json: { type: 'boolean', default: false } },
    allowPositionals: true,
  })
  const [method, target, ...more] = positionals
  if (method === undefined || target === undefined || more.length > 0) {
    throw new UsageError('which request? sallyport config explain METHOD PATH, such as GET /api/orders')
  }
  const config = loadConfig(configFiles(values.config, terminal.env), terminal.env)
  const request = { method: method.toUpperCase(), target, origin: findOrigin(config.origins, values.origin) }

  const explanation = explain(config, request)
  if (values.json) printJson(terminal, { method: request.method, target, origin: request.origin.href, ...withoutValues(explanation) })
  else terminal.print([terminal.strong(`${request.method} ${target} on ${request.origin.href}`), ...describe(explanation)].join('\n'))
  return 0
}

function findOrigin(origins: readonly [Origin, ...Origin[]], wanted: string | undefined): Origin {
  const found = wanted === undefined ? origins[0] : origins.find(origin => origin.href === wanted)
  if (found === undefined) throw new UsageError(`--origin is one of ${origins.map(origin => origin.href).join(', ')}`)
  return found
}

/** A fixed header may hold a secret, and our certificate's key is one: what stands there is not shown. */
function withoutValues(explanation: Explanation) {
  if (explanation.outcome !== 'forwarded') return explanation
  const { setHeaders, origins, upstream, ...route } = explanation.route
  const shown = { origins: origins.map(origin => origin.href), setHeaders: Object.keys(setHeaders), upstream: withoutKeys(upstream) }
  return { ...explanation, route: { ...route, ...shown } }
}

function withoutKeys(upstream: Upstream) {
  if (upstream.kind !== 'servers') return upstream
  const { kind, addresses, tls } = upstream
  return { kind, addresses: addresses.map(address => address.name), tls: Object.keys(tls) }
}

function describe(explanation: Explanation): string[] {
  if (explanation.outcome === 'refused') {
    const { status, code, reason, title } = explanation
    return row('refused', [`${status} ${code}${reason === null ? '' : ` (${reason})`}: ${title}`])
  }
  if (explanation.outcome === 'own_endpoint') {
    const { path, base } = explanation
    const isKeys = path === assertionKeysPath
    return row('answered by', [isKeys ? 'the gateway, with the keys of X-Auth-Assertion' : `the gateway's own endpoints under ${base}`])
  }
  const { route } = explanation
  return [
    ...row('route', [`routes[${explanation.position}] ${route.path} (${route.kind})`]),
    ...row('access', [`${route.access}: ${describeAccess(explanation)}`]),
    ...row('needs', describeDemands(route.require)),
    ...row('cross-site', explanation.crossSite),
    ...row('token', [describeToken(route.token)]),
    ...row('sets', explanation.headersSet),
    ...(route.upstream.kind === 'none' ? describeAsked(explanation) : describeForwarding(explanation)),
  ]
}

/** A proxy serves it: how it reaches the application is its own. */
function describeAsked({ route }: Forwarding): string[] {
  return [
    ...row('limits', describeLimits(route)),
    ...row('upstream', ['none: a proxy asks by forward-auth and serves it; on the public port there is nothing (404 no_route)']),
  ]
}

function describeForwarding({ route, headersDropped, urls }: Forwarding): string[] {
  return [
    ...row('drops', headersDropped),
    ...row('waits', describeTimeouts(route)),
    ...row('limits', [`body ${route.limits.bodyBytes} bytes`, ...describeLimits(route)]),
    ...row(route.upstream.kind === 'files' ? 'file' : 'upstream', urls),
  ]
}

const whose = {
  caller: 'session, or address where there is none',
  session: 'session',
  user: 'user',
  address: 'address',
  route: 'route, from everybody',
} as const

function describeLimits({ encodedSlash, limits: { perMinute } }: RouteRule): string[] {
  const names = Object.keys(whose) as (keyof typeof whose)[]
  const rates =
    perMinute === null ? [] : names.flatMap(name => (perMinute[name] === null ? [] : `${perMinute[name]} a minute for each ${whose[name]}`))
  return [...rates, `an encoded slash ${encodedSlash === 'pass' ? 'passes' : 'is refused'}`]
}

/** One label, its lines beside it. */
function row(label: string, lines: readonly string[]): string[] {
  return lines.map((line, i) => `  ${(i === 0 ? label : '').padEnd(12)}${line}`)
}

function describeAccess({ route, withoutSession }: Forwarding): string {
  if (route.access === 'anyone') return 'the session is never read'
  if (withoutSession === 'forwarded') return 'a session is used where there is one'
  return withoutSession === 'sign_in'
    ? 'without a session, navigations are sent to sign in, all else is answered 401'
    : 'without a session 401 not_signed_in'
}

function describeDemands(require: RouteRule['require']): string[] {
  const demands = [
    ...(require.scopes.length > 0 ? [`scopes ${require.scopes.join(' and ')}, else 403 insufficient_scope`] : []),
    ...Object.entries(require.claims).map(([name, values]) => `claim ${name}: ${values.join(' or ')}, else 403 claim_missing`),
    ...(require.acr.length > 0 ? [`acr ${require.acr.join(' or ')}, else 401 step_up_required`] : []),
    ...(require.maxAgeMs === undefined ? [] : [`a sign-in at most ${duration(require.maxAgeMs)} ago, else 401 step_up_required`]),
  ]
  return demands.length > 0 ? demands : ['nothing more']
}

function describeTimeouts({ upstream, timeouts }: RouteRule): string[] {
  if (upstream.kind === 'files') return []
  const { connectMs, headersMs, idleMs } = timeouts
  return [`connect ${duration(connectMs)}, headers ${duration(headersMs)}, idle ${duration(idleMs)}`]
}

/** As the configuration would write it. */
function describeToken(token: RouteRule['token']): string {
  if (token === null) return 'none'
  return token.kind === 'passthrough' ? nameOfToken(token) : `${nameOfToken(token)}, renewed before it runs out`
}

function duration(ms: number): string {
  for (const [unit, length] of [
    ['d', 86_400_000],
    ['h', 3_600_000],
    ['m', 60_000],
    ['s', 1000],
  ] as const) {
    if (ms >= length && ms % length === 0) return `${ms / length}${unit}`
  }
  return `${ms}ms`
}
