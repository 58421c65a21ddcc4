import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { ForwardAuthDialect } from '../../src/config/config.ts'
import { attacks, type HostileRequest, hostileRoutes, ourHost, ownScript } from '../data/hostile-requests.ts'
import { type ForwardAuthPort, openForwardAuth } from '../support/forward-auth.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { type IdentityProvider, startIdentityProvider } from '../support/identity-provider.ts'
import { exchangeRaw, firstResponse, type RawResponse, responses, sendRaw } from '../support/raw-http.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'
import { createVisitor } from '../support/visitor.ts'
import { acceptFor } from '../support/web-socket.ts'

/** A way for a request to come in. */
interface Carrier {
  readonly name: string
  send(request: HostileRequest, lines: readonly string[]): Promise<RawResponse>
  /** What is answered when nothing is wrong. */
  passed(method: string): number
  /** What the table's status becomes on this way. */
  statusOf(status: number): number
}

const dialectNames: readonly ForwardAuthDialect[] = ['nginx', 'traefik', 'caddy', 'haproxy', 'envoy']
const asked = new Map<ForwardAuthDialect, { gateway: TestGateway; port: ForwardAuthPort; cookie: string }>()
let idp: IdentityProvider
let upstream: Upstream
/** How many handshakes it has seen. */
let handshakes = 0
let proxying: { gateway: TestGateway; cookie: string }

before(async () => {
  idp = await startIdentityProvider()
  upstream = await startUpstream()
  upstream.server.on('upgrade', (req, socket) => {
    handshakes += 1
    socket.on('error', () => {})
    socket.resume()
    socket.end(
      `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${acceptFor(req)}\r\n\r\n`,
    )
  })
  const routes = hostileRoutes.map(route => ({ ...route, upstream: upstream.origin, websocket: {} }))
  const gateway = await startGateway({ idp, host: ourHost, config: { routes } })
  proxying = { gateway, cookie: await signIn(gateway) }
  for (const dialect of dialectNames) {
    const answering = await startGateway({ idp, host: ourHost, config: { routes: hostileRoutes, forwardAuth: { dialect } } })
    asked.set(dialect, { gateway: answering, port: await openForwardAuth(answering, dialect), cookie: await signIn(answering) })
  }
})

after(async () => {
  for (const { gateway, port } of asked.values()) await Promise.all([port.close(), gateway.close()])
  await proxying.gateway.close()
  await upstream.close()
  await idp.close()
})

async function signIn(gateway: TestGateway): Promise<string> {
  const visitor = createVisitor(gateway)
  await visitor.signIn(idp)
  return Array.from(visitor.jar, ([name, value]) => `${name}=${value}`).join('; ')
}

const carriers: readonly Carrier[] = [
  {
    name: 'the proxy',
    send({ method = 'GET', target, host = ourHost, cookie }, lines) {
      const head = [`${method} ${target} HTTP/1.1`, `Host: ${host}`, cookieLine(cookie, proxying.cookie), ...lines]
      return exchangeRaw(proxying.gateway.port, head.join('\r\n'))
    },
    passed: () => 200,
    statusOf: status => status,
  },
  {
    name: 'WS-03 A-124 the handshake of a WebSocket',
    async send({ method = 'GET', target, host = ourHost, cookie, browser }, lines) {
      // A script on our own page cannot leave Origin out.
      const from = browser === undefined ? [`Origin: https://${ourHost}`] : []
      const own = [
        'Connection: Upgrade, close',
        'Upgrade: websocket',
        'Sec-WebSocket-Version: 13',
        'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
      ]
      const head = [`${method} ${target} HTTP/1.1`, `Host: ${host}`, cookieLine(cookie, proxying.cookie), ...own, ...from, ...lines]
      const text = await sendRaw(proxying.gateway.port, `${head.join('\r\n')}\r\n\r\n`)
      // Behind a 101 there are frames.
      return text.startsWith('HTTP/1.1 101 ')
        ? (responses(text.slice(0, text.indexOf('\r\n\r\n') + 4))[0] ?? assert.fail(text))
        : firstResponse(text)
    },
    // An upgrade with another method is none.
    passed: method => (method === 'GET' ? 101 : 200),
    statusOf: status => status,
  },
  ...dialectNames.map(dialect => ({
    name: `forward-auth for ${dialect}`,
    send({ cookie, ...request }: HostileRequest, lines: readonly string[]) {
      const { port, cookie: own } = asked.get(dialect) ?? assert.fail(dialect)
      return port.ask({ host: ourHost, ...request, headers: [cookieLine(cookie, own), ...lines] })
    },
    passed: () => 200,
    statusOf: (status: number) => (status === 401 ? 401 : 403),
  })),
]

