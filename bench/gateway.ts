import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { cores, findPort, type Program, startProgram } from './programs.ts'

export interface BenchSecrets {
  readonly cookieKey: string
  /** 32 bytes, base64url. */
  readonly sealingKey: string
}

export interface GatewayOptions {
  readonly folder: string
  readonly origin: string
  readonly path: string
  readonly upstreamPort: number
  readonly redisUrl: string
  readonly namespace: string
  readonly secrets: BenchSecrets
}

/** Starts the gateway as in production: its own program, every check on, an https origin behind a proxy that ends TLS. */
export async function startGateway(options: GatewayOptions): Promise<Program> {
  const port = await findPort()
  const file = join(options.folder, 'gateway.yaml')
  // JSON is YAML.
  await writeFile(file, JSON.stringify(describe(options, port)))
  const main = fileURLToPath(new URL('../src/cli/main.ts', import.meta.url))
  const { cookieKey, sealingKey } = options.secrets
  const env = {
    NODE_ENV: 'production',
    BENCH_COOKIE_KEY: cookieKey,
    BENCH_SEALING_KEY: sealingKey,
    BENCH_CLIENT_SECRET: 'unused'.repeat(6),
  }
  return startProgram({ core: cores.tested, port, env, command: [process.execPath, main, 'serve', '--config', file] })
}

function describe({ origin, path, upstreamPort, redisUrl, namespace }: GatewayOptions, port: number) {
  return {
    origins: [origin],
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
      {
        path,
        kind: 'api',
        upstream: `http://127.0.0.1:${upstreamPort}`,
        access: 'signed-in',
        require: { scopes: ['orders.read'] },
        token: 'access',
        identityHeaders: { 'X-Auth-User': 'sub' },
      },
    ],
    log: { level: 'warn' },
  }
}
