import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { GatewayDeps } from '../../src/assembly.ts'
import { compileConfig } from '../../src/config/compile.ts'
import { makeSecrets } from '../../src/demo/development-secrets.ts'
import { audience, clientId, describeGateway } from '../../src/demo/gateway-config.ts'
import { createIdentityProvider } from '../../src/demo/identity-provider.ts'
import { listenAt, type Running } from '../../src/demo/listening.ts'
import { startOrdersApi } from '../../src/demo/orders-api.ts'
import { makePeople, type Person } from '../../src/demo/people.ts'
import { startWeb } from '../../src/demo/web.ts'
import { createGateway, type Gateway } from '../../src/gateway.ts'
import { createPublicServer } from '../../src/listeners.ts'
import { makeCertificate } from './certificate.ts'
import { createDocumentedPath } from './documented-path.ts'
import { watchAnswers } from './watch-answers.ts'

/** The demo's world on ports of its own, with the gateway and the provider on two sites. */
export interface Stage {
  readonly gateway: string
  readonly provider: string
  readonly people: { readonly alice: Person; readonly bob: Person }
  /** The name of the session cookie. */
  readonly cookieName: string
  /** PEM of the certificates that the browser is to believe; none over http. */
  readonly trusted: readonly string[]
  /** Every token that the provider has issued. */
  readonly issued: ReadonlySet<string>
  /** What the gateway's audit has recorded. */
  readonly audit: readonly AuditLine[]
  /** Moves the gateway's clock; the provider's stays. */
  advance(ms: number): void
  close(): Promise<void>
}

type AuditLine = Readonly<Record<string, unknown>>

const names = { gateway: 'app.stage.test', provider: 'id.elsewhere.test' }

/** Where something listens, and under which origin browsers know it. */
const anywhere = (name: string) => ({ host: '127.0.0.1', name, port: 0, spare: 0 })

/**
 * Starts the demo's parts: over http on loopback as `npm run demo` does, or over https under names of two sites,
 * with the cookies of production.
 *
 * @param change edits the configuration before it is compiled
 * @param callbacks redirect URIs of the gateway at the provider, in place of the demo's
 * @param front what browsers reach in place of the gateway itself
 * @param deps of the gateway
 * @param inFront starts a server of its own before the gateway, whose address it is told; its origin is what browsers see
 */
export async function startStage({
  https,
  change,
  callbacks,
  front = gateway => gateway.handler,
  deps = {},
  inFront,
}: {
  readonly https: boolean
  readonly change?: (config: Described) => object
  readonly callbacks?: (gateway: string) => readonly string[]
  readonly front?: (gateway: Gateway) => RequestListener
  readonly deps?: Pick<GatewayDeps, 'fetchDocument'>
  readonly inFront?: (gateway: string) => Promise<Running>
}): Promise<Stage> {
  const certificate = https ? makeCertificate([names.gateway, names.provider]) : undefined
  const tls = certificate === undefined ? undefined : { cert: Buffer.from(certificate.cert), key: Buffer.from(certificate.key) }
  const running: Running[] = []
  const start = async (server: Server, name: string) => {
    const one = await listenAt(server, anywhere(name))
    running.push(one)
    return https && name !== '127.0.0.1' ? one.origin.replace('http:', 'https:') : one.origin
  }

  let handler: RequestListener = (_req, res) => res.writeHead(503).end()
  const settings = { host: '127.0.0.1', port: 0, trustedProxies: [], maxConnections: 1000, ...(tls === undefined ? {} : { tls }) }
  let upgrade: Gateway['upgrade'] = (_req, socket) => void socket.destroy()
  const entrance = createPublicServer(settings, (req, res) => handler(req, res), {
    upgrade: (req, socket, head) => upgrade(req, socket, head),
  })
  let origin = await start(entrance, https ? names.gateway : 'localhost')
  if (inFront !== undefined) {
    const server = await inFront(origin)
    running.push(server)
    origin = server.origin
  }

  const providerServer = tls === undefined ? createServer() : createTlsServer(tls)
  const issuer = await start(providerServer, https ? names.provider : '127.0.0.1')
  const secrets = makeSecrets()
  const [alice, bob] = makePeople()
  const redirectUris = callbacks?.(origin)
  const client = { id: clientId, secret: secrets.CLIENT_SECRET, origin, ...(redirectUris && { redirectUris }) }
  const issued = new Set<string>()
  const answer = watchTokens(await createIdentityProvider(issuer, { client, people: [alice, bob], audience }), issued)
  providerServer.on('request', answer)

  // Only browsers know the names under .test: the API and the gateway reach the provider by address.
  const keyServer = await start(createServer(answer), '127.0.0.1')
  const api = await startOrdersApi({ place: anywhere('127.0.0.1'), issuer, keySet: new URL('/jwks', keyServer), audience })
  const web = await startWeb({ place: anywhere('127.0.0.1'), providerOrigin: issuer })
  running.push(api, web)

  const parts = { gateway: origin, provider: issuer, api: api.origin, web: web.origin }
  const described = describe(parts, certificate?.cert)
  let ahead = 0
  const audit: AuditLine[] = []
  const config = compileConfig(change?.(described) ?? described, { env: { ...secrets, CA: certificate?.cert } })
  const gateway = createGateway(config, {
    ...deps,
    now: () => Date.now() + ahead,
    auditTo: { write: (line: string) => void audit.push(JSON.parse(line) as AuditLine) },
  })
  handler = watchAnswers(front(gateway), createDocumentedPath(config))
  upgrade = gateway.upgrade

  return {
    gateway: origin,
    provider: issuer,
    people: { alice, bob },
    cookieName: https ? '__Host-Http-sallyport' : 'sallyport',
    trusted: certificate === undefined ? [] : [certificate.cert],
    issued,
    audit,
    advance(ms) {
      ahead += ms
    },
    async close() {
      await Promise.all(running.map(one => one.close()))
      await gateway.close()
    },
  }
}

/** The demo's configuration, and over https what production has in its place. */
export type Described = ReturnType<typeof describe>

function describe(parts: Parameters<typeof describeGateway>[0], certificate: string | undefined) {
  const demo = { ...describeGateway(parts), log: { level: 'silent' } }
  if (certificate === undefined) return demo
  const connectTo = `https://127.0.0.1:${new URL(parts.provider).port}`
  const provider = { ...demo.identityProviders.demo, connectTo, tls: { ca: { env: 'CA' } } }
  return { ...demo, identityProviders: { demo: provider }, session: { ...demo.session, cookie: { insecure: false } } }
}

/** Notes every token in the answers of the token endpoint. */
function watchTokens(serve: RequestListener, issued: Set<string>): RequestListener {
  return function watch(req: IncomingMessage, res: ServerResponse) {
    if (req.url?.startsWith('/token')) {
      const end = res.end.bind(res) as (...rest: unknown[]) => ServerResponse
      res.end = ((body: unknown, ...rest: unknown[]) => {
        const answer = JSON.parse(String(body)) as Record<string, unknown>
        for (const name of ['access_token', 'refresh_token', 'id_token']) if (typeof answer[name] === 'string') issued.add(answer[name])
        return end(body, ...rest)
      }) as typeof res.end
    }
    serve(req, res)
  }
}
