import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { createMemoryStore } from '../../src/store/memory.ts'
import type { Store } from '../../src/store/store.ts'
import { brokenStore } from '../support/broken-store.ts'
import { openEvents } from '../support/event-reader.ts'
import { eventually } from '../support/eventually.ts'
import { makeClock, makeSecrets, sessionConfig, startGateway, type TestGatewayOptions } from '../support/gateway.ts'
import { type IdentityProvider, startIdentityProvider } from '../support/identity-provider.ts'
import { openSocket } from '../support/raw-http.ts'
import { keepAliveMs, makeTurns, roundMs } from '../support/turns.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'
import { createVisitor } from '../support/visitor.ts'

const minute = 60_000

let idp: IdentityProvider
let upstream: Upstream
before(async () => {
  idp = await startIdentityProvider()
  upstream = await startUpstream()
})
after(() => Promise.all([idp.close(), upstream.close()]))

/** A gateway whose rounds run when the test says, and somebody signed in there. */
async function start(t: { after(run: () => unknown): void }, options: TestGatewayOptions = {}) {
  const turns = makeTurns()
  const gateway = await startGateway({ idp, upstream: upstream.origin, every: turns.every, ...options })
  t.after(gateway.close)
  const visitor = createVisitor(gateway)
  await visitor.signIn(idp)
  return { turns, gateway, visitor }
}

