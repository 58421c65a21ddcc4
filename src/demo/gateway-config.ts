import { nameHeader } from './web.ts'

/** The id and audience that the demo's provider, API and gateway agree on. */
export const clientId = 'sallyport-demo'
export const audience = 'https://orders.demo.example'

/** The first ports tried. config/gateway.dev.yaml has the same. */
export const demoPorts = { gateway: 8080, provider: 8081, api: 8082, web: 8083 }

/** Where the demo's parts are. */
export interface Parts {
  readonly gateway: string
  readonly provider: string
  readonly api: string
  readonly web: string
}

/** The secrets by the names under which the configuration refers to them. */
export type DemoSecrets = Readonly<Record<'CLIENT_SECRET' | 'COOKIE_KEY' | 'SEALING_KEY', string>>

/**
 * The demo's configuration, as it would stand in YAML. The same, on fixed ports and with secrets from files,
 * is config/gateway.dev.yaml; test/contract/demo.test.ts holds the two together.
 */
export function describeGateway(parts: Parts) {
  const toApi = { kind: 'api', upstream: parts.api, access: 'signed-in', token: 'access' }
  const toWeb = { kind: 'page', upstream: parts.web, methods: ['GET', 'HEAD'], identityHeaders: { [nameHeader]: 'name' } }
  return {
    origins: [parts.gateway],
    listen: { host: '127.0.0.1', port: Number(new URL(parts.gateway).port) },
    identityProviders: {
      demo: {
        label: 'Demo provider',
        issuer: parts.provider,
        clientId,
        clientAuth: { method: 'client_secret_basic', secret: { env: 'CLIENT_SECRET' } },
        scopes: ['openid', 'profile', 'email', 'orders.read', 'orders.write'],
        allow: 'everyone',
        claims: { groups: { from: ['id_token'], path: ['groups'] } },
      },
    },
    session: {
      store: { kind: 'memory' },
      cookie: { insecure: true },
      cookieKeys: [{ env: 'COOKIE_KEY' }],
      sealingKeys: [{ id: 'k1', env: 'SEALING_KEY' }],
      idleTimeout: '10m',
      absoluteTimeout: '1h',
      claims: ['name', 'email', 'groups'],
    },
    pages: { name: 'Sallyport demo' },
    routes: [
      { path: '/api/orders', methods: ['GET', 'POST'], require: { scopes: ['orders.read'] }, ...toApi },
      { path: '/mcp', methods: ['POST'], require: { scopes: ['orders.read'] }, ...toApi },
      { path: '/api/ops', methods: ['GET'], require: { claims: { groups: ['ops'] } }, ...toApi },
      { path: '/reports', access: 'signed-in', ...toWeb },
      { path: '/ops', access: 'signed-in', require: { claims: { groups: ['ops'] } }, ...toWeb },
      { path: '/', access: 'optional', ...toWeb },
    ],
    native: {
      clients: {
        cli: {
          name: 'Sallyport CLI',
          redirects: ['loopback'],
          scopes: ['orders.read', 'orders.write', 'sessions'],
          par: 'require',
          responseMode: 'form_post',
          device: true,
          delegate: true,
        },
        mcp: { name: 'MCP client', redirects: ['loopback', 'http://localhost/callback'], scopes: ['orders.read', 'orders.write'] },
      },
    },
    log: { level: 'warn' },
  }
}
