import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { describe, it, type TestContext } from 'node:test'
import { eventually } from '../support/eventually.ts'
import { startGateway } from '../support/gateway.ts'
import { firstResponse, openSocket, readToEnd, responses } from '../support/raw-http.ts'
import { startSocketUpstream } from '../support/upstream.ts'
import { handshake } from '../support/web-socket.ts'
import { frame, text } from '../support/web-socket-frames.ts'

const accept = 'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo='
const smuggled = 'GET /admin HTTP/1.1\r\nHost: app.example.test\r\nAuthorization: Bearer forged\r\n\r\n'

/** A gateway before an upstream that answers the head of each handshake with these bytes, and keeps the connection. */
async function start(t: TestContext, answer: (socket: Socket) => void, route: Record<string, unknown> = {}) {
  const answered = new WeakSet<Socket>()
  const upstream = await startSocketUpstream((socket, received) => {
    if (answered.has(socket) || !received.includes('\r\n\r\n')) return
    answered.add(socket)
    answer(socket)
  })
  const gateway = await startGateway({
    config: { routes: [{ path: '/', upstream: upstream.origin, access: 'anyone', websocket: {}, ...route }] },
  })
  t.after(async () => {
    await gateway.close()
    await upstream.close()
  })
  return { gateway, upstream }
}

describe('an upstream that does not switch', () => {
  const answers = [
    ['200 OK', 'Content-Length: 5\r\n', 'hello'],
    ['426 Upgrade Required', 'Content-Length: 0\r\nConnection: keep-alive\r\n', ''],
    ['403 Forbidden', 'Transfer-Encoding: chunked\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n', '2\r\nno\r\n0\r\n\r\n'],
    ['302 Found', 'Location: https://evil.test/\r\nContent-Length: 0\r\n', ''],
    ['204 No Content', '', ''],
  ]
  for (const [status = '', lines = '', body = ''] of answers) {
    it(`WS-07 A-125 is heard like any answer, and nothing else gets through: ${status}`, async t => {
      const { gateway, upstream } = await start(t, socket =>
        socket.write(`HTTP/1.1 ${status}\r\n${lines}\r\n${body}HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecond`),
      )
      const client = await openSocket(gateway.port)
      client.write(handshake('/chat', gateway.host) + smuggled)
      const whole = readToEnd(client)
      await eventually(() => client.bytesRead > 0)
      client.write(smuggled)
      client.write(frame(text, 'a frame', { isMasked: true }))

      const seen = responses(await whole)

      assert.equal(seen.length, 1)
      assert.equal(`${seen[0]?.status}`, status.slice(0, 3))
      assert.deepEqual(
        [seen[0]?.header('connection'), seen[0]?.header('sallyport-error'), seen[0]?.header('upgrade')],
        ['close', undefined, undefined],
      )
      assert.deepEqual([seen[0]?.isComplete, seen[0]?.header('x-content-type-options')], [true, 'nosniff'])
      assert.equal(upstream.received.length, 1)
      assert.ok(!upstream.received[0]?.includes('/admin') && !upstream.received[0]?.includes('a frame'))
      await eventually(() => upstream.sockets.size === 0)
      const line = await eventually(() => gateway.lines.find(({ event, route }) => event === 'request' && route === '/'))
      assert.equal(String(line.status), status.slice(0, 3))
    })
  }

  it('WS-07 A-125 is heard without end, and its connection is not given to anybody else', async t => {
    const { gateway, upstream } = await start(t, socket => socket.write(`HTTP/1.1 200 OK\r\n\r\npart`))
    const client = await openSocket(gateway.port)
    client.write(handshake('/chat', gateway.host) + smuggled)
    await eventually(() => client.bytesRead > 100)

    client.destroy()

    // A client that is gone is noticed when something is written to it.
    await eventually(() => {
      for (const socket of upstream.sockets) socket.write('more')
      return upstream.sockets.size === 0
    })
    assert.ok(!upstream.received[0]?.includes('/admin'))
  })
})

describe('an upstream that switches to something else', () => {
  const heads = [
    ['no key was read', 'Upgrade: websocket\r\nConnection: Upgrade\r\n'],
    ['another key was read', `Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n`],
    ['another protocol', `Upgrade: h2c\r\nConnection: Upgrade\r\n${accept}\r\n`],
    ['two protocols', `Upgrade: websocket\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n${accept}\r\n`],
    ['two answers to the key', `Upgrade: websocket\r\nConnection: Upgrade\r\n${accept}\r\n${accept}\r\n`],
  ]
  for (const [what, lines = ''] of heads) {
    it(`WS-07 A-125 is not believed: ${what}`, async t => {
      const { gateway, upstream } = await start(t, socket => socket.write(`HTTP/1.1 101 Switching Protocols\r\n${lines}\r\n`))
      const client = await openSocket(gateway.port)
      client.write(handshake('/chat', gateway.host) + smuggled)

      const seen = responses(await readToEnd(client))

      assert.deepEqual(
        seen.map(one => [one.status, one.header('sallyport-error')]),
        [[502, 'upstream_invalid_response']],
      )
      await eventually(() => upstream.sockets.size === 0)
      assert.ok(!upstream.received[0]?.includes('/admin'))
    })
  }

  it('WS-07 is not heard when nobody asked for it, nor without the words for it', async t => {
    const { gateway } = await start(t, socket => socket.write(`HTTP/1.1 101 Switching Protocols\r\n${accept}\r\n\r\n`))
    const client = await openSocket(gateway.port)
    client.write(handshake('/chat', gateway.host))

    const answer = firstResponse(await readToEnd(client))

    assert.equal(answer.header('sallyport-error'), 'upstream_invalid_response')
  })
})

describe('an upstream that does not answer a handshake', () => {
  it('is given as long as any request', async t => {
    const { gateway, upstream } = await start(t, () => undefined, { timeouts: { headers: '50ms' } })
    const client = await openSocket(gateway.port)
    client.write(handshake('/chat', gateway.host))

    const answer = firstResponse(await readToEnd(client))

    assert.deepEqual([answer.status, answer.header('sallyport-error')], [504, 'upstream_timeout'])
    await eventually(() => upstream.sockets.size === 0)
  })

  it('is let go when the client leaves', async t => {
    const { gateway, upstream } = await start(t, () => undefined)
    const client = await openSocket(gateway.port)
    client.write(handshake('/chat', gateway.host))
    await eventually(() => upstream.received[0])

    client.resetAndDestroy()

    await eventually(() => upstream.sockets.size === 0)
  })

  it('WS-07 sees nothing of what the client sends ahead until it has switched', async t => {
    let socket: Socket | undefined
    const { gateway, upstream } = await start(t, one => {
      socket = one
    })
    const client = await openSocket(gateway.port)
    client.write(handshake('/chat', gateway.host))
    client.write(frame(text, 'early', { isMasked: true }))
    await eventually(() => socket)
    assert.ok(upstream.received[0]?.endsWith('\r\n\r\n'))

    socket?.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n${accept}\r\n\r\n`)

    await eventually(() => Buffer.from(upstream.received[0] ?? '', 'latin1').length > 0 && !upstream.received[0]?.endsWith('\r\n\r\n'))
  })
})
