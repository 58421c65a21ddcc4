import { randomBytes } from 'node:crypto'
import type { Socket } from 'node:net'
import { eventually } from './eventually.ts'
import { assertNoneIn, type Line, makeSecrets, providerConfig, sessionConfig } from './gateway.ts'
import { type GatewayProcess, startGatewayProcess } from './gateway-process.ts'
import { type IdentityProvider, type IdentityProviderOptions, startIdentityProvider } from './identity-provider.ts'
import { openSocket } from './raw-http.ts'
import { type RedisServer, startRedis } from './redis-server.ts'
import { startUpstream, type Upstream } from './upstream.ts'
import { createVisitor, type Visitor } from './visitor.ts'

/** Several gateways in processes of their own over one Redis, with real providers and an upstream that writes down what it gets. */
export interface Cluster {
  readonly redis: RedisServer
  /** The first of the providers, `main` where nothing else is said. */
  readonly idp: IdentityProvider
  readonly idps: Readonly<Record<string, IdentityProvider>>
  readonly upstream: Upstream
  /** Those that run; whoever replaces one puts the new one in its place. */
  readonly replicas: GatewayProcess[]
  /** The replica of this number; after the last comes the first. */
  at(turn: number): GatewayProcess
  readonly adminToken: string
  /** One more replica, which is not among `replicas` yet, with these in place of the session section's entries. */
  start(session?: Readonly<Record<string, unknown>>, env?: Readonly<Record<string, string>>): Promise<GatewayProcess>
  /** Signs in, by the first provider and at the first replica unless something else is said. */
  arrive(options?: { readonly provider?: string; readonly at?: number }): Promise<Browser>
  /** Every log and audit line of an event, of all that ever ran. */
  events(name: string): readonly Line[]
  /** Ends everything. Throws when a secret was logged by any of them (LOG-03). */
  close(): Promise<void>
}

/** One browser, whose requests go to one replica or another. */
export interface Browser {
  /** As the replica of this number sees it; after the last comes the first. */
  at(turn: number): Visitor
  /** Every Set-Cookie line that it got. */
  setCookies(): readonly string[]
  /** Who has the same cookies now and keeps them, whatever this one is told. */
  copy(): Browser
}

export interface ClusterOptions {
  readonly replicas: number
  /** Each is configured at every replica. Default: one, `main`. */
  readonly providers?: readonly string[]
  readonly idp?: IdentityProviderOptions
  /** Changes to the section of a provider. */
  readonly provider?: (name: string) => Readonly<Record<string, unknown>>
  readonly session?: Readonly<Record<string, unknown>>
  readonly redisArgs?: readonly string[]
  /** Changes to the section of the public port. */
  readonly listen?: Readonly<Record<string, unknown>>
  /** More routes. */
  readonly routes?: readonly object[]
  /** Gateways that tell their memory: see startGatewayProcess. */
  readonly isWatched?: boolean
}

/** The APIs that have a token of their own; each behind a route of the first label's name. */
export const audiences = ['https://orders.example', 'https://billing.example']

const mostTokens = 500
/** Arguments of a Redis that has on disk what it has answered for, and so loses nothing when it is killed. */
export const persistent = ['--appendonly', 'yes', '--appendfsync', 'always']

const host = 'app.example.test'

/**
 * Starts everything. Routes: `/api/home` with the sign-in's own token, `/api/orders` and `/api/billing` with one for
 * the audience each, and `/` for anyone.
 */
