import { randomBytes } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import { Writable } from 'node:stream'
import type { Express } from 'express'
import type { GatewayDeps } from '../../src/assembly.ts'
import { compileConfig } from '../../src/config/compile.ts'
import type { GatewayConfig } from '../../src/config/config.ts'
import { createGateway, type Gateway } from '../../src/gateway.ts'
import { closeServer, createPublicServer } from '../../src/listeners.ts'
import { createDocumentedPath } from './documented-path.ts'
import type { IdentityProvider } from './identity-provider.ts'
import { watchAnswers } from './watch-answers.ts'

/** One line of log or audit, parsed. */
export type Line = Readonly<Record<string, unknown>> & { readonly event: string }

export interface TestGateway extends Gateway {
  readonly app: Express
  readonly config: GatewayConfig
  /** The origin that browsers see; requests carry its authority as Host. */
  readonly origin: string
  readonly host: string
  /** A port on loopback, for raw sockets. */
  readonly port: number
  readonly clock: { now(): number; advance(ms: number): void }
  readonly log: Gateway['log']
  readonly lines: readonly Line[]
  readonly audit: readonly Line[]
  /** The audit's events, one word each. */
  events(): readonly string[]
}

export interface TestGatewayOptions {
  readonly idp?: IdentityProvider
  /** Origin of the upstream of the default routes. */
  readonly upstream?: string
  /** Sections that replace the defaults below. */
  readonly config?: Readonly<Record<string, unknown>>
  readonly store?: GatewayDeps['store']
  /** Two gateways of one deployment share them. */
  readonly secrets?: Readonly<Record<string, string>>
  readonly clock?: TestGateway['clock']
  readonly every?: GatewayDeps['every']
  /** In place of the public internet, which no test asks. */
  readonly fetchDocument?: GatewayDeps['fetchDocument']
  readonly host?: string
}

/** Fresh keys, as operators would make them. */
export function makeSecrets(): Record<string, string> {
  return { COOKIE_KEY: randomBytes(32).toString('base64url'), SEALING_KEY: randomBytes(32).toString('base64url') }
}

/** The real clock, which a test can push forward. */
export function makeClock(): TestGateway['clock'] {
  let offsetMs = 0
  return {
    now: () => Date.now() + offsetMs,
    advance: ms => {
      offsetMs += ms
    },
  }
}

/**
 * Starts the whole gateway on a loopback port. Browsers see https, as behind a reverse proxy; the memory
 * store and an unreachable provider unless the options say otherwise.
 */
export async function startGateway(options: TestGatewayOptions = {}): Promise<TestGateway> {
  const host = options.host ?? 'app.example.test'
  const origin = `https://${host}`
  const upstream = options.upstream ?? 'http://127.0.0.1:9'
  const secrets = { CLIENT_SECRET: options.idp?.clientSecret ?? 'a-secret-of-no-use', ...(options.secrets ?? makeSecrets()) }
  const config = compileConfig(
    {
      origins: [origin],
      listen: { host: '127.0.0.1', port: 0 },
      identityProviders: { main: providerConfig(options.idp) },
      session: sessionConfig(),
      routes: [
        { path: '/api/orders', upstream, access: 'signed-in', token: 'access' },
        { path: '/reports', upstream, access: 'signed-in' },
        { path: '/', upstream, access: 'anyone' },
      ],
      log: { level: 'debug' },
      ...options.config,
    },
    { env: secrets },
  )
  options.idp?.register({ redirectUris: [`${origin}/auth/callback/main`], postLogoutRedirectUris: [`${origin}/auth/logged-out`] })

  const clock = options.clock ?? makeClock()
  const [lines, audit]: [Line[], Line[]] = [[], []]
  const written: string[] = []
  const gateway = createGateway(config, {
    now: clock.now,
    logTo: collect(lines, written),
    auditTo: collect(audit, written),
    ...(options.store === undefined ? {} : { store: options.store }),
    ...(options.every === undefined ? {} : { every: options.every }),
    ...(options.fetchDocument === undefined ? {} : { fetchDocument: options.fetchDocument }),
  })
  const handler = watchAnswers(gateway.handler, createDocumentedPath(config))
  const server = createPublicServer(config.listen, handler, { upgrade: gateway.upgrade })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return {
    ...gateway,
    config,
    origin,
    host,
    port: (server.address() as AddressInfo).port,
    clock,
    lines,
    audit,
    events: () => audit.map(line => line.event),
    async close() {
      // Open sockets keep their server open.
      gateway.drain()
      server.closeAllConnections()
      await closeServer(server, 0)
      await gateway.close()
      // LOG-03, over the whole suite: whatever a test did, no secret of it was logged.
      assertNoneIn(written.join(''), [...(options.idp?.issued ?? []), ...Object.values(secrets)])
    },
  }
}

/** @throws {Error} where the text holds one of them */
export function assertNoneIn(text: string, canaries: readonly string[]): void {
  for (const canary of canaries) if (canary !== '' && text.includes(canary)) throw new Error(`a secret was logged: ${canary.slice(0, 12)}…`)
}

/**
 * The provider section for a provider of test/support.
 *
 * @param secret the variable with the client secret; each provider has its own
 */
export function providerConfig(
  idp: Pick<IdentityProvider, 'issuer' | 'clientId'> | undefined,
  secret = 'CLIENT_SECRET',
): Record<string, unknown> {
  return {
    issuer: idp?.issuer ?? 'http://127.0.0.1:9',
    clientId: idp?.clientId ?? 'sallyport',
    clientAuth: { method: 'client_secret_basic', secret: { env: secret } },
    scopes: ['openid', 'profile', 'email', 'offline_access'],
    allow: 'everyone',
    timeout: '2s',
  }
}

/** The session section, over memory. */
export function sessionConfig(changes: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    store: { kind: 'memory' },
    cookieKeys: [{ env: 'COOKIE_KEY' }],
    sealingKeys: [{ id: 'k1', env: 'SEALING_KEY' }],
    claims: ['name', 'email', 'groups'],
    ...changes,
  }
}

function collect(lines: Line[], written: string[]): Writable {
  return new Writable({
    write(chunk, _encoding, done) {
      written.push(String(chunk))
      for (const text of String(chunk).split('\n')) if (text !== '') lines.push(JSON.parse(text) as Line)
      done()
    },
  })
}
