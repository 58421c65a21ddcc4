import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import type { RedisSentinelConfig } from '../../src/config/store-config.ts'
import { createRedisSentinelStore } from '../../src/store/redis.ts'
import type { Store } from '../../src/store/store.ts'
import { eventually } from '../support/eventually.ts'
import { livedMs } from '../support/lived-time.ts'
import { documented, documentedSentinelUser, documentedUser } from '../support/redis-acl.ts'
import { type RedisSentinelSetup, startRedisSentinel } from '../support/redis-sentinel.ts'
import { listenToStore } from '../support/store-events.ts'
import { longest, startTraffic } from './store-traffic.ts'
import { createFamily, everyVerb, hour, isUnavailable, newId } from './store-under-test.ts'

// What docs/store.md promises, with room for a slow machine.
const answerBoundMs = 1500
const recoveryBoundMs = 2000

// As operators are told to have it: what a failover needs is allowed, too.
const users = {
  acl: ['user default off', documentedUser('redis-sentinel')],
  sentinelAcl: ['user default off', documentedSentinelUser()],
}

describe('the Redis store with sentinels', { concurrency: 4 }, () => {
  it('RDS-06 rejects what comes while a killed master has no successor, and goes on with that one by itself', async t => {
    const { redis, store, events } = await start(t, 3)
    const family = await createFamily(store)
    await redis.untilReplicated(1)
    const traffic = startTraffic(t, ordinaryCalls(store, family.id))

    // With the sentinel beside it, which was asked last.
    await redis.sentinels[0]?.kill()
    const before = await redis.kill()
    await events.until('down')
    for (const call of everyVerb(store, newId())) {
      const startedAt = livedMs()
      await assert.rejects(call, isUnavailable)
      assert.ok(livedMs() - startedAt < 200)
    }
    await redis.untilPromoted(before)
    const tookMs = await events.until('up')

    assert.ok(tookMs < recoveryBoundMs, `took ${tookMs} ms`)
    assert.deepEqual(await store.readFamily(family.id, '0'), { session: family.session, vault: family.vault })
    assert.equal(await store.endFamily(family.id, 'logged_out', hour), true)
    const outcomes = await traffic.stop()
    assert.ok(longest(outcomes) < answerBoundMs, `one took ${longest(outcomes)} ms`)
  })

  it('RDS-06 gives up on a frozen master in time, goes on with its successor, and stays there', async t => {
    const { redis, store, events } = await start(t)
    const family = await createFamily(store)
    await redis.untilReplicated(1)
    const traffic = startTraffic(t, ordinaryCalls(store, family.id))

    const before = await redis.freeze()
    await events.until('down')
    await redis.untilPromoted(before)
    const tookMs = await events.until('up')
    before.thaw()
    await redis.untilReplicated(1)
    await eventually(() => store.endFamily(family.id, 'logged_out', hour))
    const outcomes = await traffic.stop()

    assert.ok(tookMs < recoveryBoundMs, `took ${tookMs} ms`)
    assert.ok(longest(outcomes) < answerBoundMs, `one took ${longest(outcomes)} ms`)
    assert.equal((await store.readFamily(family.id, '0')).session, '!logged_out')
    assert.equal(
      events.told.findLast(text => !text.startsWith('unconfirmed')),
      'up',
    )
  })

  it('RDS-06 follows when the master is changed in an orderly way', async t => {
    const { redis, store, events } = await start(t)
    const family = await createFamily(store)
    await redis.untilReplicated(1)
    const traffic = startTraffic(t, ordinaryCalls(store, family.id))

    await redis.failover()
    await events.until('down')
    const tookMs = await events.until('up')

    assert.ok(tookMs < recoveryBoundMs, `took ${tookMs} ms`)
    assert.equal(await store.endFamily(family.id, 'logged_out', hour), true)
    assert.ok(longest(await traffic.stop()) < answerBoundMs)
  })

  // The connections to it stand, and it would go on to answer what is read, from what it had.
  it('RDS-09 leaves a master that has become a replica with the first write that it refuses', async t => {
    const { redis, store, events } = await start(t)
    const family = await createFamily(store)
    await redis.untilReplicated(1)
    const [old, next] = await takeTwo(redis)
    await next.send('REPLICAOF', 'NO', 'ONE')
    await old.send('REPLICAOF', '127.0.0.1', `${next.port}`)
    for (const sentinel of redis.sentinels) await nameMaster(sentinel, next.port)
    const before = events.told.length

    await assert.rejects(() => store.endFamily(family.id, 'logged_out', hour), isUnavailable)
    await assert.rejects(async () => store.readFamily(family.id, '0'), isUnavailable)
    await events.until('up')

    assert.deepEqual(events.told.slice(before), ['down: READONLY', 'up'])
    assert.equal(await store.endFamily(family.id, 'logged_out', hour), true)
  })

  it('takes no notice when all sentinels are away, as long as the master is there', async t => {
    const { redis, store, events } = await start(t)
    const family = await createFamily(store)
    const before = events.told.length
    const traffic = startTraffic(t, ordinaryCalls(store, family.id))

    await Promise.all(redis.sentinels.map(sentinel => sentinel.kill()))
    for (let call = 0; call < 20; call += 1) await store.replaceVault(family.id, family.vault, family.vault)
    const outcomes = await traffic.stop()

    assert.ok(outcomes.length > 0 && outcomes.every(outcome => outcome.isAnswered))
    // On a busy machine the replica may take longer to confirm than anybody waits.
    assert.deepEqual(
      events.told.slice(before).filter(text => !text.startsWith('unconfirmed')),
      [],
    )
  })

  it('RDS-06 waits for a sentinel that answers, and names what is wrong meanwhile', async t => {
    const { redis, store, events } = await start(t, 3)
    await Promise.all(redis.sentinels.map(sentinel => sentinel.kill()))
    const [master] = await takeTwo(redis)

    await master.send('CLIENT', 'KILL', 'TYPE', 'normal')
    await events.until('down')
    await events.untilTold(/^down: sentinel 127\.0\.0\.1:\d+: connect ECONNREFUSED/)
    await assert.rejects(() => store.ping(), isUnavailable)
    await redis.sentinels[1]?.restart()

    assert.ok((await events.until('up')) < recoveryBoundMs)
    assert.equal(await store.ping(), undefined)
  })

  it('asks the next sentinel when one hangs, one knows no such master, and one is behind', async t => {
    const redis = await startRedisSentinel({ ...users, sentinels: 3, downAfterMs: 10_000 })
    t.after(() => redis.stop())
    const [hanging, ignorant, behind] = redis.sentinels
    const [, replica] = await takeTwo(redis)
    hanging?.freeze()
    await ignorant?.send('SENTINEL', 'REMOVE', 'sallyport')
    if (behind !== undefined) await nameMaster(behind, replica.port)
    const { store, events } = open(t, redis)

    await events.untilTold(/^down: what the sentinels name as master is a slave$/)
    await assert.rejects(() => store.ping(), isUnavailable)
    await ignorant?.send('SENTINEL', 'MONITOR', 'sallyport', '127.0.0.1', `${redis.servers[0]?.port}`, '2')
    await events.until('up')

    assert.equal(await store.ping(), undefined)
  })

  it('says so when no sentinel knows the master by that name', async t => {
    const redis = await startRedisSentinel(users)
    t.after(() => redis.stop())
    const { events } = open(t, redis, { master: 'another' })

    await events.untilTold(/^down: sentinel 127\.0\.0\.1:\d+: knows no master of that name$/)
  })
})

