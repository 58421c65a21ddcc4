import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { eventually } from '../support/eventually.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { type IdentityProvider, startIdentityProvider } from '../support/identity-provider.ts'
import { firstResponse, sendRaw } from '../support/raw-http.ts'
import { keepAliveMs, makeTurns, type Turns } from '../support/turns.ts'
import { createVisitor, type Visitor } from '../support/visitor.ts'
import { type FramePeer, handshake, openByHand, type SocketServer, startSocketServer } from '../support/web-socket.ts'
import { binary, close, closing, continuation, frame, frameHead, ping, pong, text } from '../support/web-socket-frames.ts'

let idp: IdentityProvider
let upstream: SocketServer
let turns: Turns
let gateway: TestGateway

beforeEach(async () => {
  idp = await startIdentityProvider()
  upstream = await startSocketServer()
  turns = makeTurns()
  const to = { upstream: upstream.origin, websocket: {} }
  const routes = [
    { path: '/small', ...to, access: 'anyone', limits: { body: '1KiB' } },
    { path: '/signed-in', ...to },
    { path: '/', ...to, access: 'anyone', limits: { body: '1GiB' } },
  ]
  gateway = await startGateway({ idp, every: turns.every, config: { routes } })
})

afterEach(() => Promise.all([gateway.close(), upstream.close(), idp.close()]))

async function open(target: string, lines: readonly string[] = []): Promise<{ client: FramePeer; peer: FramePeer }> {
  const count = upstream.peers.length + 1
  const client = await openByHand(gateway, target, lines)
  return { client, peer: await upstream.peer(count) }
}

/** Written when both connections are closed. */
const refusal = () => eventually(() => gateway.audit.find(({ event }) => event === 'refusal'))

/** What of the bytes written by one side the network has taken: it takes no more once all buffers between here and the reader are full. */
async function takenInTheEnd({ socket }: FramePeer): Promise<number> {
  const taken = () => socket.bytesWritten - socket.writableLength
  let [before, sameFor] = [-1, 0]
  await eventually(() => {
    sameFor = taken() === before ? sameFor + 1 : 0
    before = taken()
    return sameFor > 20
  })
  return before
}

describe('a client that does not keep to the limits', () => {
  const oversized = [
    ['in one frame', frameHead(binary, 1025, { isMasked: true })],
    [
      'in pieces',
      Buffer.concat([
        frame(text, 'x'.repeat(1000), { isMasked: true, isFinal: false }),
        frame(continuation, 'x'.repeat(25), { isMasked: true }),
      ]),
    ],
    ['beyond all measure', Buffer.concat([Buffer.from([0x82, 0xff]), Buffer.alloc(8, 0xff)])],
  ] as const
  for (const [how, bytes] of oversized) {
    it(`WS-06 is closed with 1009 for a message larger than limits.body, ${how}`, async () => {
      const { client, peer } = await open('/small/')
      client.send(text, 'x'.repeat(1024))

      client.socket.write(Buffer.concat([bytes, Buffer.alloc(4)]))

      assert.equal((await client.closed()).code, 1009)
      await eventually(() => peer.hasLost())
      assert.equal(peer.texts()[0]?.length, 1024)
      assert.ok(peer.frames.slice(1).every(one => one.opcode === close || one.payload.length === 1000))
      assert.equal((await refusal()).reason, 'message_too_large')
    })
  }

  it('WS-06 may be sent larger ones', async () => {
    const { client, peer } = await open('/small/')

    peer.send(binary, Buffer.alloc(100_000))

    await eventually(() => client.frames.length === 1)
  })

  it('WS-06 is closed with 1002 for what is no frame of a client, and the upstream sees nothing of it', async () => {
    const { client, peer } = await open('/')

    client.socket.write(
      Buffer.concat([frame(text, 'fine', { isMasked: true }), frame(text, 'not masked'), Buffer.from('GET /admin HTTP/1.1\r\n\r\n')]),
    )

    assert.equal((await client.closed()).code, 1002)
    assert.equal((await peer.closed()).code, 1001)
    assert.deepEqual(peer.texts(), ['fine'])
    assert.equal((await refusal()).reason, 'frame_protocol')
  })

  it('WS-06 is closed with 1008 for more than 10,000 frames in less than 10 s, pings among them', async () => {
    const [{ client: steady, peer }, { client: flooding }] = [await open('/'), await open('/')]
    const many = (opcode: number, count: number) =>
      Buffer.concat(Array.from({ length: count }, () => frame(opcode, '', { isMasked: true })))

    flooding.socket.write(many(ping, 10_001))
    for (let round = 1; round <= 4; round += 1) {
      steady.socket.write(many(text, 6000))
      await eventually(() => peer.frames.length === round * 6000)
      gateway.clock.advance(10_000)
    }

    assert.equal((await flooding.closed()).code, 1008)
    assert.equal(steady.hasLost(), false)
    assert.equal((await refusal()).reason, 'frame_rate')
  })

  it('WS-06 gets 429 in place of a 65th socket for its session, however many it asks for at once', async () => {
    const [alice, bob] = [createVisitor(gateway), createVisitor(gateway)]
    for (const visitor of [alice, bob]) await visitor.signIn(idp)
    const cookie = ({ jar }: Visitor) => `Cookie: ${Array.from(jar, ([name, value]) => `${name}=${value}`).join('; ')}`

    const asked = await Promise.allSettled(Array.from({ length: 70 }, () => openByHand(gateway, '/signed-in', [cookie(alice)])))

    assert.equal(asked.filter(({ status }) => status === 'fulfilled').length, 64)
    const refused = firstResponse(await sendRaw(gateway.port, handshake('/signed-in', gateway.host, [cookie(alice)])))
    assert.deepEqual([refused.status, refused.header('sallyport-error'), refused.header('retry-after')], [429, 'too_many_requests', '1'])
    await openByHand(gateway, '/signed-in', [cookie(bob)])
    const first = asked.find(one => one.status === 'fulfilled')
    first?.value.socket.resetAndDestroy()
    await eventually(() => openByHand(gateway, '/signed-in', [cookie(alice)]).catch(() => null))
  })
})

