import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { describe, it, type TestContext } from 'node:test'
import { eventually } from '../support/eventually.ts'
import { startGateway } from '../support/gateway.ts'
import { openSocket, readUntil } from '../support/raw-http.ts'
import { startSocketUpstream } from '../support/upstream.ts'
import { handshake } from '../support/web-socket.ts'
import { frame, readFrames, text } from '../support/web-socket-frames.ts'

// What happened: nobody read from a connection whose handshake was under way, so that the end of it, as browsers and
// programs send it (FIN, not RST), was not seen. The upstream was waited for as long as `timeouts.headers`, and where
// it answered with an event stream that was silent, without end: a connection of the client's and one of the
// upstream's for each.
// What holds it now: until the answer or the tunnel has the connection, answerOver reads. The first that the client
// sends ahead is put back, and waits.
const accept = 'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo='

async function start(t: TestContext, answer: (socket: Socket, received: string) => void = () => undefined) {
  const upstream = await startSocketUpstream(answer)
  const gateway = await startGateway({
    config: { routes: [{ path: '/', upstream: upstream.origin, access: 'anyone', websocket: {} }] },
  })
  t.after(async () => {
    await gateway.close()
    await upstream.close()
  })
  const client = await openSocket(gateway.port)
  client.write(handshake('/chat', gateway.host))
  await eventually(() => upstream.received[0])
  return { gateway, upstream, client }
}

describe('a client that closes before its handshake is answered', () => {
  it('WS-07 PXY-14 is let go at once, and so is the upstream', async t => {
    const { gateway, upstream, client } = await start(t)

    client.end()

    await Promise.all([once(client, 'close'), eventually(() => upstream.sockets.size === 0)])
    await eventually(() => gateway.lines.find(({ event }) => event === 'request'))
  })

  it('WS-07 PXY-14 is let go in the middle of another answer, too, however silent', async t => {
    const { upstream, client } = await start(t, socket => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n')
    })
    await readUntil(client, seen => seen.includes('data: 1'))

    client.end()

    await eventually(() => upstream.sockets.size === 0)
  })
})

describe('a client that sends ahead of the 101', () => {
  it('WS-07 has all of it passed on afterwards, in order', async t => {
    let socket: Socket | undefined
    const { client, upstream } = await start(t, one => {
      socket ??= one
    })
    for (const word of ['one', 'two', 'three']) {
      client.write(frame(text, word, { isMasked: true }))
      await new Promise(resolve => setImmediate(resolve))
    }

    socket?.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n${accept}\r\n\r\n`)
    client.write(frame(text, 'four', { isMasked: true }))

    const seen = await eventually(() => {
      const received = upstream.received[0] ?? ''
      const { frames } = readFrames(Buffer.from(received.slice(received.indexOf('\r\n\r\n') + 4), 'latin1'))
      return frames.length >= 4 && frames
    })
    assert.deepEqual(
      seen.map(({ payload }) => String(payload)),
      ['one', 'two', 'three', 'four'],
    )
  })
})
