import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { type IdentityProvider, startIdentityProvider } from '../support/identity-provider.ts'
import { firstResponse, type RawResponse, sendRaw } from '../support/raw-http.ts'
import { createVisitor, type Visitor } from '../support/visitor.ts'
import { handshake, openByHand, type SocketServer, startSocketServer } from '../support/web-socket.ts'

const friend = 'https://other.example.test'
let idp: IdentityProvider
let upstream: SocketServer
let gateway: TestGateway
let alice: Visitor

before(async () => {
  idp = await startIdentityProvider()
  upstream = await startSocketServer()
  const to = upstream.origin
  const routes = [
    { path: '/api/live', upstream: to, token: 'access', websocket: { origins: [friend] } },
    { path: '/page', upstream: to, kind: 'page', websocket: {} },
    { path: '/optional', upstream: to, access: 'optional', websocket: {} },
    { path: '/claimed', upstream: to, require: { claims: { groups: ['nobody'] } }, websocket: {} },
    { path: '/raised', upstream: to, require: { acr: ['urn:example:mfa'] }, websocket: {} },
    { path: '/public', upstream: to, access: 'anyone', websocket: {} },
    { path: '/', upstream: to },
  ]
  const csrf = { allowedOrigins: ['https://allowed.example.test'] }
  gateway = await startGateway({ idp, config: { routes, csrf } })
  alice = createVisitor(gateway)
  await alice.signIn(idp)
})

after(() => Promise.all([gateway.close(), upstream.close(), idp.close()]))

const cookie = () => `Cookie: ${Array.from(alice.jar, ([name, value]) => `${name}=${value}`).join('; ')}`
const ask = async (target: string, ...lines: string[]) => firstResponse(await sendRaw(gateway.port, handshake(target, gateway.host, lines)))

function refused(answer: RawResponse, status: number, code: string): void {
  assert.deepEqual([answer.status, answer.header('sallyport-error'), answer.json().code], [status, code, code])
  assert.equal(answer.header('content-type'), 'application/problem+json; charset=utf-8')
  assert.equal(answer.header('connection'), 'close')
  assert.equal(answer.isComplete, true)
}