describe('GET /auth/events', () => {
  it('is an event stream that nobody keeps or collects, and stays open', async t => {
    const { turns, gateway, visitor } = await start(t)

    const stream = await openEvents(gateway, visitor)
    await stream.until('retry: 2000\n\n')
    turns.turn(roundMs)
    turns.turn(keepAliveMs)
    await stream.until(':\n\n')

    const head = stream.text()
    assert.match(head, /^HTTP\/1\.1 200 /)
    for (const line of ['content-type: text/event-stream; charset=utf-8', 'cache-control: no-store', 'x-accel-buffering: no'])
      assert.ok(head.toLowerCase().includes(`\r\n${line}\r\n`), line)
    assert.doesNotMatch(head, /set-cookie/i)
    assert.deepEqual(stream.events(), [])
    assert.equal(stream.socket.closed, false)
  })

  it('RPL-07 A-053 tells of a logout, and is then over', async t => {
    const { turns, gateway, visitor } = await start(t)
    const streams = [await openEvents(gateway, visitor), await openEvents(gateway, visitor)]

    await visitor.visit('/auth/logout', { method: 'POST' })
    turns.turn(roundMs)

    for (const stream of streams) {
      assert.equal((await stream.end()).isComplete, true)
      assert.deepEqual(stream.events(), [{ event: 'session_ended', data: { reason: 'logged_out' } }])
    }
  })

  it('RPL-07 RDS-09 A-053 tells of a logout at another replica', async t => {
    const clock = makeClock()
    const shared = { store: createMemoryStore({ now: clock.now }), secrets: makeSecrets(), clock }
    const { turns, gateway, visitor } = await start(t, shared)
    const other = await startGateway({ idp, ...shared })
    t.after(other.close)
    const stream = await openEvents(gateway, visitor)

    await createVisitor(other, visitor.jar).visit('/auth/logout', { method: 'POST' })
    turns.turn(roundMs)

    assert.equal((await stream.end()).isComplete, true)
    assert.deepEqual(stream.events(), [{ event: 'session_ended', data: { reason: 'logged_out' } }])
  })

  it('tells of a session that somebody else has ended', async t => {
    const { turns, gateway, visitor } = await start(t, { config: { session: sessionConfig({ perUserLimit: 1 }) } })
    const stream = await openEvents(gateway, visitor)

    await createVisitor(gateway).signIn(idp)
    turns.turn(roundMs)

    await stream.end()
    assert.deepEqual(stream.events(), [{ event: 'session_ended', data: { reason: 'revoked' } }])
  })

  it('SES-08 keeps no session alive, and tells that it is about to run out, once, and that it has', async t => {
    const { turns, gateway, visitor } = await start(t)
    const stream = await openEvents(gateway, visitor)
    const { idle_expires_at } = (await visitor.session()).session

    for (let elapsed = 1; elapsed <= 30; elapsed += 1) {
      gateway.clock.advance(minute)
      turns.turn(roundMs)
      turns.turn(keepAliveMs)
      // By the time of its answer the round is over, too.
      assert.equal((await visitor.session()).authenticated, elapsed < 30)
    }

    await stream.end()
    const [expiring = { event: 'none', data: {} }, ended, ...more] = stream.events()
    const { expires_in, ...told } = expiring.data as Record<string, unknown>
    assert.equal(expiring.event, 'session_expiring')
    assert.deepEqual(told, { reason: 'idle', expires_at: idle_expires_at })
    assert.ok(Number(expires_in) > 110 && Number(expires_in) <= 120, `${expires_in}`)
    assert.deepEqual([ended, ...more], [{ event: 'session_ended', data: { reason: 'idle' } }])
  })

  it('tells again when the session was used and is about to run out again, the last time for good', async t => {
    const session = sessionConfig({ idleTimeout: '5m', absoluteTimeout: '12m' })
    const { turns, gateway, visitor } = await start(t, { config: { session } })
    const stream = await openEvents(gateway, visitor)
    const reasons = () => stream.events().map(({ event, data }) => `${event} ${(data as { reason: string }).reason}`)
    const told = (count: number) => eventually(() => stream.events().length === count)
    const use = async () => {
      await visitor.call('/api/orders')
      await eventually(async () => (await visitor.session()).session.idle_expires_in > 100)
    }

    // A fifth of the idle timeout before the end: shorter than two minutes.
    gateway.clock.advance(4 * minute - 5_000)
    turns.turn(roundMs)
    assert.equal(stream.events().length, 0)
    gateway.clock.advance(5_000)
    turns.turn(roundMs)
    await told(1)
    await use()
    gateway.clock.advance(4 * minute)
    turns.turn(roundMs)
    await told(2)
    await use()
    gateway.clock.advance(3 * minute)
    turns.turn(roundMs)
    await told(3)
    gateway.clock.advance(minute)
    turns.turn(roundMs)

    await stream.end()
    assert.deepEqual(reasons(), ['session_expiring idle', 'session_expiring idle', 'session_expiring expired', 'session_ended expired'])
  })

  it('tells at once who comes shortly before the end', async t => {
    const { gateway, visitor } = await start(t)
    gateway.clock.advance(29 * minute)

    const stream = await openEvents(gateway, visitor)

    await stream.until('event: session_expiring')
  })

  it('RTK-01 holds no token, no claim and none of the credential', async t => {
    const { turns, gateway, visitor } = await start(t)
    const stream = await openEvents(gateway, visitor)
    gateway.clock.advance(29 * minute)
    turns.turn(roundMs)
    await stream.until('session_expiring')
    gateway.clock.advance(minute)
    turns.turn(roundMs)

    await stream.end()

    const [familyId = '', , secret = ''] = decodeURIComponent([...visitor.jar.values()][0] ?? '').split('.')
    const hidden = [...idp.issued, idp.clientSecret, secret, familyId.slice(2), 'alice', 'a1', 'ops']
    assert.equal(secret.length, 43)
    for (const text of hidden) assert.ok(!stream.text().split('\r\n\r\n').slice(1).join('').includes(text), text)
  })

  it('stays open while the store is away, and tells of the end when it is back', async t => {
    const state = { isAway: false }
    const store = createMemoryStore({ now: Date.now })
    const { turns, gateway, visitor } = await start(t, { store: brokenStore(store, state) })
    const stream = await openEvents(gateway, visitor)
    await visitor.visit('/auth/logout', { method: 'POST' })

    state.isAway = true
    for (let round = 0; round < 3; round += 1) turns.turn(roundMs)
    turns.turn(keepAliveMs)
    await stream.until(':\n\n')
    assert.deepEqual(stream.events(), [])
    state.isAway = false
    turns.turn(roundMs)

    await stream.end()
    assert.deepEqual(stream.events(), [{ event: 'session_ended', data: { reason: 'logged_out' } }])
  })

  it('ends without a word when the gateway is about to stop: the session is well', async t => {
    const { gateway, visitor } = await start(t)
    const stream = await openEvents(gateway, visitor)

    gateway.drain()
    const late = await openEvents(gateway, visitor)

    for (const one of [stream, late]) {
      assert.equal((await one.end()).isComplete, true)
      assert.deepEqual(one.events(), [])
    }
    assert.equal((await visitor.session()).authenticated, true)
  })

  it('writes its line in the log when it is over, and nothing to the store', async t => {
    const writes: string[] = []
    const engine = createMemoryStore({ now: Date.now })
    const store = new Proxy(engine, {
      get(target, name: keyof Store) {
        if (name !== 'readFamily') writes.push(name)
        return target[name]
      },
    })
    const { gateway, visitor } = await start(t, { store })
    const lines = () => gateway.lines.filter(({ event, route }) => event === 'request' && route === '/auth/events')
    const session = (await visitor.session()).session.session_id
    writes.length = 0
    const stream = await openEvents(gateway, visitor)
    assert.equal(lines().length, 0)

    gateway.drain()
    await stream.end()

    const { method, status, session_id } = await eventually(() => lines()[0])
    assert.deepEqual({ method, status, session_id }, { method: 'GET', status: 200, session_id: session })
    assert.deepEqual(writes, [])
  })

  it('takes HEAD for a look, and opens nothing', async t => {
    const { turns, visitor } = await start(t)

    const response = await visitor.call('/auth/events', { method: 'HEAD' })

    assert.equal(response.status, 200)
    assert.match(String(response.headers['content-type']), /^text\/event-stream/)
    assert.equal(turns.count(), 0)
  })
})

