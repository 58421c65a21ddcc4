import { randomBytes } from 'node:crypto'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { compileConfig } from '../../src/config/compile.ts'
import type { GatewayConfig } from '../../src/config/config.ts'
import { GatewayError } from '../../src/errors.ts'
import { clientAddress, createTrustedProxies } from '../../src/http/client-address.ts'
import { sessionCookieName } from '../../src/http/cookies.ts'
import { createCors, isPreflight } from '../../src/http/cors.ts'
import { isNavigation } from '../../src/http/fetch-metadata.ts'
import { sendProblem } from '../../src/http/problem.ts'
import { refuseRepeatedHeaders } from '../../src/http/repeated-headers.ts'
import { requestId } from '../../src/http/request-id.ts'
import { readTarget } from '../../src/http/target.ts'
import { createPublicServer } from '../../src/listeners.ts'
import type { LogFields } from '../../src/ops/fields.ts'
import { createMetrics } from '../../src/ops/metrics.ts'
import { decideAccess } from '../../src/request/access.ts'
import { createAssertionFor } from '../../src/request/assertion.ts'
import { callerOf } from '../../src/request/caller.ts'
import { refuseCrossSite } from '../../src/request/cross-site.ts'
import { createForward } from '../../src/request/forward.ts'
import type { ForwardOutcome } from '../../src/request/forward-outcome.ts'
import { admitMethod, matchRoute } from '../../src/request/route.ts'
import { createUpstreamPools } from '../../src/request/upstream-pools.ts'
import type { SignedIn } from '../../src/session/session.ts'
import type { Watch } from '../../src/session/watch.ts'

/** What was logged of upstreams. */
type LogLine = LogFields & { readonly level: string; readonly event: string }

export interface RequestPath {
  readonly port: number
  readonly config: GatewayConfig
  /** What Host must say. */
  readonly host: string
  readonly outcomes: ForwardOutcome[]
  readonly errors: unknown[]
  readonly lines: readonly LogLine[]
  /** How many clients are connected. */
  clients(): Promise<number>
  close(): Promise<void>
}

export interface RequestPathOptions {
  readonly routes: readonly Record<string, unknown>[]
  /** More of the configuration, in place of the defaults. */
  readonly config?: Record<string, unknown>
  /** Variables that the routes refer to. */
  readonly env?: Record<string, string>
  /** Who is signed in, on every route that asks; null for nobody. */
  readonly signedIn?: SignedIn | null
  /** Stands for the session lookup: awaited before access is decided. */
  readonly lookUp?: () => Promise<void>
  /** The clock by which addresses are left alone; the machine's unless given. */
  readonly now?: () => number
  /** Of open streams; by default nobody ends them. */
  readonly watch?: Pick<Watch, 'add'>
}

const nobodyWatches: Pick<Watch, 'add'> = { add: () => () => undefined }

/** The host that browsers see. */
export const host = 'app.example.test'
const newKey = () => randomBytes(32).toString('base64url')
const keys = { CLIENT_SECRET: newKey(), COOKIE_KEY: newKey(), SEALING_KEY: newKey() }

/** A session cookie as far as the cross-site check is concerned: it is there. */
export const sessionCookie = '__Host-Http-sallyport=s:anything'

/**
 * Starts the request path alone, on loopback behind https://app.example.test: every stage but the store's, for which
 * `signedIn` stands. Raw sockets can then say what no client library would.
 */