function cookieLine(wanted = '$', own: string): string {
  return `Cookie: ${wanted.replaceAll('$', own)}`
}

for (const carrier of carriers) {
  describe(carrier.name, () => {
    const send = (request: HostileRequest) => carrier.send(request, [...(request.browser ?? ownScript), ...(request.headers ?? [])])

    // Without it all that follows could pass because nothing gets through.
    it('lets through what is not hostile', async () => {
      for (const request of [{ target: '/api/orders/7?a=b' }, { target: '/reports', method: 'PUT' }, { target: '/public/%20%25;v' }]) {
        assert.equal((await send(request)).status, carrier.passed(request.method ?? 'GET'), request.target)
      }
    })

    for (const { what, requests, refused } of attacks) {
      it(`refuses ${what}`, async () => {
        const [status, code] = refused.split(' ')
        const reached = [upstream.requests.length, handshakes]

        for (const request of requests) {
          const answer = await send(request)

          const told = `${JSON.stringify(request)} ${answer.status} ${answer.body}`
          assert.equal(answer.status, carrier.statusOf(Number(status)), told)
          assert.equal(answer.header('sallyport-error'), code, told)
          for (const name of ['x-auth-user', 'authorization', 'location']) assert.deepEqual(answer.all(name), [], told)
        }
        assert.deepEqual([upstream.requests.length, handshakes], reached)
      })
    }
  })
}

describe('forward-auth, whatever a client puts beside the question', () => {
  for (const dialect of dialectNames) {
    it(`HDR-12 A-109 judges what ${dialect} says`, async () => {
      const { port, cookie } = asked.get(dialect) ?? assert.fail(dialect)
      // Of this dialect the proxy overwrites its own; a client can send all others.
      const own = { nginx: ['x-original-uri', 'x-original-method'], envoy: [] as string[] }
      const overwritten =
        dialect === 'nginx' || dialect === 'envoy' ? own[dialect] : ['x-forwarded-uri', 'x-forwarded-method', 'x-forwarded-host']
      const all = ['x-original-uri', 'x-original-method', 'x-original-url', 'x-forwarded-uri', 'x-forwarded-method', 'x-forwarded-host']
      const more = ['x-rewrite-url', 'x-http-method-override', 'x-method-override', 'x-auth-request-redirect', 'x_forwarded_uri']
      const lines = [...all, ...more].filter(name => !overwritten.includes(name)).map(name => `${name}: /public`)
      const ask = (target: string, method: string) =>
        port.ask({ target, method, host: ourHost, headers: [`Cookie: ${cookie}`, ...ownScript, ...lines] })

      const [passed, refused, unknown] = [
        await ask('/api/orders', 'POST'),
        await ask('/api/orders', 'DELETE'),
        await ask('/nowhere', 'GET'),
      ]

      assert.deepEqual([passed.status, passed.header('x-auth-user')], [200, 'a1'])
      assert.deepEqual([refused.header('sallyport-error'), unknown.header('sallyport-error')], ['method_not_allowed', 'no_route'])
    })
  }
})
