import { buildStore } from './build-store.ts'
import { buildUpstream } from './build-upstream.ts'
import type { ClientAuths } from './client-auth.ts'
import type {
  AdminToken,
  AssertionKey,
  ClientAuth,
  GatewayConfig,
  Origin,
  ProviderConfig,
  RequestRates,
  RouteRule,
  RouteToken,
  SealingKey,
  SessionConfig,
  Upstream,
} from './config.ts'
import type { Folders } from './folders.ts'
import { defaultListenHost } from './hosts.ts'
import type { NativeConfig } from './native-config.ts'
import { ownToken } from './own-token.ts'
import type { ConfigOptions } from './schema.ts'
import type { NativeOptions } from './schema-native.ts'
import type { ProviderOptions } from './schema-provider.ts'
import type { RouteOptions } from './schema-routes.ts'
import type { TokenOptions } from './schema-token.ts'

/** Turns options that passed every check into what the program reads. */
export function buildConfig(
  options: ConfigOptions,
  read: {
    readonly sealingKeys: readonly SealingKey[]
    readonly clientAuths: ClientAuths
    readonly adminTokens: readonly AdminToken[]
    readonly assertionKeys: readonly AssertionKey[]
    readonly folders: Folders
  },
): GatewayConfig {
  const { listen, session, admin } = options
  const { sealingKeys, clientAuths, adminTokens, assertionKeys, folders } = read
  const origins = options.origins.map(buildOrigin)
  const native = options.native && buildNative(options.native, atLeastOne(origins)[0])
  return {
    origins: atLeastOne(origins),
    servedOrigins: native?.hasOwnOrigin ? [...origins, native.origin] : origins,
    listen: {
      host: listen.host ?? defaultListenHost(session.cookie),
      port: listen.port,
      trustedProxies: listen.trustedProxies,
      maxConnections: listen.maxConnections,
      ...(listen.tls && { tls: { cert: Buffer.from(listen.tls.cert), key: Buffer.from(listen.tls.key) } }),
    },
    ...(admin && { admin: { host: admin.host, port: admin.port, tokens: adminTokens } }),
    ...(options.probes && { probes: options.probes }),
    ...(options.forwardAuth && { forwardAuth: options.forwardAuth }),
    paths: options.paths,
    identityProviders: Object.entries(options.identityProviders).map(([id, provider]) =>
      buildProvider(id, provider, existing(clientAuths.get(id))),
    ),
    session: buildSession(session, sealingKeys),
    assertionKeys,
    csrf: options.csrf,
    logout: defined(options.logout),
    pages: defined(options.pages),
    routes: options.routes.map((route, i) => buildRoute(route, origins, buildUpstream(route.upstream, folders.get(i)))),
    ...(native && { native }),
    audit: options.audit,
    telemetry: options.telemetry,
    log: options.log,
  }
}

function buildOrigin(href: string): Origin {
  const { host, protocol } = new URL(href)
  return { href, authority: host, isSecure: protocol === 'https:' }
}

function buildNative({ origin, idleTimeout, absoluteTimeout, clients, clientIdMetadata }: NativeOptions, first: Origin): NativeConfig {
  return {
    origin: origin === undefined ? first : buildOrigin(origin),
    hasOwnOrigin: origin !== undefined,
    idleTimeoutMs: idleTimeout,
    absoluteTimeoutMs: absoluteTimeout,
    clients: Object.entries(clients).map(([id, client]) => ({ id, ...client })),
    ...(clientIdMetadata && { clientIdMetadata }),
  }
}

function buildProvider(id: string, options: ProviderOptions, clientAuth: ClientAuth): ProviderConfig {
  const { label = id, allow, claims, connectTo, timeout, clockTolerance, tls, ...rest } = options
  return {
    ...rest,
    id,
    label,
    clientAuth,
    ...(connectTo !== undefined && { connectTo }),
    ...(tls && { tls: buildTls(tls) }),
    allow: allow === 'everyone' ? allow : buildAllowRules(allow),
    claims: Object.fromEntries(Object.entries(claims).map(([name, { from, path = [name] }]) => [name, { from, path }])),
    timeoutMs: timeout,
    clockToleranceMs: clockTolerance,
  }
}

function buildTls({ ca, cert, key }: NonNullable<ProviderOptions['tls']>): NonNullable<ProviderConfig['tls']> {
  return {
    ...(ca !== undefined && { ca: Buffer.from(ca) }),
    ...(cert !== undefined && { cert: Buffer.from(cert) }),
    ...(key !== undefined && { key: Buffer.from(key) }),
  }
}

