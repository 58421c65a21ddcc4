import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { createMemoryStore } from '../../src/store/memory.ts'
import type { Store } from '../../src/store/store.ts'
import { brokenStore } from '../support/broken-store.ts'
import { openEvents } from '../support/event-reader.ts'
import { eventually } from '../support/eventually.ts'
import { makeClock, makeSecrets, startGateway, type TestGateway } from '../support/gateway.ts'
import { type IdentityProvider, startIdentityProvider } from '../support/identity-provider.ts'
import { makeTurns, roundMs, type Turns } from '../support/turns.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'
import { createVisitor, type Visitor } from '../support/visitor.ts'

let idp: IdentityProvider
let upstream: Upstream
/** What the upstream has open. */
let answers: ServerResponse[]
/** With what it answers. */
let headers: Record<string, string>
const state = { isAway: false }
let shared: { readonly store: Store; readonly secrets: Record<string, string>; readonly clock: TestGateway['clock'] }
let turns: Turns
let gateway: TestGateway
let visitor: Visitor

beforeEach(async () => {
  answers = []
  headers = { 'content-type': 'text/event-stream' }
  idp = await startIdentityProvider()
  upstream = await startUpstream((_req, res) => {
    answers.push(res)
    res.writeHead(200, headers)
    res.write('data: first\n\n')
  })
  state.isAway = false
  const clock = makeClock()
  shared = { store: brokenStore(createMemoryStore({ now: clock.now }), state), secrets: makeSecrets(), clock }
  turns = makeTurns()
  const routes = [
    { path: '/api/stream', upstream: upstream.origin, access: 'signed-in', token: 'access' },
    { path: '/optional', upstream: upstream.origin, access: 'optional' },
    { path: '/', upstream: upstream.origin, access: 'anyone' },
  ]
  gateway = await startGateway({ idp, every: turns.every, config: { routes }, ...shared })
  visitor = createVisitor(gateway)
  await visitor.signIn(idp)
})

afterEach(() => Promise.all([gateway.close(), upstream.close(), idp.close()]))

const open = async (path = '/api/stream') => {
  const stream = await openEvents(gateway, { jar: visitor.jar, path })
  await stream.until('data: first\n\n')
  return stream
}
const signOut = () => visitor.visit('/auth/logout', { method: 'POST' })

/** The round is over when a request that came after it is answered. */
async function round(): Promise<void> {
  turns.turn(roundMs)
  await visitor.session().catch(() => undefined)
}

describe('an event stream of an upstream', () => {
  it('RPL-07 A-053 ends with the session, cleanly for the client and at once for the upstream', async () => {
    const stream = await open()
    const [answer] = answers
    assert.equal(turns.count(), 1)
    answer?.write('data: second\n\n')
    await stream.until('second')

    await signOut()
    turns.turn(roundMs)

    const { isComplete, body } = await stream.end()
    assert.equal(isComplete, true)
    assert.equal(body, 'data: first\n\ndata: second\n\n')
    await eventually(() => answer?.destroyed)
    assert.equal(turns.count(), 0)
    assert.deepEqual(
      gateway.lines.filter(({ event, route }) => route === '/api/stream' && event === 'answer_cut'),
      [],
    )
    await eventually(() =>
      gateway.lines.some(({ event, route, status }) => event === 'request' && route === '/api/stream' && status === 200),
    )
  })

  it('RPL-07 RDS-09 A-053 ends when another replica has ended the session', async t => {
    const other = await startGateway({ idp, ...shared })
    t.after(other.close)
    const stream = await open()

    await createVisitor(other, visitor.jar).visit('/auth/logout', { method: 'POST' })
    turns.turn(roundMs)

    assert.equal((await stream.end()).isComplete, true)
  })

  it('SES-08 RPL-07 ends when the session runs out: what the upstream sends is no activity', async () => {
    const stream = await open()

    for (let minute = 0; minute < 30; minute += 1) {
      answers[0]?.write('data: more\n\n')
      gateway.clock.advance(60_000)
      await round()
    }

    await stream.end()
    assert.equal((await visitor.session()).reason, 'idle')
  })

  for (const type of ['Text/Event-Stream;charset=UTF-8', 'text/event-stream ; x=y']) {
    it(`RPL-07 ends as well when it calls itself ${type}`, async () => {
      headers = { 'content-type': type }
      const stream = await open('/optional/stream')

      await signOut()
      turns.turn(roundMs)

      assert.equal((await stream.end()).isComplete, true)
    })
  }

  it('RPL-07 is seen to be cut where it announced a length, and takes no other answer for its rest', async () => {
    headers = { 'content-type': 'text/event-stream', 'content-length': '1000' }
    const stream = await open()

    await signOut()
    turns.turn(roundMs)

    const { isComplete, body } = await stream.end()
    assert.equal(isComplete, false)
    assert.equal(body, 'data: first\n\n')
  })

  it('goes on while the store is away, and ends when the session’s end can be seen again', async () => {
    const stream = await open()
    await signOut()

    state.isAway = true
    await round()
    await round()
    answers[0]?.write('data: meanwhile\n\n')
    await stream.until('meanwhile')
    state.isAway = false
    turns.turn(roundMs)

    assert.equal((await stream.end()).isComplete, true)
  })

  it('RPL-07 ends for the upstream at once, though the client reads nothing and has much to fetch', async () => {
    const stream = await open()
    stream.socket.pause()
    const [answer] = answers
    const isClosed = once(answer as ServerResponse, 'close')
    answer?.write(`data: ${'x'.repeat(64 * 1024 * 1024)}\n\n`)

    await signOut()
    turns.turn(roundMs)

    await isClosed
    stream.socket.resume()
    assert.ok((await stream.end()).body.length < 64 * 1024 * 1024)
  })

  it('ends cleanly when the gateway is about to stop, and so does one that begins then', async () => {
    const stream = await open()

    gateway.drain()
    const late = await openEvents(gateway, { jar: visitor.jar, path: '/api/stream' })

    for (const one of [stream, late]) assert.equal((await one.end()).isComplete, true)
    await eventually(() => answers.length === 2 && answers.every(answer => answer.destroyed))
  })

  it('is forgotten when the client leaves, and when the upstream ends it', async () => {
    const [left, ended] = [await open(), await open()]

    left.socket.destroy()
    await eventually(() => answers[0]?.destroyed)
    assert.equal(turns.count(), 1)
    answers[1]?.end()
    await ended.until('0\r\n\r\n')

    assert.equal(turns.count(), 0)
  })

  it('is nobody’s business without a session', async () => {
    const streams = [await open('/public/stream')]
    visitor.jar.clear()
    streams.push(await open('/optional/stream'))

    assert.equal(turns.count(), 0)
    assert.ok(streams.every(({ socket }) => !socket.closed))
  })
})

describe('an answer that is no event stream', () => {
  it('is not watched, and ends when the upstream ends it', async () => {
    headers = { 'content-type': 'text/plain' }
    const stream = await open()
    assert.equal(turns.count(), 0)

    await signOut()
    await round()
    answers[0]?.end('data: last\n\n')

    await stream.until('data: last')
  })
})
