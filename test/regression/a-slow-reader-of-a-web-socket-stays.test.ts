import assert from 'node:assert/strict'
import type { AddressInfo } from 'node:net'
import { describe, it, type TestContext } from 'node:test'
import { closeServer, createPublicServer } from '../../src/listeners.ts'
import { eventually } from '../support/eventually.ts'
import { startGateway } from '../support/gateway.ts'
import { keepAliveMs, makeTurns } from '../support/turns.ts'
import { openByHand, startSocketServer, takenInTheEnd } from '../support/web-socket.ts'
import { binary, close, closing, ping, pong, text } from '../support/web-socket-frames.ts'

// What happened: the watch over answers that are written and not taken looked at WebSockets, too. It compares how much
// waits for the client, and in a tunnel as much may wait at every look while all of it is taken in between: clients that
// read slowly, and those that only sent, were cut off after 60 s, with no word in any log. And a client whose messages
// waited for a slow upstream was taken for gone after 75 s: its pongs waited with them.
// Where that upstream took its leave, the client was not read any more at all: that it left, too, was not seen.
// What holds it now: a connection that was handed over is watched while an answer is written over it, and then by the
// tunnel alone; the tunnel counts nothing against a client that it does not read itself, and reads it once the upstream
// is gone.
async function start(t: TestContext) {
  const upstream = await startSocketServer()
  const turns = makeTurns()
  const route = { path: '/', upstream: upstream.origin, access: 'anyone', websocket: {}, limits: { body: '1GiB' } }
  const gateway = await startGateway({ every: turns.every, config: { routes: [route] } })
  const server = createPublicServer(gateway.config.listen, gateway.handler, {
    upgrade: gateway.upgrade,
    limits: { answerStalledMs: 100, checkEveryMs: 10 },
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.after(async () => {
    gateway.drain()
    await closeServer(server, 0)
    await Promise.all([gateway.close(), upstream.close()])
  })
  const client = await openByHand({ port: (server.address() as AddressInfo).port, host: gateway.host }, '/')
  return { client, gateway, peer: await upstream.peer(), turns }
}

const piece = Buffer.alloc(1024 * 1024)

describe('a WebSocket whose client does not read', () => {
  it('WS-06 stays open while the client sends', async t => {
    const { client, peer } = await start(t)
    client.socket.pause()
    for (let i = 0; i < 32; i += 1) peer.send(binary, piece)

    // Far more looks than it took.
    for (let count = 1; count <= 50; count += 1) {
      client.send(text, 'still here')
      await eventually(() => peer.texts().length === count)
    }

    assert.equal(peer.hasLost(), false)
  })
})

describe('a WebSocket whose upstream does not read', () => {
  it('WS-06 stays open, for the client cannot be heard', async t => {
    const { client, peer, turns } = await start(t)
    peer.socket.pause()
    for (let i = 0; i < 32; i += 1) client.send(binary, piece)
    await takenInTheEnd(client)
    const pings = () => client.frames.filter(({ opcode }) => opcode === ping).length

    for (let round = 1; round <= 5; round += 1) {
      turns.turn(keepAliveMs)
      await eventually(() => client.hasLost() || pings() >= round)
      client.send(pong, '')
    }

    assert.equal(client.hasLost(), false)
    peer.socket.resume()
    await eventually(() => peer.frames.filter(({ opcode }) => opcode === pong).length === 5)
  })
  it('WS-06 ends with its client once the upstream has left', async t => {
    const { client, gateway, peer } = await start(t)
    peer.socket.pause()
    for (let i = 0; i < 32; i += 1) client.send(binary, piece)
    await takenInTheEnd(client)

    peer.send(close, closing(1000))
    peer.socket.end()
    await client.closed()
    peer.socket.destroy()
    client.socket.end()

    await eventually(() => client.socket.closed && !gateway.isBusy())
  })
})
