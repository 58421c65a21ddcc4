import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { cores, findPort, type Program, startProgram } from '../programs.ts'
import { paths } from '../upstream.ts'
import { type GatewaySecrets, makeSessions } from './gateway-sessions.ts'
import { makeSecret } from './session-parts.ts'
import type { Surroundings } from './subject.ts'

/** Gateways over one store and with one set of keys, as replicas are. */
export interface GatewayFleet {
  /** Begins sessions that all of them take; gives their Cookie headers. */
  makeSessions(count: number): Promise<readonly string[]>
  /** The same for a native client; gives their Authorization headers. */
  makeHandles(count: number): Promise<readonly string[]>
  /**
   * Starts one more.
   *
   * @param checkout folder of the repository whose `dist` it runs; by default this one
   */
  start(checkout?: string): Promise<Program>
}

const namespace = 'bench'
const cookieName = '__Host-Http-sallyport'
const clientId = 'bench'
const thisCheckout = fileURLToPath(new URL('../..', import.meta.url))

/** Gateways run as in production: the built program, every check on, an https origin behind a proxy that ends TLS. */
export function createGatewayFleet(surroundings: Surroundings): GatewayFleet {
  const { folder, redisUrl, host } = surroundings
  const secrets: GatewaySecrets = { cookieKey: makeSecret(), sealingKey: makeSecret() }
  const env = {
    NODE_ENV: 'production',
    BENCH_COOKIE_KEY: secrets.cookieKey,
    BENCH_SEALING_KEY: secrets.sealingKey,
    BENCH_CLIENT_SECRET: 'unused'.repeat(6),
  }

  const sessions = { redisUrl, namespace, secrets, origin: `https://${host}`, cookieName }
  return {
    makeSessions: count => makeSessions({ count, ...sessions, clientId: null }),
    makeHandles: count => makeSessions({ count, ...sessions, clientId }),

    async start(checkout = thisCheckout) {
      const port = await findPort()
      const file = join(folder, `gateway-${port}.yaml`)
      // JSON is YAML.
      await writeFile(file, JSON.stringify(describe(surroundings, port)))
      const command = [process.execPath, join(checkout, 'dist/cli/main.js'), 'serve', '--config', file]
      return startProgram({ core: cores.tested, port, env, command })
    },
  }
}

const rules = {
  kind: 'api',
  access: 'signed-in',
  require: { scopes: ['orders.read'] },
  token: 'access',
  identityHeaders: { 'X-Auth-User': 'sub' },
}

function describe({ host, upstreamPort, livePort, redisUrl }: Surroundings, port: number) {
  return {
    origins: [`https://${host}`],
    listen: { host: '127.0.0.1', port, trustedProxies: ['127.0.0.1/32'] },
    identityProviders: {
      // Never asked: the tokens outlive the run.
      bench: {
        issuer: 'http://127.0.0.1:1',
        clientId: 'bench',
        clientAuth: { method: 'client_secret_basic', secret: { env: 'BENCH_CLIENT_SECRET' } },
        scopes: ['openid', 'orders.read'],
        allow: 'everyone',
      },
    },
    session: {
      store: { kind: 'redis', url: redisUrl, namespace },
      cookieKeys: [{ env: 'BENCH_COOKIE_KEY' }],
      sealingKeys: [{ id: 'k1', env: 'BENCH_SEALING_KEY' }],
      idleTimeout: '1h',
      absoluteTimeout: '12h',
    },
    routes: [
      { path: '/api', upstream: `http://127.0.0.1:${upstreamPort}`, ...rules },
      { path: paths.live, upstream: `http://127.0.0.1:${livePort}`, websocket: {}, ...rules },
    ],
    native: { clients: { [clientId]: { name: 'Bench', redirects: ['loopback'], scopes: ['orders.read'] } } },
    log: { level: 'warn' },
  }
}