describe('the handshake of a WebSocket', () => {
  it('WS-01 A-124 is refused where the route lets none through, and at our own endpoints', async () => {
    for (const target of ['/', '/orders', '/auth/session', '/auth/events', '/auth']) {
      refused(await ask(target, cookie()), 400, 'bad_request')
    }
    assert.deepEqual(upstream.handshakes, [])
    const told = gateway.audit.filter(({ event, reason }) => event === 'refusal' && reason === 'no_websocket')
    assert.equal(told.length, 5)
  })

  it('WS-02 is refused from another origin than our own, and without one where the session cookie is', async () => {
    const foreign = [
      'https://evil.test',
      'https://sibling.example.test',
      'null',
      `http://${gateway.host}`,
      `https://${gateway.host}:8443`,
      `https://${gateway.host}.evil.test`,
      '*',
      '',
    ]
    for (const target of ['/api/live', '/page', '/optional', '/public']) {
      for (const origin of foreign) refused(await ask(target, cookie(), `Origin: ${origin} `), 403, 'cross_site_refused')
    }
    for (const target of ['/api/live', '/page', '/optional']) {
      refused(await ask(target, cookie(), 'Origin:'), 403, 'cross_site_refused')
      refused(await ask(target, cookie(), 'Origin:', 'X-CSRF: 1'), 403, 'cross_site_refused')
      refused(await ask(target, cookie(), 'Origin:', 'Sec-Fetch-Site: same-origin'), 403, 'cross_site_refused')
      refused(await ask(target, cookie(), 'Origin:', `Referer: https://${gateway.host}/`), 403, 'cross_site_refused')
    }
    refused(await ask('/api/live', cookie(), 'Origin: https://allowed.example.test'), 403, 'cross_site_refused')
    assert.deepEqual(upstream.handshakes, [])
  })

  it('WS-02 passes from our own origin, from one that the route lists, and without one from who has no cookie', async () => {
    const before = upstream.handshakes.length

    await openByHand(gateway, '/api/live', [cookie()])
    await openByHand(gateway, '/api/live', [cookie(), `Origin: ${friend}`])
    await openByHand(gateway, '/optional', ['Origin:'])
    await openByHand(gateway, '/public', [cookie(), 'Origin:'])

    assert.equal(upstream.handshakes.length, before + 4)
    refused(await ask('/page', cookie(), `Origin: ${friend}`), 403, 'cross_site_refused')
  })

  it('WS-03 is refused like any request of somebody who may not, and never sent anywhere', async () => {
    const reached = upstream.handshakes.length

    const stranger = await ask('/api/live')
    refused(stranger, 401, 'not_signed_in')
    assert.equal(stranger.json().login_url, '/auth/login')
    refused(await ask('/page', 'Sec-Fetch-Mode: navigate', 'Sec-Fetch-Dest: document', 'Accept: text/html'), 401, 'not_signed_in')
    refused(await ask('/claimed', cookie()), 403, 'claim_missing')
    refused(await ask('/raised', cookie()), 401, 'step_up_required')
    refused(await ask('/api/live', `${cookie()}; ${cookie().slice(8)}`), 401, 'not_signed_in')

    assert.equal(upstream.handshakes.length, reached)
  })

  it('is refused in a version or with a key that WebSocket does not have', async () => {
    const old = await ask('/public', 'Sec-WebSocket-Version: 8')
    refused(old, 400, 'bad_request')
    assert.equal(old.header('sec-websocket-version'), '13')
    for (const line of [
      'Sec-WebSocket-Version:',
      'Sec-WebSocket-Key:',
      'Sec-WebSocket-Key: x',
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ',
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZSEhISE=',
    ])
      refused(await ask('/public', line), 400, 'bad_request')
  })

  it('MSG-09 A-118 is none in another protocol, another version of HTTP, with another method or with a body', async () => {
    const requests = [
      ['GET /public HTTP/1.1', 'Upgrade: h2c'],
      ['GET /public HTTP/1.1', 'Upgrade: websocket, h2c'],
      ['GET /public HTTP/1.1', 'Upgrade: h2c', 'Upgrade: websocket'],
      ['GET /public HTTP/1.1', 'Upgrade: TLS/1.3'],
      ['GET /public HTTP/1.0', 'Upgrade: websocket'],
      ['POST /public HTTP/1.1', 'Upgrade: websocket', 'Content-Length: 2'],
      ['GET /public HTTP/1.1', 'Upgrade: websocket', 'Content-Length: 2'],
      ['GET /public HTTP/1.1', 'Upgrade: websocket', 'Transfer-Encoding: chunked'],
    ]
    const reached = upstream.handshakes.length
    for (const [line, ...more] of requests) {
      const head = [
        line,
        `Host: ${gateway.host}`,
        'Connection: Upgrade, close',
        'Sec-WebSocket-Version: 13',
        'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
        ...more,
      ]
      const body = more.includes('Content-Length: 2') ? 'hi' : more.includes('Transfer-Encoding: chunked') ? '0\r\n\r\n' : ''

      const answer = firstResponse(await sendRaw(gateway.port, `${head.join('\r\n')}\r\n\r\n${body}`))

      // The upstream's own: it was asked as by any request.
      assert.deepEqual([answer.status, answer.header('sallyport-error')], [426, undefined], `${line} ${more}`)
    }
    assert.equal(upstream.handshakes.length, reached)
  })

  it('answers what another server hands over by mistake, and leaves a connection alone that has an answer under way', async t => {
    const { createServer } = await import('node:http')
    const server = createServer((req, res) => (req.url === '/slow' ? undefined : gateway.handler(req, res)))
    server.on('upgrade', gateway.upgrade)
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    t.after(() => server.close())
    const port = (server.address() as { port: number }).port

    const h2c = await sendRaw(port, `GET /public HTTP/1.1\r\nHost: ${gateway.host}\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n`)
    refused(firstResponse(h2c), 400, 'bad_request')
    const behind = await sendRaw(port, `GET /slow HTTP/1.1\r\nHost: ${gateway.host}\r\n\r\n${handshake('/public', gateway.host)}`)
    assert.equal(behind, '')
  })
})
