import assert from 'node:assert/strict'
import { once } from 'node:events'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { createMemoryStore } from '../../src/store/memory.ts'
import type { Store } from '../../src/store/store.ts'
import { brokenStore } from '../support/broken-store.ts'
import { eventually } from '../support/eventually.ts'
import { makeClock, makeSecrets, startGateway, type TestGateway } from '../support/gateway.ts'
import { type IdentityProvider, startIdentityProvider } from '../support/identity-provider.ts'
import { keepAliveMs, makeTurns, roundMs, type Turns } from '../support/turns.ts'
import { createVisitor, type Visitor } from '../support/visitor.ts'
import { openByHand, openWebSocket, type SocketServer, startSocketServer } from '../support/web-socket.ts'
import { close, closing, frame, ping, text } from '../support/web-socket-frames.ts'

let idp: IdentityProvider
let upstream: SocketServer
const state = { isAway: false }
let shared: { readonly store: Store; readonly secrets: Record<string, string>; readonly clock: TestGateway['clock'] }
let turns: Turns
let gateway: TestGateway
let alice: Visitor

beforeEach(async () => {
  idp = await startIdentityProvider()
  upstream = await startSocketServer()
  state.isAway = false
  const clock = makeClock()
  shared = { store: brokenStore(createMemoryStore({ now: clock.now }), state), secrets: makeSecrets(), clock }
  turns = makeTurns()
  const to = upstream.origin
  const routes = [
    { path: '/api/live', upstream: to, token: 'access', websocket: {} },
    { path: '/busy', upstream: to, websocket: { activity: 'frames' } },
    { path: '/public', upstream: to, access: 'anyone', websocket: {} },
  ]
  gateway = await startGateway({ idp, every: turns.every, config: { routes }, ...shared })
  alice = createVisitor(gateway)
  await alice.signIn(idp)
})

afterEach(() => Promise.all([gateway.close(), upstream.close(), idp.close()]))

const cookie = () => Array.from(alice.jar, ([name, value]) => `${name}=${value}`).join('; ')
const open = (target = '/api/live') => openByHand(gateway, target, [`Cookie: ${cookie()}`])
const signOut = (visitor = alice) => visitor.visit('/auth/logout', { method: 'POST' })

/** The round is over when a request that came after it is answered. */
async function round(): Promise<void> {
  turns.turn(roundMs)
  await alice.session().catch(() => undefined)
}

describe('a WebSocket whose session ends', () => {
  it('WS-04 RPL-07 A-053 is closed with 4401 and the reason, as a browser understands it, and so is the upstream', async () => {
    const socket = await openWebSocket(gateway, '/api/live', { cookie: cookie() })
    const peer = await upstream.peer()
    const closed = once(socket, 'close')

    await signOut()
    await round()

    const [{ code, reason, wasClean }] = await closed
    assert.deepEqual([code, reason, wasClean], [4401, 'not_signed_in', true])
    assert.equal((await peer.closed()).code, 1001)
    assert.ok(peer.frames.every(one => one.isMasked))
    await eventually(peer.hasLost)
    await eventually(() => gateway.lines.some(({ event, status, route }) => event === 'request' && status === 101 && route === '/api/live'))
    await eventually(() => turns.count() === 0)
  })

  it('WS-04 RDS-09 is closed when another replica has ended the session', async t => {
    const other = await startGateway({ idp, ...shared })
    t.after(other.close)
    const client = await open()

    await signOut(createVisitor(other, alice.jar))
    await round()

    assert.deepEqual(await client.closed(), { code: 4401, reason: 'not_signed_in' })
  })

  it('WS-04 passes nothing on from there: neither what the client sends nor what the upstream does', async () => {
    const client = await open()
    const peer = await upstream.peer()

    await signOut()
    await round()
    await client.closed()
    client.send(text, 'too late')
    peer.send(text, 'too late as well')
    await eventually(client.hasLost)

    assert.deepEqual([peer.texts(), client.texts()], [[], []])
  })

  it('WS-04 is closed between two frames: one that has begun is brought to its end first', async () => {
    const client = await open()
    const peer = await upstream.peer()
    const long = frame(text, 'x'.repeat(1000))
    peer.socket.write(long.subarray(0, 500))
    client.socket.write(frame(text, 'half of it', { isMasked: true }).subarray(0, 9))
    await eventually(() => peer.socket.bytesRead > 0 && client.socket.bytesRead > 600)

    await signOut()
    await round()
    await eventually(peer.hasLost)
    peer.socket.write(Buffer.concat([long.subarray(500), frame(text, 'and no more')]))

    assert.deepEqual(await client.closed(), { code: 4401, reason: 'not_signed_in' })
    assert.deepEqual(client.texts(), ['x'.repeat(1000)])
    // Within the client's frame nothing can be said.
    assert.deepEqual(peer.frames, [])
  })

  it('WS-04 is cut when the frame that has begun is never finished, or the client does not leave', async () => {
    const [client, silent] = [await open(), await open()]
    const [peer] = upstream.peers
    peer?.socket.write(frame(text, 'x'.repeat(1000)).subarray(0, 500))
    await eventually(() => client.socket.bytesRead > 600)

    await signOut()
    await round()

    await eventually(client.hasLost)
    assert.deepEqual(client.frames, [])
    assert.equal((await silent.closed()).code, 4401)
    await eventually(() => upstream.peers.every(peer => peer.hasLost()))
  })

  it('WS-08 SES-08 runs out with it: frames are no activity, and neither is a store that is away an end', async () => {
    const client = await open()
    const peer = await upstream.peer()

    for (let minute = 0; minute < 29; minute += 1) {
      client.send(text, `${minute}`)
      peer.send(text, `${minute}`)
      gateway.clock.advance(60_000)
      await eventually(() => peer.texts().length === minute + 1)
      await round()
    }
    state.isAway = true
    gateway.clock.advance(90_000)
    await round()
    state.isAway = false
    assert.deepEqual(
      client.frames.filter(({ opcode }) => opcode === close),
      [],
    )
    await round()

    assert.deepEqual(await client.closed(), { code: 4401, reason: 'session_idle' })
  })

  it('WS-08 lives on through what the client sends where the route says activity: frames, but not through pings, nor what the upstream sends', async () => {
    const client = await open('/busy')
    const peer = await upstream.peer()

    for (let minute = 0; minute < 40; minute += 1) {
      client.send(text, `${minute}`)
      await eventually(() => peer.texts().length === minute + 1)
      gateway.clock.advance(60_000)
      await round()
    }
    assert.equal((await alice.session()).authenticated, true)
    for (let minute = 0; minute < 29; minute += 1) {
      client.send(ping, `${minute}`)
      peer.send(text, `${minute}`)
      await eventually(() => client.texts().length === minute + 1 && peer.frames.length === 41 + minute)
      gateway.clock.advance(60_000)
      await round()
    }
    gateway.clock.advance(120_000)
    await round()

    assert.deepEqual(await client.closed(), { code: 4401, reason: 'session_idle' })
  })

  it('WS-08 outlives the access token that it was opened with', async () => {
    const client = await open()
    const peer = await upstream.peer()

    gateway.clock.advance(20 * 60_000)
    await round()
    client.send(text, 'still here')

    await eventually(() => peer.texts().length === 1)
    assert.equal(client.socket.closed, false)
  })
})