function buildAllowRules({
  emailDomains,
  emails,
  claims,
}: Exclude<ProviderOptions['allow'], 'everyone'>): Exclude<ProviderConfig['allow'], 'everyone'> {
  return {
    ...(emailDomains && { emailDomains: emailDomains.map(domain => domain.toLowerCase()) }),
    ...(emails && { emails: emails.map(email => email.toLowerCase()) }),
    ...(claims && { claims }),
  }
}

function buildSession(options: ConfigOptions['session'], sealingKeys: readonly SealingKey[]): SessionConfig {
  const { store, idleTimeout, absoluteTimeout, cookieKeys, ...rest } = options
  return {
    ...rest,
    store: buildStore(store),
    cookieKeys: atLeastOne(cookieKeys.map(key => key.trim())),
    sealingKeys: atLeastOne(sealingKeys),
    idleTimeoutMs: idleTimeout,
    absoluteTimeoutMs: absoluteTimeout,
  }
}

function buildRoute(options: RouteOptions, origins: readonly Origin[], upstream: Upstream): RouteRule {
  // Files can only be looked at.
  const byDefault = upstream.kind === 'files' ? ['GET', 'HEAD'] : null
  const { kind, origin, methods = byDefault, require, token, assertion = null, timeouts, limits, websocket = null, ...rest } = options
  const { maxAge, ...demands } = require
  return {
    ...rest,
    upstream,
    // An API answers a signed-out request with 401; a page sends the person to sign in.
    kind: kind ?? (token === 'none' ? 'page' : 'api'),
    origins: origin === undefined ? origins : origins.filter(({ href }) => origin.includes(href)),
    methods,
    require: { ...demands, ...(maxAge !== undefined && { maxAgeMs: maxAge }) },
    token: buildToken(token),
    assertion,
    timeouts: { connectMs: timeouts.connect, headersMs: timeouts.headers, idleMs: timeouts.idle },
    limits: { bodyBytes: limits.body, perMinute: buildRates(limits.perMinute) },
    websocket,
  }
}

function buildRates(perMinute: RouteOptions['limits']['perMinute']): RequestRates | null {
  if (perMinute === undefined) return null
  const none = { caller: null, session: null, user: null, address: null, route: null }
  return typeof perMinute === 'number' ? { ...none, caller: perMinute } : { ...none, ...defined(perMinute) }
}

/**
 * Routes that want the same have the same slot, whatever the order of their scopes; two that want something else never
 * do. Neither audiences nor scopes have a space or a # in them. A space or # stands in every slot but the sign-in's
 * own, so none is a name that means something to JavaScript.
 */
function buildToken(token: TokenOptions): RouteToken | null {
  const plain = { audience: null, resource: null, scopes: [] }
  if (token === 'none') return null
  if (token === 'passthrough') return { kind: token }
  if (token === 'access') return ownToken
  if (token === 'id_token') return { kind: token, slot: '#id_token', ...plain }
  if (token.client !== undefined) {
    const { provider, audience } = token.client
    const scopes = token.client.scopes.toSorted()
    return { kind: 'client', slot: slotOf('#client', provider, audience, ...scopes), provider, audience, scopes }
  }
  if (token.exchange !== undefined) {
    const { audience = null, resource = null } = token.exchange
    const scopes = token.exchange.scopes.toSorted()
    return { kind: 'exchange', slot: slotOf('#exchange', audience ?? '#', resource ?? '#', ...scopes), audience, resource, scopes }
  }
  const audience = existing(token.audience)
  const scopes = (token.scopes ?? []).toSorted()
  return { kind: 'audience', slot: `${audience} ${scopes.join(' ')}`, audience, resource: null, scopes }
}

function slotOf(...parts: readonly string[]): string {
  return parts.join(' ')
}

/** Without the members that were not given, which zod's types know only as `undefined`. */
function defined<T extends object>(options: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>
  }
}

function existing<T>(value: T | undefined): T {
  if (value === undefined) throw new TypeError('the checks let nothing incomplete pass')
  return value
}

function atLeastOne<T>(items: readonly T[]): readonly [T, ...T[]] {
  const [first, ...more] = items
  if (first === undefined) throw new TypeError('the schema lets no empty list pass')
  return [first, ...more]
}
