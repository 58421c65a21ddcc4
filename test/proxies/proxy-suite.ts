import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import { after, before, beforeEach, describe, it } from 'node:test'
import fc from 'fast-check'
import { decodeJwt, jwtVerify } from 'jose'
import { parse } from 'yaml'
import { dialects } from '../../src/request/dialects.ts'
import { createMemoryStore } from '../../src/store/memory.ts'
import { makeAssertionKey, publishedKeys } from '../support/assertions.ts'
import { brokenStore } from '../support/broken-store.ts'
import { type ForwardAuthPort, openForwardAuth } from '../support/forward-auth.ts'
import { makeSecrets, startGateway, type TestGateway } from '../support/gateway.ts'
import { type IdentityProvider, startIdentityProvider } from '../support/identity-provider.ts'
import { type ProxyName, type ProxyProgram, sampleOf, startProxy } from '../support/proxy-program.ts'
import { exchangeRaw, openSocket, readUntil } from '../support/raw-http.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'
import { createVisitor, type Visitor } from '../support/visitor.ts'

/** The proxy itself, the gateway, a provider and an application; the configurations are those of docs/forward-auth.md. */
export function testProxy(name: ProxyName): void {
  const host = 'app.example.test'
  const away = { isAway: false }
  /** Path and query of what the proxy asked about. */
  const questions: string[] = []
  let idp: IdentityProvider
  let app: Upstream
  let gateway: TestGateway
  let verify: ForwardAuthPort
  let proxy: ProxyProgram
  let alice: Visitor

  before(async () => {
    idp = await startIdentityProvider()
    app = await startUpstream((req, res) => {
      if (req.url === '/api/denied') res.writeHead(401, { 'sallyport-error': 'not_signed_in', 'www-authenticate': 'Bearer' })
      res.end('of the application')
    })
    const { routes } = parse(sampleOf('yaml')) as { routes: object[] }
    const more = [
      { path: '/public', access: 'anyone' },
      { path: '/ops', kind: 'api', require: { claims: { groups: ['nobody'] } } },
      { path: '/signed', assertion: { audience: 'https://orders.example' } },
      { path: '/deep', access: 'anyone', encodedSlash: 'pass' },
    ]
    const store = brokenStore(createMemoryStore({ now: Date.now }), away)
    const listen = { host: '127.0.0.1', port: 0, trustedProxies: ['127.0.0.1'] }
    const secrets = { ...makeSecrets(), ASSERTION_KEY: makeAssertionKey() }
    const assertionKeys = [{ id: 'a1', env: 'ASSERTION_KEY' }]
    const config = { listen, forwardAuth: { dialect: name }, assertionKeys, routes: [...routes, ...more] }
    gateway = await startGateway({ idp, store, secrets, config })
    const handler = gateway.forwardAuthHandler ?? assert.fail('no forward-auth')
    verify = await openForwardAuth(
      {
        forwardAuthHandler: (req, res) => {
          questions.push(String(req.headers[dialects[name].uri ?? '']))
          handler(req, res)
        },
      },
      name,
    )
    const appPort = Number(new URL(app.origin).port)
    proxy = await startProxy(name, { gateway: gateway.port, verify: verify.port, app: appPort, host })
    alice = createVisitor({ port: proxy.port, host })
    await alice.signIn(idp, { returnTo: '/reports' })
  })

  after(async () => {
    await proxy?.close()
    await verify?.close()
    await gateway?.close()
    await app?.close()
    await idp?.close()
  })

  beforeEach(() => {
    away.isAway = false
    app.requests.length = 0
    questions.length = 0
  })

  const seen = () => app.requests.at(-1) ?? assert.fail('the application was not reached')
  const stranger = () => createVisitor({ port: proxy.port, host })

  describe(`${name} before an application`, () => {
    it('sends a person who is not signed in to the sign-in, and back to where they wanted to go', async () => {
      const visitor = stranger()
      const wanted = '/reports/2026?from=%C3%A9&a=1'

      const sent = await visitor.visit(wanted)
      const last = await visitor.finish(await idp.signIn(String((await visitor.visit(sent.headers.location ?? '')).headers.location)))
      const page = await visitor.visit(last.headers.location ?? '')

      assert.deepEqual([sent.status, sent.headers.location], [302, `/auth/login?return_to=${encodeURIComponent(wanted)}`])
      assert.deepEqual([last.status, last.headers.location], [303, wanted])
      assert.deepEqual([page.status, page.text], [200, 'of the application'])
      assert.deepEqual(
        app.requests.map(request => request.url),
        [wanted],
      )
    })

    it('answers 401 to a script that is not signed in, and does not redirect it', async () => {
      for (const target of ['/api/orders', '/reports']) {
        const answer = await stranger().call(target)

        assert.deepEqual([answer.status, answer.headers['sallyport-error']], [401, 'not_signed_in'], target)
        assert.equal(answer.headers.location, undefined)
        assert.equal(answer.type, 'application/problem+json')
        assert.equal(JSON.parse(answer.text).login_url, '/auth/login')
      }
      assert.deepEqual(app.requests, [])
    })

    it('PXY-10 CKE-12 gives the application the token and the identity, and not our cookie', async () => {
      alice.jar.set('theme', 'dark')
      const answer = await alice.call('/api/orders?full=1')
      alice.jar.delete('theme')

      assert.equal(answer.status, 200)
      const [bearer = '', ...more] = seen().all('authorization')
      assert.ok(idp.issued.has(bearer.slice('Bearer '.length)))
      assert.deepEqual([more, seen().all('x-auth-user'), seen().all('cookie')], [[], ['a1'], ['theme=dark']])
      assert.deepEqual([seen().url, seen().all('x-auth-email')], ['/api/orders?full=1', []])
    })

    it('A-104 A-106 HDR-01 HDR-02 HDR-03 lets no client say who it is, whatever the route', async () => {
      const names = ['X-Auth-User', 'X-Auth-Email', 'X_Auth_User', 'x_auth-user', 'X.Auth.User', 'Authorization']
      const spoofed = Object.fromEntries(names.map(each => [each, 'mallory']))

      for (const target of ['/api/orders', '/reports', '/public']) {
        await alice.call(target, { headers: spoofed })
        assert.ok(!seen().rawHeaders.includes('mallory'), `${target} ${seen().rawHeaders}`)
      }
      assert.deepEqual([seen().all('x-auth-user'), seen().all('authorization'), seen().all('cookie')], [[], [], []])
    })

    it('HDR-16 gives the application a signed assertion where the route has one, and nobody another', async () => {
      await alice.call('/signed')
      const [assertion = '', ...more] = seen().all('x-auth-assertion')
      // The keys come through the proxy too, without a session.
      const keys = publishedKeys({ port: proxy.port, host })
      const { payload } = await jwtVerify(assertion, keys, { issuer: gateway.origin, audience: 'https://orders.example' })
      assert.deepEqual([more, payload.sub, payload.provider], [[], 'a1', 'main'])
      assert.deepEqual([app.requests.length, questions.length], [1, 1])

      const spellings = ['X-Auth-Assertion', 'X_Auth_Assertion', 'x_auth-assertion', 'X.Auth.Assertion']
      const spoofed = Object.fromEntries(spellings.map(each => [each, 'mallory']))
      for (const target of ['/signed', '/reports', '/api/orders', '/public']) {
        await alice.call(target, { headers: spoofed })
        assert.ok(!seen().rawHeaders.includes('mallory'), `${target} ${seen().rawHeaders}`)
        const audiences = seen()
          .all('x-auth-assertion')
          .map(each => decodeJwt(each).aud)
        assert.deepEqual(audiences, target === '/signed' ? ['https://orders.example'] : [], target)
      }
    })

    it('HDR-12 A-109 lets no client say which request is judged', async () => {
      const names = ['X-Original-URI', 'X-Original-URL', 'X-Original-Method', 'X-Forwarded-Uri', 'X-Forwarded-Method', 'X-Rewrite-URL']
      const answer = await stranger().call('/api/orders', { headers: Object.fromEntries(names.map(each => [each, '/public'])) })

      assert.equal(answer.status, 401)
      assert.deepEqual(questions, ['/api/orders'])
    })

    it('CSRF-02 PXY-06 passes on what is refused', async () => {
      const [foreign, missing] = [
        await alice.call('/api/orders', { site: 'cross-site', headers: { cookie: cookiesOf(alice) } }),
        await alice.call('/ops'),
      ]

      assert.deepEqual([foreign.status, foreign.headers['sallyport-error']], [403, 'cross_site_refused'])
      assert.deepEqual([missing.status, missing.headers['sallyport-error']], [403, 'claim_missing'])
      assert.deepEqual(app.requests, [])
    })

    it('A-098 A-100 A-103 PXY-03 lets no path through that can be read in two ways', async () => {
      const targets = [
        ...['/public/../reports', '/public/%2e%2e/reports', '/public/.%2e/x', '/public/%252e%252e/x', '/public/.', '/public/..;/x'],
        ...['//public', '/public//x', '/public%00', '/public/%c0%ae', '/public#/../x', '/public%23', '/public/a%2fb', '/public/a%5cb'],
        ...['/public\\..\\x', '/public/%', '/public/%zz', '/auth/..%2freports', '/auth/%2e%2e/reports', '/public/..%2f..%2freports'],
      ]

      for (const target of targets) {
        const answer = await exchangeRaw(proxy.port, `GET ${target} HTTP/1.1\r\nHost: ${host}\r\nCookie: ${cookiesOf(alice)}`)
        assert.ok([400, 403, 404].includes(answer.status), `${target}: ${answer.status}`)
        assert.deepEqual(app.requests, [], target)
      }
    })

    // What the proxy makes of a path is its own; what it asked about must be what it sends.
    it('PXY-03 sends the application the path that was judged, byte for byte', async () => {
      const pieces = [
        'a',
        'Z',
        '0',
        '-._~',
        '%20',
        '%25',
        '%C3%A9',
        '%2F',
        '%3B',
        ';v=1',
        ':@',
        "!$&'()*+,=",
        '/',
        '|',
        '"<>',
        '[x]',
        '{y}',
        '^`',
        '%2e',
        '//',
      ]
      let passed = 0

      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.constantFrom(...pieces), { maxLength: 8 }),
          fc.constantFrom('', '?', '?a=b&c', '?x=%2F..'),
          async (path, query) => {
            app.requests.length = 0
            questions.length = 0
            const target = `/deep/${path.join('')}${query}`
            const answer = await exchangeRaw(proxy.port, `GET ${target} HTTP/1.1\r\nHost: ${host}`)
            if (answer.status !== 200) return assert.deepEqual(app.requests, [], target)
            passed++
            assert.deepEqual([questions.length, seen().url], [1, questions[0]], target)
          },
        ),
        { numRuns: 120 },
      )

      assert.ok(passed > 30, `only ${passed} passed`)
    })

    it('brings the body to the application whole, and passes its own 401 on as its own', async () => {
      const body = `name=${'x'.repeat(100_000)}`
      const posted = await alice.call('/api/orders', { method: 'POST', body })
      assert.equal(posted.status, 200, posted.text)
      assert.deepEqual([seen().method, seen().body.length], ['POST', body.length])

      const denied = await alice.call('/api/denied')
      assert.deepEqual([denied.status, denied.text, denied.headers['sallyport-error']], [401, 'of the application', undefined])
    })

    it('CSRF-03 judges the handshake of a socket like any request, and hands it to the application', async () => {
      app.server.once('upgrade', (req, socket) => {
        const accept = createHash('sha1').update(`${req.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
        const head = ['HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade', `Sec-WebSocket-Accept: ${accept}`]
        socket.end(`${[...head, `X-For: ${req.headers['x-auth-user']}`].join('\r\n')}\r\n\r\n`)
      })
      const handshake = async (origin: string) => {
        const lines = [
          'Connection: Upgrade',
          'Upgrade: websocket',
          'Sec-WebSocket-Version: 13',
          'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
        ]
        const head = [`GET /reports/feed HTTP/1.1`, `Host: ${host}`, `Origin: ${origin}`, `Cookie: ${cookiesOf(alice)}`, ...lines]
        const socket = await openSocket(proxy.port)
        socket.write(`${head.join('\r\n')}\r\n\r\n`)
        const answer = await readUntil(socket, text => text.includes('\r\n\r\n'))
        socket.destroy()
        return answer
      }

      const [foreign, own] = [await handshake('https://evil.test'), await handshake(`https://${host}`)]

      assert.match(foreign, /^HTTP\/1\.1 403 /)
      assert.match(own, /^HTTP\/1\.1 101 .*\r\nx-for: a1\r\n/is)
    })

    it('HDR-08 tells the gateway where the client is', async () => {
      // The proxy asks from 127.0.0.1, which is listed; the client comes from elsewhere on this machine.
      const headers = { host, 'x-forwarded-for': '203.0.113.9', 'x-real-ip': '203.0.113.9', forwarded: 'for=203.0.113.9' }
      const request = get({ host: '127.0.0.1', port: proxy.port, path: '/public', localAddress: '127.0.0.5', headers })
      const [response] = (await once(request, 'response')) as [IncomingMessage]
      response.resume()
      await once(response, 'end')

      const line = gateway.lines.filter(({ event }) => event === 'request').at(-1)
      assert.deepEqual([response.statusCode, line?.client_address], [200, '127.0.0.5'])
    })

    it('shuts the door with the next request when somebody has signed out', async () => {
      const visitor = stranger()
      await visitor.signIn(idp, { user: 'bob' })
      const cookie = cookiesOf(visitor)
      assert.equal((await visitor.call('/reports')).status, 200)

      const out = await visitor.call('/auth/logout', { method: 'POST', headers: { accept: 'application/json' } })
      const after = await visitor.call('/reports', { headers: { cookie } })

      assert.deepEqual([out.status, after.status], [200, 401])
    })

    it('answers 503 while the store is away: nobody passes, and nobody is signed out', async () => {
      away.isAway = true
      const [page, call, open] = [await alice.visit('/reports'), await alice.call('/api/orders'), await alice.call('/public')]
      away.isAway = false

      assert.deepEqual([page.status, call.status, open.status], [503, 503, 200])
      assert.ok(call.headers['retry-after'])
      assert.equal(app.requests.length, 1)
      assert.equal((await alice.call('/api/orders')).status, 200)
    })

    it('lets nobody through when the gateway does not answer', async () => {
      await verify.close()

      for (const target of ['/public', '/api/orders']) {
        const { status } = await alice.call(target)
        assert.ok(status >= 500, String(status))
      }
      assert.deepEqual(app.requests, [])
    })
  })
}

function cookiesOf({ jar }: Visitor): string {
  return Array.from(jar, ([name, value]) => `${name}=${value}`).join('; ')
}