describe('a WebSocket when the program stops', () => {
  it('WS-04 is closed with 1001, with a session or without', async () => {
    const [client, guest] = [await open(), await openByHand(gateway, '/public')]

    gateway.drain()

    assert.deepEqual(await Promise.all([client.closed(), guest.closed()]), [
      { code: 1001, reason: '' },
      { code: 1001, reason: '' },
    ])
    await eventually(() => client.hasLost() && guest.hasLost() && upstream.peers.every(peer => peer.hasLost()))
    assert.equal((await (await openByHand(gateway, '/public')).closed()).code, 1001)
  })

  it('is closed by close() as well', async () => {
    const client = await open()

    await gateway.close()

    assert.equal((await client.closed()).code, 1001)
  })
})

describe('a WebSocket of which one side is gone', () => {
  it('is closed with 1014 when the upstream is, between two frames', async () => {
    const clients = [await open(), await open()]
    await upstream.peer(2)

    upstream.peers[0]?.socket.end()
    upstream.peers[1]?.socket.resetAndDestroy()

    for (const client of clients) assert.equal((await client.closed()).code, 1014)
    const lines = () =>
      gateway.lines.filter(({ event, status, route }) => event === 'answer_cut' && route === '/api/live' && status === undefined)
    await eventually(() => lines().length === 2)
    assert.equal(lines()[0]?.upstream, upstream.origin)
  })

  it('is cut when the upstream is, within a frame', async () => {
    const client = await open()
    const peer = await upstream.peer()
    peer.socket.end(frame(text, 'whole').subarray(0, 5))

    await eventually(client.hasLost)

    assert.deepEqual(client.frames, [])
  })

  it('ends for the upstream when the client is, gracefully or not, and what it sent before arrives', async () => {
    const [polite, rude] = [await open(), await open()]
    await upstream.peer(2)

    polite.send(text, 'last words')
    polite.socket.end()
    rude.socket.resetAndDestroy()

    await eventually(() => upstream.peers.every(peer => peer.hasLost()))
    assert.deepEqual(
      upstream.peers.map(peer => peer.texts()),
      [['last words'], []],
    )
    // This upstream does not leave by itself.
    for (const _ of ['heard', 'once', 'twice', 'three times']) turns.turn(keepAliveMs)
    await eventually(() => gateway.lines.filter(({ event, status }) => event === 'request' && status === 101).length === 2)
  })

  it('lets the client hear the rest when it has taken its leave and only reads', async () => {
    const client = await open()
    const peer = await upstream.peer()

    client.send(close, closing(1000))
    client.socket.end()
    await peer.closed()
    peer.send(text, 'one more thing')
    peer.send(close, closing(1000))
    peer.socket.end()

    assert.equal((await client.closed()).code, 1000)
    assert.deepEqual(client.texts(), ['one more thing'])
    await eventually(client.hasLost)
  })
})