describe('an upstream that sends what is no frame of a server', () => {
  it('WS-06 is let go, and the client told so with 1014', async () => {
    const { client, peer } = await open('/')

    peer.socket.write(Buffer.concat([frame(text, 'fine'), frame(text, 'masked', { isMasked: true })]))

    assert.equal((await client.closed()).code, 1014)
    assert.deepEqual(client.texts(), ['fine'])
    await eventually(() => peer.hasLost())
  })
})

describe('a side that does not read', () => {
  const total = 96 * 1024 * 1024
  // As much as the system's own buffers hold, on two hops.
  const most = 40 * 1024 * 1024
  const pieces = Array.from({ length: 96 }, () => Buffer.alloc(total / 96))

  for (const slow of ['client', 'upstream'] as const) {
    it(`WS-06 A-121 makes the other wait, and gets everything once it reads: the ${slow}`, async () => {
      const { client, peer } = await open('/')
      const [reader, writer] = slow === 'client' ? [client, peer] : [peer, client]
      reader.socket.removeAllListeners('data')
      reader.socket.pause()

      writer.socket.write(frameHead(binary, total, { isMasked: slow === 'upstream' }))
      if (slow === 'upstream') writer.socket.write(Buffer.alloc(4))
      for (const piece of pieces) writer.socket.write(piece)

      const taken = await takenInTheEnd(writer)
      assert.ok(taken < most, `${taken} bytes were taken`)
      const before = reader.socket.bytesRead
      reader.socket.on('data', () => {})
      reader.socket.resume()
      await eventually(() => reader.socket.bytesRead - before >= total - 1024 * 1024)
    })
  }

  it('WS-06 A-121 is cut off when it takes nothing for as long as pings may go unanswered', async () => {
    const { client, peer } = await open('/')
    client.socket.pause()
    for (let i = 0; i < 96; i += 1) peer.send(binary, pieces[i] ?? '')
    await takenInTheEnd(peer)

    for (let i = 0; i < 4; i += 1) turns.turn(keepAliveMs)

    await eventually(() => peer.hasLost())
  })
})

describe('a client that may be gone', () => {
  it('WS-06 is asked every 25 s, and cut off when nothing has come from it three times', async () => {
    const [{ client: alive, peer }, { client: dead }] = [await open('/'), await open('/')]

    for (let i = 1; i <= 4; i += 1) {
      assert.equal(dead.hasLost(), false)
      turns.turn(keepAliveMs)
      await eventually(() => alive.frames.filter(({ opcode }) => opcode === ping).length === i)
      alive.send(pong, '')
      await eventually(() => peer.frames.length === i)
    }

    await eventually(() => dead.hasLost())
    assert.equal(alive.hasLost(), false)
  })

  it('WS-06 is neither asked nor cut off within a frame', async () => {
    const { client, peer } = await open('/')
    const before = client.socket.bytesRead
    peer.socket.write(frame(text, 'slowly').subarray(0, 4))
    await eventually(() => client.socket.bytesRead > before)

    for (let i = 0; i < 5; i += 1) turns.turn(keepAliveMs)
    peer.socket.write(frame(text, 'slowly').subarray(4))

    await eventually(() => client.texts().length === 1)
    assert.deepEqual(client.frames.length, 1)
  })

  it('is not asked after the upstream has taken its leave', async () => {
    const { client, peer } = await open('/')
    peer.send(close, closing(1000))
    await client.closed()

    turns.turn(keepAliveMs)
    client.send(close, closing(1000))

    await peer.closed()
    assert.equal(client.frames.length, 1)
  })
})
