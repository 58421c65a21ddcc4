import { randomBytes } from 'node:crypto'
import type { RequestListener } from 'node:http'
import { Writable } from 'node:stream'
import type { Agent } from 'supertest'
import { compileConfig } from '../config/compile.ts'
import type { GatewayConfig } from '../config/config.ts'
import { mergeOptions } from '../config/merge.ts'
import { createConfigSchema } from '../config/schema.ts'
import { createGateway, type Gateway } from '../gateway.ts'
import { createPublicServer } from '../listeners.ts'
import { listenAnywhere } from './listening.ts'
import { commonScopes, type TestPeople } from './people.ts'
import { startTestProvider } from './provider.ts'
import { type SeenRequest, startTestUpstream } from './seen-requests.ts'
import { createAgents, type SignInOptions, signIn } from './visitor.ts'

/** Options as they stand in the configuration; compileConfig says what is wrong with them. */
export type Options = Readonly<Record<string, unknown>>

export interface TestGatewayOptions {
  /** The section `routes` of the configuration. A route without `upstream` leads to the one of the test. */
  readonly routes: readonly Options[]
  readonly people: TestPeople
  /** Answers for the upstream of the test: a listener, or an Express app. By default every request gets 200 `{"ok":true}`. */
  readonly upstream?: RequestListener
  /** Further sections, laid over those of the test as a second configuration file would be. */
  readonly config?: Options
  /** The API that access tokens are for where a route names none: their `aud`. By default `https://api.example`. */
  readonly audience?: string
}

/** One line of the log or the audit. */
export type Line = Readonly<Record<string, unknown>> & { readonly event: string }

export interface TestGateway {
  /** Where it listens, on loopback: for supertest, and for a browser too. */
  readonly origin: string
  /** The provider's issuer; its keys are at `/jwks`. */
  readonly issuer: string
  readonly gateway: Gateway
  /** What the upstream of the test got. */
  readonly upstream: { readonly origin: string; readonly requests: readonly SeenRequest[] }
  /** The clock of the gateway and the provider. Timers are real: an open event stream is looked at every two seconds. */
  readonly clock: { now(): number; advance(ms: number): void }
  /** What was recorded so far, one object for each line. */
  readonly audit: readonly Line[]
  readonly log: readonly Line[]
  /** A browser in which nobody is signed in. */
  visitor(): Agent
  /** A browser in which this person is signed in. @throws {Error} when the sign-in is refused */
  signIn(person: string, options?: SignInOptions): Promise<Agent>
  close(): Promise<void>
}

/**
 * Starts the whole gateway in this process, with its sessions in memory, an identity provider and an upstream: for
 * contract tests of an application's routes and API. Everything listens on loopback, on ports of the system's choice;
 * cookies are those of http on loopback, keys are new each time.
 *
 * @throws {ConfigError} for routes or sections that the gateway would not start with
 */
export async function startTestGateway(options: TestGatewayOptions): Promise<TestGateway> {
  const { people, upstream: answer = answerOk, audience = 'https://api.example' } = options
  const clock = createClock()
  let handler: RequestListener = (_req, res) => res.writeHead(503).end()
  let upgrade: Gateway['upgrade'] = (_req, socket) => void socket.destroy()
  const settings = { host: '127.0.0.1', port: 0, trustedProxies: [], maxConnections: 1_000 }
  // The port is part of the origin, and that of the configuration: so it is there before the gateway is.
  const front = await listenAnywhere(
    createPublicServer(settings, (req, res) => handler(req, res), { upgrade: (...handshake) => upgrade(...handshake) }),
  )
  const upstream = await startTestUpstream(answer)
  const base = baseOf(options)
  const client = { id: 'sallyport', secret: secret(), redirectUri: `${front.origin}${base}/callback/test` }
  const provider = await startTestProvider({ client, people, audience, now: clock.now })
  const closeServers = () => Promise.all([front.close(), upstream.close(), provider.close()])

  const [audit, log]: [Line[], Line[]] = [[], []]
  try {
    const section = { origin: front.origin, issuer: provider.origin, clientId: client.id, upstream: upstream.origin }
    const env = { CLIENT_SECRET: client.secret, COOKIE_KEY: secret(), SEALING_KEY: secret() }
    const config = compileConfig(describeConfig(options, section), { env: { ...process.env, ...env } })
    const gateway = createGateway(config, { now: clock.now, logTo: collect(log), auditTo: collect(audit) })
    handler = gateway.handler
    upgrade = gateway.upgrade
    const visitor = await createAgents(front.origin)
    return {
      origin: front.origin,
      issuer: provider.origin,
      gateway,
      upstream,
      clock,
      audit,
      log,
      visitor,
      async signIn(person, { agent = visitor(), login = {} } = {}) {
        if (!Object.hasOwn(people, person)) throw new TypeError(`nobody of this test is called ${person}`)
        await signIn(agent, person, base, login)
        return agent
      },
      async close() {
        gateway.drain()
        await closeServers()
        await gateway.close()
      },
    }
  } catch (error) {
    await closeServers()
    throw error
  }
}

interface Section {
  readonly origin: string
  readonly issuer: string
  readonly clientId: string
  readonly upstream: string
}

function describeConfig({ routes, people, config = {} }: TestGatewayOptions, { origin, issuer, clientId, upstream }: Section): unknown {
  const ownClaims = Object.values(people).flatMap(person => Object.keys(person.claims ?? {}))
  const described = {
    origins: [origin],
    listen: { host: '127.0.0.1', port: Number(new URL(origin).port) },
    identityProviders: {
      test: {
        issuer,
        clientId,
        clientAuth: { method: 'client_secret_basic', secret: { env: 'CLIENT_SECRET' } },
        scopes: [...new Set([...commonScopes, ...scopesIn(routes), ...Object.values(people).flatMap(person => person.scopes ?? [])])],
        allow: 'everyone',
      },
    },
    session: {
      store: { kind: 'memory' },
      cookie: { insecure: true },
      cookieKeys: [{ env: 'COOKIE_KEY' }],
      sealingKeys: [{ id: 'k1', env: 'SEALING_KEY' }],
      claims: [...new Set(['name', 'email', ...ownClaims])],
    },
    routes: routes.map(route => ({ upstream, ...route })),
    log: { level: 'debug' },
  }
  return mergeOptions(createConfigSchema(), described, config)
}

/** Every scope that a route names, wherever it does: a list under `scopes`. */
function scopesIn(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(scopesIn)
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([name, inner]: [string, unknown]) =>
    name === 'scopes' && Array.isArray(inner) ? inner.map(String) : scopesIn(inner),
  )
}

function baseOf({ config }: TestGatewayOptions): string {
  const paths = config?.paths as Partial<GatewayConfig['paths']> | undefined
  return paths?.base ?? '/auth'
}

function createClock(): TestGateway['clock'] {
  let aheadMs = 0
  return {
    now: () => Date.now() + aheadMs,
    advance(ms) {
      aheadMs += ms
    },
  }
}

function collect(lines: Line[]): Writable {
  return new Writable({
    write(chunk, _encoding, done) {
      for (const text of String(chunk).split('\n')) if (text !== '') lines.push(JSON.parse(text) as Line)
      done()
    },
  })
}

function secret(): string {
  return randomBytes(32).toString('base64url')
}

const answerOk: RequestListener = (_req, res) => res.writeHead(200, { 'content-type': 'application/json' }).end('{"ok":true}')