export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const names = options.providers ?? ['main']
  const [redis, upstream, ...started] = await Promise.all([
    startRedis({ args: options.redisArgs ?? [] }),
    startUpstream(),
    ...names.map(() => startIdentityProvider({ accessTokens: 'opaque', audiences, rotate: true, ...options.idp })),
  ])
  const idps = Object.fromEntries(names.map((name, at) => [name, started[at] as IdentityProvider]))
  const idp = started[0] as IdentityProvider
  const env: Record<string, string> = { ...makeSecrets(), REDIS_URL: redis.url, ADMIN_TOKEN: randomBytes(32).toString('base64url') }
  for (const name of names) {
    env[secretOf(name)] = idps[name]?.clientSecret ?? ''
    const redirectUris = [`https://${host}/auth/callback/${name}`]
    idps[name]?.register({ redirectUris, postLogoutRedirectUris: [`https://${host}/auth/logged-out`] })
  }

  const all: GatewayProcess[] = []
  const start: Cluster['start'] = async (session = {}, moreEnv = {}) => {
    Object.assign(env, moreEnv)
    const config = describe(idps, upstream.origin, options, session)
    const replica = await startGatewayProcess({ host, config, env, isWatched: options.isWatched ?? false })
    all.push(replica)
    return replica
  }

  const replicas = await Promise.all(Array.from({ length: options.replicas }, () => start()))
  return {
    redis,
    idp,
    idps,
    upstream,
    replicas,
    at: turn => replicas[turn % replicas.length] as GatewayProcess,
    adminToken: env.ADMIN_TOKEN ?? '',
    start,
    async arrive({ provider = names[0] ?? '', at = 0 } = {}) {
      const browser = createBrowser(replicas, new Map())
      const response = await browser.at(at).signIn(idps[provider] as IdentityProvider, { query: `provider=${provider}` })
      if (response.status !== 303) throw new Error(`the sign-in ended with ${response.status} ${response.text}`)
      return browser
    },
    events: name =>
      replicas.flatMap(({ lines }, replica) => lines.filter(({ event }) => event === name).map(line => ({ ...line, replica }))),
    async close() {
      await Promise.all(all.map(replica => replica.stop()))
      await Promise.all([redis.stop(), upstream.close(), ...Object.values(idps).map(one => one.close())])
      const { REDIS_URL: _url, ...secrets } = env
      // Each is looked for in every line: after ten thousand sign-ins all of them would take hours.
      const tokens = Object.values(idps).flatMap(one => [...one.issued].slice(-mostTokens))
      assertNoneIn(JSON.stringify(all.map(({ lines }) => lines)), [...tokens, ...Object.values(secrets)])
    },
  }
}

function createBrowser(replicas: readonly GatewayProcess[], jar: Map<string, string>): Browser {
  const visitors = new Map<GatewayProcess, Visitor>()
  return {
    at(turn) {
      const replica = replicas[turn % replicas.length] as GatewayProcess
      const visitor = visitors.get(replica) ?? createVisitor(replica, jar)
      visitors.set(replica, visitor)
      return visitor
    },
    setCookies: () => [...visitors.values()].flatMap(({ setCookies }) => setCookies),
    copy: () => createBrowser(replicas, new Map(jar)),
  }
}

/** Resolves when one more request has come to the provider's endpoint, whatever it does with it. */
export function nextRequest(idp: IdentityProvider, endpoint: 'token'): () => Promise<boolean> {
  const before = idp.troubles.count(endpoint)
  return () => eventually(() => idp.troubles.count(endpoint) > before)
}

/** A call of a script by a client that may leave: destroy the socket. */
export async function callBySocket({ port, host }: GatewayProcess, { jar }: Visitor, path: string): Promise<Socket> {
  const socket = await openSocket(port)
  const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ')
  socket.write(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\nCookie: ${cookie}\r\nX-CSRF: 1\r\nConnection: close\r\n\r\n`)
  return socket
}

function describe(
  idps: Readonly<Record<string, IdentityProvider>>,
  upstream: string,
  options: ClusterOptions,
  session: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const scopes = ['openid', 'profile', 'email', 'offline_access', 'orders.read', 'billing.read']
  const [orders, billing] = audiences
  const route = (path: string, token: unknown) => ({ path, upstream, access: 'signed-in', token })
  return {
    origins: [`https://${host}`],
    listen: { host: '127.0.0.1', port: 0, ...options.listen },
    admin: { host: '127.0.0.1', port: 0, tokens: [{ id: 'ops', env: 'ADMIN_TOKEN' }] },
    identityProviders: Object.fromEntries(
      Object.entries(idps).map(([name, idp]) => [name, { ...providerConfig(idp, secretOf(name)), scopes, ...options.provider?.(name) }]),
    ),
    session: sessionConfig({ store: { kind: 'redis', url: { env: 'REDIS_URL' } }, ...options.session, ...session }),
    routes: [
      route('/api/home', 'access'),
      route('/api/orders', { audience: orders, scopes: ['orders.read'] }),
      route('/api/billing', { audience: billing, scopes: ['billing.read'] }),
      { path: '/', upstream, access: 'anyone' },
      ...(options.routes ?? []),
    ],
  }
}

function secretOf(provider: string): string {
  return `SECRET_OF_${provider}`
}
