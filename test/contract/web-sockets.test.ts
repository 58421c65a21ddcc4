import assert from 'node:assert/strict'
import { once } from 'node:events'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { connect } from 'node:tls'
import { makeCertificate } from '../support/certificate.ts'
import { eventually } from '../support/eventually.ts'
import { makeSecrets, startGateway, type TestGateway } from '../support/gateway.ts'
import { type IdentityProvider, startIdentityProvider } from '../support/identity-provider.ts'
import { firstResponse, readToEnd } from '../support/raw-http.ts'
import { createVisitor, type Visitor } from '../support/visitor.ts'
import { framePeer, handshake, openByHand, openWebSocket, type SocketServer, startSocketServer } from '../support/web-socket.ts'
import { binary, close, closing, continuation, ping, pong, text } from '../support/web-socket-frames.ts'

let idp: IdentityProvider
let upstream: SocketServer
let gateway: TestGateway
let alice: Visitor

beforeEach(async () => {
  idp = await startIdentityProvider()
  upstream = await startSocketServer({ echoes: true })
  const to = upstream.origin
  const routes = [
    {
      path: '/api/live',
      upstream: to,
      token: 'access',
      identityHeaders: { 'X-Auth-User': 'sub' },
      setHeaders: { 'X-Api-Key': 'k' },
      websocket: {},
    },
    { path: '/public', upstream: to, access: 'anyone', stripPrefix: true, websocket: {} },
  ]
  gateway = await startGateway({ idp, config: { routes } })
  alice = createVisitor(gateway)
  await alice.signIn(idp)
})

afterEach(() => Promise.all([gateway.close(), upstream.close(), idp.close()]))

const cookie = () => Array.from(alice.jar, ([name, value]) => `${name}=${value}`).join('; ')