/** A set-up of the test's own, and a store that is connected to it. */
async function start(t: TestContext, sentinels: 1 | 3 = 1) {
  const redis = await startRedisSentinel({ ...users, sentinels })
  t.after(() => redis.stop())
  const opened = open(t, redis)
  await opened.events.until('up')
  return { redis, ...opened }
}

function open(t: TestContext, redis: RedisSentinelSetup, changes: Partial<RedisSentinelConfig> = {}) {
  const events = listenToStore()
  const sentinel = { ...redis.options.sentinel, access: documented, ...changes }
  const store = createRedisSentinelStore({ sentinel, access: documented, namespace: 'sp', onEvent: events.onEvent })
  t.after(() => store.close())
  return { store, events }
}

function ordinaryCalls(store: Store, id: string): readonly (() => Promise<unknown>)[] {
  return [
    async () => store.readFamily(id, '0'),
    async () => store.putOnce({ kind: 'attempt', id: newId() }, 'value', hour),
    async () => store.takeOnce({ kind: 'attempt', id: newId() }, 'value'),
  ]
}

async function takeTwo(redis: RedisSentinelSetup) {
  const [first, second] = redis.servers
  assert.ok(first !== undefined && second !== undefined)
  return [first, second] as const
}

/** Has a sentinel forget what it knows, and believe this. */
async function nameMaster(sentinel: RedisSentinelSetup['sentinels'][number], port: number): Promise<void> {
  await sentinel.send('SENTINEL', 'REMOVE', 'sallyport')
  await sentinel.send('SENTINEL', 'MONITOR', 'sallyport', '127.0.0.1', `${port}`, '2')
}
