import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { openEvents } from '../support/event-reader.ts'
import { eventually } from '../support/eventually.ts'
import { makeSecrets, sessionConfig, startGateway, type TestGateway } from '../support/gateway.ts'
import { type IdentityProvider, startIdentityProvider } from '../support/identity-provider.ts'
import { type RedisServer, startRedis } from '../support/redis-server.ts'
import { keepAliveMs, makeTurns, roundMs, type Turns } from '../support/turns.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'
import { createVisitor, type Visitor } from '../support/visitor.ts'

describe('open streams at one of two gateways over one Redis', () => {
  let redis: RedisServer
  let idp: IdentityProvider
  let upstream: Upstream
  let turns: Turns
  let here: TestGateway
  let there: TestGateway

  before(async () => {
    redis = await startRedis()
    idp = await startIdentityProvider()
    upstream = await startUpstream((_req, res) => res.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: first\n\n'))
    turns = makeTurns()
    const options = {
      idp,
      upstream: upstream.origin,
      secrets: { ...makeSecrets(), REDIS_URL: redis.url },
      config: { session: sessionConfig({ store: { kind: 'redis', url: { env: 'REDIS_URL' } } }) },
    }
    here = await startGateway({ ...options, every: turns.every })
    there = await startGateway(options)
    await isUp()
  })
  after(async () => {
    await Promise.all([here?.close(), there?.close()])
    await Promise.all([redis?.stop(), idp?.close(), upstream?.close()])
  })

  const isUp = () =>
    eventually(() =>
      Promise.all([here.ready(), there.ready()]).then(
        () => true,
        () => false,
      ),
    )

  /** Somebody signed in, with a stream of each kind. */
  async function open() {
    const visitor = createVisitor(here)
    await visitor.signIn(idp)
    const streams = [await openEvents(here, visitor), await openEvents(here, { jar: visitor.jar, path: '/reports' })]
    return { visitor, streams }
  }

  const signOutThere = (visitor: Visitor) => createVisitor(there, new Map(visitor.jar)).visit('/auth/logout', { method: 'POST' })

  it('RPL-07 RDS-09 A-053 end when the session is ended at the other', async () => {
    const { visitor, streams } = await open()
    const other = await open()

    await signOutThere(visitor)
    turns.turn(roundMs)

    for (const stream of streams) assert.equal((await stream.end()).isComplete, true)
    assert.deepEqual(streams[0]?.events(), [{ event: 'session_ended', data: { reason: 'logged_out' } }])
    assert.ok(other.streams.every(({ socket }) => !socket.closed))
    for (const { socket } of other.streams) socket.destroy()
  })

  it('stay while Redis stands still, and hear of an end that comes after', async () => {
    const { visitor, streams } = await open()

    redis.freeze()
    turns.turn(roundMs)
    await eventually(async () => (await visitor.call('/auth/session')).status === 503)
    turns.turn(roundMs)
    turns.turn(keepAliveMs)
    await streams[0]?.until(':\n\n')
    redis.thaw()
    await isUp()
    assert.ok(streams.every(({ socket }) => !socket.closed))
    await eventually(async () => (await signOutThere(visitor)).status === 200)

    // The last round of before may still be under way.
    await eventually(() => {
      turns.turn(roundMs)
      return streams.every(({ socket }) => socket.closed)
    })
    assert.deepEqual(streams[0]?.events(), [{ event: 'session_ended', data: { reason: 'logged_out' } }])
  })

  it('end without a word when Redis comes back and knows the session no more: nobody has ended it', async () => {
    const { streams } = await open()

    await redis.kill()
    turns.turn(roundMs)
    await redis.restart()
    await isUp()

    await eventually(() => {
      turns.turn(roundMs)
      return streams.every(({ socket }) => socket.closed)
    })
    assert.deepEqual(streams[0]?.events(), [])
  })
})