describe('a WebSocket', () => {
  it('passes messages both ways, and the closing of either side with its code', async () => {
    const socket = await openWebSocket(gateway, '/api/live', { cookie: cookie() })
    const messages: unknown[] = []
    socket.addEventListener('message', event => messages.push(event.data))

    socket.send('hello')
    socket.send('x'.repeat(100_000))
    await eventually(() => messages.length === 2)
    const closed = once(socket, 'close')
    socket.close(4000, 'bye')

    assert.deepEqual(messages, ['hello', 'x'.repeat(100_000)])
    const [{ code, reason, wasClean }] = await closed
    assert.deepEqual([code, reason, wasClean], [4000, 'bye', true])

    const other = await openWebSocket(gateway, '/public', {})
    const ended = once(other, 'close')
    const peer = await upstream.peer(2)
    peer.send(close, closing(4123, 'enough'))
    assert.deepEqual((await ended).map(event => [event.code, event.reason])[0], [4123, 'enough'])
    await eventually(() => peer.socket.closed)
  })

  it('WS-03 comes to the upstream with the token of the route and without what only the gateway may say', async () => {
    const forged = [
      'Authorization: Bearer forged',
      'X-Auth-User: mallory',
      'x_auth_user: mallory',
      'X-Forwarded-For: 6.6.6.6',
      'Forwarded: for=6.6.6.6',
    ]
    const more = [
      `Cookie: ${cookie()}; theme=dark`,
      'Sec-WebSocket-Protocol: chat, v2',
      'Sec-WebSocket-Extensions: permessage-deflate',
      'X-Fine: yes',
    ]

    await openByHand(gateway, '/api/live/7?a=b', [...forged, ...more, 'Connection: Upgrade, X-Dropped', 'X-Dropped: x'])

    const [{ url, headers, rawHeaders } = assert.fail()] = upstream.handshakes
    assert.equal(url, '/api/live/7?a=b')
    assert.match(String(headers.authorization), /^Bearer (?!forged)/)
    assert.deepEqual([headers['x-auth-user'], headers['x-api-key'], headers.cookie, headers['x-fine']], ['a1', 'k', 'theme=dark', 'yes'])
    assert.deepEqual([headers.upgrade, headers.connection?.toLowerCase()], ['websocket', 'upgrade'])
    assert.deepEqual(
      [headers['sec-websocket-protocol'], headers['sec-websocket-extensions'], headers['sec-websocket-version']],
      ['chat, v2', 'permessage-deflate', '13'],
    )
    assert.deepEqual([headers['x-forwarded-for'], headers['x-forwarded-proto'], headers.via], ['127.0.0.1', 'https', '1.1 sallyport'])
    assert.equal(rawHeaders.filter((name, i) => i % 2 === 0 && /^(x_auth_user|x-dropped)$/i.test(name)).length, 0)
  })

  it('WS-03 is answered with the head that any answer has: what an upstream may not say is taken out', async t => {
    const lines = [
      'Sec-WebSocket-Protocol: chat',
      'Set-Cookie: sallyport=x',
      'Set-Cookie: own=1',
      'Server: s',
      'Sallyport-Error: x',
      'Content-Length: 5',
      'Keep-Alive: timeout=5',
    ]
    const other = await startSocketServer({ lines })
    const front = await startGateway({ config: { routes: [{ path: '/', upstream: other.origin, access: 'anyone', websocket: {} }] } })
    t.after(() => Promise.all([front.close(), other.close()]))

    const { head } = await openByHand(front, '/', ['Sec-WebSocket-Protocol: chat'])

    const lower = head.toLowerCase()
    for (const there of [
      'sec-websocket-protocol: chat',
      'sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo=',
      'set-cookie: own=1',
      'x-content-type-options: nosniff',
    ])
      assert.ok(lower.includes(`\r\n${there}`), there)
    for (const gone of ['set-cookie: sallyport', 'server:', 'sallyport-error', 'content-length', 'keep-alive'])
      assert.ok(!lower.includes(gone), gone)
    assert.equal(lower.split('\r\nconnection: upgrade').length, 2)
  })

  it('passes control frames, pieces of messages and packed ones as they are', async () => {
    await upstream.close()
    upstream = await startSocketServer({ lines: ['Sec-WebSocket-Extensions: permessage-deflate'] })
    const front = await startGateway({ config: { routes: [{ path: '/', upstream: upstream.origin, access: 'anyone', websocket: {} }] } })
    const client = await openByHand(front, '/', ['Sec-WebSocket-Extensions: permessage-deflate'])
    const peer = await upstream.peer()

    for (const [from, to] of [
      [client, peer],
      [peer, client],
    ] as const) {
      from.send(ping, 'are you there')
      from.send(text, 'one', { isFinal: false, reserved: 4 })
      from.send(pong, '')
      from.send(continuation, 'two', { isFinal: false })
      from.send(continuation, '')
      from.send(binary, Buffer.alloc(70_000, 7))
      await eventually(() => to.frames.length === 6)
      assert.deepEqual(
        to.frames.map(({ opcode, isFinal, payload }) => [opcode, isFinal, payload.length]),
        [
          [ping, true, 13],
          [text, false, 3],
          [pong, true, 0],
          [continuation, false, 3],
          [continuation, true, 0],
          [binary, true, 70_000],
        ],
      )
      assert.ok(to.frames[5]?.payload.every(byte => byte === 7))
    }
    await front.close()
  })

  it('WS-05 is TLS on both hops, and an upstream without a certificate for its name gets nothing', async t => {
    const [ours, theirs, other] = [makeCertificate(['app.example.test']), makeCertificate(['localhost']), makeCertificate(['localhost'])]
    const server = await startSocketServer({ tls: theirs })
    const secrets = { ...makeSecrets(), CERT: ours.cert, KEY: ours.key, CA: theirs.cert, OTHER_CA: other.cert }
    const listen = { host: '127.0.0.1', port: 0, tls: { cert: { env: 'CERT' }, key: { env: 'KEY' } } }
    const url = server.origin.replace('127.0.0.1', 'localhost')
    const route = (path: string, ca: string) => ({ path, upstream: { url, tls: { ca: { env: ca } } }, access: 'anyone', websocket: {} })
    const front = await startGateway({ secrets, config: { listen, routes: [route('/', 'CA'), route('/other', 'OTHER_CA')] } })
    t.after(() => Promise.all([front.close(), server.close()]))
    const secure = async () => {
      const socket = connect({ port: front.port, ca: ours.cert, servername: front.host })
      await once(socket, 'secureConnect')
      return socket
    }

    const socket = await secure()
    socket.write(handshake('/', front.host))
    assert.match(String((await once(socket, 'data'))[0]), /^HTTP\/1\.1 101 /)
    const client = framePeer(socket, true)
    const peer = await server.peer()
    client.send(text, 'x'.repeat(100_000))
    peer.send(text, 'y'.repeat(100_000))
    await eventually(() => client.texts()[0]?.length === 100_000 && peer.texts()[0]?.length === 100_000)
    front.drain()
    assert.equal((await client.closed()).code, 1001)

    const refused = await secure()
    refused.write(handshake('/other', front.host))
    assert.equal(firstResponse(await readToEnd(refused)).header('sallyport-error'), 'upstream_unreachable')
    assert.equal(server.handshakes.length, 1)
  })

  it('is one line in the log, at its end', async () => {
    const client = await openByHand(gateway, '/public')
    assert.deepEqual(
      gateway.lines.filter(({ event, route }) => event === 'request' && route === '/public'),
      [],
    )
    gateway.clock.advance(5000)

    client.send(close, closing(1000))
    await client.closed()

    const line = await eventually(() => gateway.lines.find(({ event, route }) => event === 'request' && route === '/public'))
    assert.equal(line.status, 101)
    assert.ok(Number(line.duration_ms) >= 5000)
  })
})