describe('GET /auth/events, when the client leaves', () => {
  it('keeps neither timers nor a place', async t => {
    const { turns, gateway, visitor } = await start(t)
    const streams = []
    for (let count = 0; count < 20; count += 1) streams.push(await openEvents(gateway, visitor))
    assert.equal(turns.count(), 21)

    for (const { socket } of streams) socket.destroy()

    await eventually(() => turns.count() === 0)
    const again = await openEvents(gateway, visitor)
    assert.match(again.text(), /^HTTP\/1\.1 200 /)
    assert.equal(turns.count(), 2)
  })

  it('before its session was read, opens nothing', async t => {
    const engine = createMemoryStore({ now: Date.now })
    let reads = 0
    let gate: Promise<void> | null = null
    const store: Store = {
      ...engine,
      async readFamily(familyId, member) {
        reads += 1
        await gate
        return engine.readFamily(familyId, member)
      },
    }
    const { turns, gateway, visitor } = await start(t, { store })
    const { promise, resolve } = Promise.withResolvers<void>()
    gate = promise
    reads = 0
    const cookie = [...visitor.jar].map(([name, value]) => `${name}=${value}`).join('; ')
    const socket = await openSocket(gateway.port)
    socket.write(`GET /auth/events HTTP/1.1\r\nHost: ${gateway.host}\r\nSec-Fetch-Site: same-origin\r\nCookie: ${cookie}\r\n\r\n`)
    await eventually(() => reads === 1)

    socket.destroy()
    await eventually(() => gateway.lines.some(({ event, route }) => event === 'request' && route === '/auth/events'))
    resolve()
    gate = null
    await visitor.session()

    assert.equal(turns.count(), 0)
  })
})

describe('GET /auth/events, refused', () => {
  it('is a 401 without a session, at which an EventSource stops asking', async t => {
    const { gateway, visitor } = await start(t)
    const [signedOut, stranger] = [createVisitor(gateway, new Map(visitor.jar)), createVisitor(gateway)]
    await visitor.visit('/auth/logout', { method: 'POST' })
    const idle = createVisitor(gateway)
    await idle.signIn(idp)
    gateway.clock.advance(31 * minute)

    for (const [who, code] of [
      [signedOut, 'not_signed_in'] as const,
      [stranger, 'not_signed_in'] as const,
      [idle, 'session_idle'] as const,
    ]) {
      const response = await who.call('/auth/events', { headers: { accept: 'text/event-stream' } })

      assert.equal(response.status, 401)
      assert.equal(response.body.code, code)
      assert.match(String(response.headers['content-type']), /^application\/problem\+json/)
    }
  })

  it('WEB-11 is a 403 for other sites and for siblings', async t => {
    const { turns, visitor } = await start(t)

    for (const site of ['same-site', 'cross-site'] as const) {
      const response = await visitor.call('/auth/events', { site })

      assert.equal(response.status, 403)
      assert.equal(response.body.code, 'cross_site_refused')
    }
    assert.equal(turns.count(), 0)
  })

  it('is a 429 for the twenty-first of one session, and for nobody else', async t => {
    const { gateway, visitor } = await start(t)
    const other = createVisitor(gateway)
    await other.signIn(idp)
    const streams = []
    for (let count = 0; count < 20; count += 1) streams.push(await openEvents(gateway, visitor))

    const refused = await visitor.call('/auth/events')

    assert.equal(refused.status, 429)
    assert.equal(refused.body.code, 'too_many_requests')
    assert.equal(refused.headers['retry-after'], '1')
    for (const { socket } of streams) assert.equal(socket.closed, false)
    assert.match((await openEvents(gateway, other)).text(), /^HTTP\/1\.1 200 /)
  })

  it('is a 503 while the store is away, which signs nobody out', async t => {
    const state = { isAway: false }
    const { visitor } = await start(t, { store: brokenStore(createMemoryStore({ now: Date.now }), state) })

    state.isAway = true
    const response = await visitor.call('/auth/events')

    assert.equal(response.status, 503)
    assert.equal(response.body.code, 'store_unavailable')
    assert.equal(response.headers['set-cookie'], undefined)
  })

  it('is a 405 for other methods', async t => {
    const { visitor } = await start(t)

    for (const method of ['POST', 'PUT', 'DELETE'] as const) {
      const response = await visitor.call('/auth/events', { method })

      assert.equal(response.status, 405)
      assert.equal(response.headers.allow, 'GET, HEAD')
    }
  })
})