export async function startRequestPath(options: RequestPathOptions): Promise<RequestPath> {
  const config = testConfig(options.routes, options.config, options.env)
  const lines: LogLine[] = []
  const pools = createUpstreamPools({
    now: options.now ?? Date.now,
    log: { write: (level, event, fields) => lines.push({ level, event, ...fields }) },
  })
  const proxies = createTrustedProxies(config.listen.trustedProxies)
  const checkCrossSite = refuseCrossSite(config.csrf)
  const cors = createCors(config.csrf.allowedOrigins)
  const assertionFor = createAssertionFor({ keys: config.assertionKeys, now: options.now ?? Date.now })
  const forward = createForward({
    config,
    cors,
    pools,
    watch: options.watch ?? nobodyWatches,
    metrics: createMetrics({ now: Date.now }),
    assertionFor,
  })
  const cookieName = sessionCookieName(config.session.cookie)
  const outcomes: ForwardOutcome[] = []
  const errors: unknown[] = []

  async function serve(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const id = requestId(req)
    try {
      refuseRepeatedHeaders(req)
      const target = readTarget(req, { origins: config.origins, proxies })
      const method = req.method ?? ''
      const route = matchRoute(config.routes, target)
      if (isPreflight(req)) {
        res.writeHead(204, [...cors.preflightHeaders(req.headers, route.methods)])
        res.end()
        return
      }
      admitMethod(route, method)
      const exchange = {
        requestId: id,
        method,
        clientAddress: clientAddress(req, proxies),
        target,
        isNavigation: isNavigation(req),
        trace: null,
      }
      if (route.access !== 'anyone' && req.headers.cookie?.includes(cookieName)) {
        checkCrossSite({ headers: req.headers, method, origin: target.origin, kind: route.kind, isNavigation: exchange.isNavigation })
      }
      await options.lookUp?.()
      const signedIn = route.access === 'anyone' ? null : (options.signedIn ?? null)
      decideAccess(route, signedIn, Date.now(), exchange)
      const nobody = { signedIn, token: null, authorization: null }
      outcomes.push(await forward(req, res, exchange, route, signedIn === null ? nobody : callerOf(route, signedIn)))
    } catch (error) {
      errors.push(error)
      sendProblem(res, error, { requestId: id, isSecure: true, loginUrl: '/auth/login', cors: cors.answerHeaders(req.headers) })
    }
  }

  const server = createPublicServer(config.listen, (req, res) => void serve(req, res))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    config,
    host,
    outcomes,
    errors,
    lines,
    clients: () => new Promise((resolve, reject) => server.getConnections((error, count) => (error ? reject(error) : resolve(count)))),
    close: () => stop(server, pools),
  }
}

/** A compiled configuration with these routes. */
export function testConfig(
  routes: readonly Record<string, unknown>[],
  more: Record<string, unknown> = {},
  env: Record<string, string> = {},
): GatewayConfig {
  return compileConfig(
    {
      origins: [`https://${host}`],
      listen: { host: '127.0.0.1', port: 0 },
      identityProviders: {
        main: {
          issuer: 'http://127.0.0.1:9',
          clientId: 'sallyport',
          clientAuth: { method: 'client_secret_basic', secret: { env: 'CLIENT_SECRET' } },
          scopes: ['openid', 'orders.read'],
          allow: 'everyone',
        },
      },
      session: { store: { kind: 'memory' }, cookieKeys: [{ env: 'COOKIE_KEY' }], sealingKeys: [{ id: 'k1', env: 'SEALING_KEY' }] },
      routes,
      ...more,
    },
    { env: { ...keys, ...env } },
  )
}

/** A session of alice's, good for an hour. */
export function signedInAs(
  changes: { readonly claims?: Record<string, unknown>; readonly scopes?: readonly string[]; readonly token?: string } & Partial<
    SignedIn['record']
  > = {},
): SignedIn {
  const { claims = {}, scopes = ['openid'], token = 'access-token-of-alice', ...record } = changes
  const now = Date.now()
  return {
    sessionId: 'session-of-alice',
    credential: { familyId: 'family', member: '0', secret: 'secret' },
    record: {
      ...{
        kind: 'browser',
        version: 1,
        provider: 'main',
        sub: 'alice',
        origin: `https://${host}`,
        acr: null,
        amr: [],
        sealing: 'holder',
        sid: null,
        scopes: [],
        device: '',
        address: '127.0.0.1',
        secretHash: '',
        wrap: '',
      },
      ...{ createdAt: now, authTime: now, touchedAt: now, idleExpiresAt: now + 3_600_000, absoluteExpiresAt: now + 3_600_000 },
      ...record,
    },
    vault: {
      ...{ version: 1, refreshToken: null, idToken: null, grantExpiresAt: null, audiences: null, scopes, claims },
      access: { '': { token, scopes, expiresAt: now + 3_600_000, refreshedAt: now } },
    },
  }
}

/** The code of the error that a function throws. */
export function codeOf(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    if (error instanceof GatewayError) return error.code
    throw error
  }
  return 'passed'
}

async function stop(server: Server, pools: { close(): Promise<void> }): Promise<void> {
  server.closeAllConnections()
  await new Promise<void>(resolve => server.close(() => resolve()))
  await pools.close()
}
