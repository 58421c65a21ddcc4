import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { setImmediate as nextTurn, setTimeout as wait } from 'node:timers/promises'
import { createRedisStore } from '../../src/store/redis.ts'
import type { Store } from '../../src/store/store.ts'
import { livedMs } from '../support/lived-time.ts'
import { startRedis } from '../support/redis-server.ts'
import { listenToStore } from '../support/store-events.ts'
import { everyVerb, isUnavailable, newId } from './store-under-test.ts'

// What docs/store.md promises, with room for a slow machine.
const answerBoundMs = 1500
const recoveryBoundMs = 2000
const life = { sessionTtlMs: 60_000, vaultTtlMs: 60_000 }

// Each with a server of its own, some side by side: most of their time is waiting.
describe('the Redis store in trouble', { concurrency: 4 }, () => {
  it('RDS-06 rejects every verb at once while no Redis runs, tells it once, and comes back by itself', async t => {
    const { redis, store, events } = await start(t)
    const id = await createFamily(store)

    await redis.stop()
    await events.until('down')
    for (const call of everyVerb(store, id)) {
      const { tookMs } = await failing(call)
      assert.ok(tookMs < 200, `took ${tookMs} ms`)
    }
    await redis.restart()
    const tookMs = await events.until('up')

    assert.ok(tookMs < recoveryBoundMs, `took ${tookMs} ms`)
    assert.deepEqual(await store.readFamily(id, '0'), { session: null, vault: null })
    assert.equal(new Set(events.told).size, events.told.length - 1, `not once for each cause: ${events.told}`)
  })

  it('RDS-06 does not wait at start for a Redis that is not there yet', async t => {
    const { redis } = await start(t)
    await redis.kill()
    const early = listenToStore()
    const startedAt = livedMs()

    const starting = createRedisStore({ url: redis.url, namespace: 'sp', onEvent: early.onEvent })
    assert.ok(livedMs() - startedAt < 200)
    for (const call of everyVerb(starting, newId())) await failing(call)
    await early.until('down')
    await redis.restart()

    assert.ok((await early.until('up')) < recoveryBoundMs)
    assert.equal(await starting.putOnce({ kind: 'attempt', id: newId() }, 'value', 1000), true)
    await starting.close()
  })

  it('RDS-06 gives up on a frozen Redis in time, rejects at once from then on, and comes back by itself', async t => {
    const { redis, store, events } = await start(t)
    const id = await createFamily(store)

    redis.freeze()
    const first = await failing(() => store.readFamily(id, '0'))
    const second = await failing(() => store.readFamily(id, '0'))
    redis.thaw()
    const tookMs = await events.until('up')

    assert.ok(first.tookMs < answerBoundMs, `took ${first.tookMs} ms`)
    assert.ok(second.tookMs < 200, `took ${second.tookMs} ms`)
    assert.ok(tookMs < recoveryBoundMs, `took ${tookMs} ms`)
    assert.deepEqual(await store.readFamily(id, '0'), { session: 'session', vault: 'vault' })
  })

  // Every write starts the client's socket timeout anew: with it alone, all these calls would hang for as
  // long as others follow.
  it('RDS-06 gives up on a frozen Redis in time while requests keep coming', async t => {
    const { redis, store } = await start(t)

    redis.freeze()

    const failures: Promise<Failure>[] = []
    const stopAt = livedMs() + 1.5 * answerBoundMs
    while (livedMs() < stopAt) {
      failures.push(failing(() => store.readFamily(newId(), '0')))
      await wait(20)
    }

    for (const { tookMs } of await Promise.all(failures)) assert.ok(tookMs < answerBoundMs, `took ${tookMs} ms`)
  })

  it('RDS-06 notices a frozen Redis though nobody asks for anything', async t => {
    const { redis, store, events } = await start(t)

    redis.freeze()

    await events.until('down')
    assert.ok((await failing(() => store.ping())).tookMs < 200)
  })

  it('RDS-06 gives up on a Redis that freezes before it has greeted', async t => {
    const { redis } = await start(t)

    redis.freeze()
    const late = listenToStore()
    const starting = createRedisStore({ url: redis.url, namespace: 'sp', onEvent: late.onEvent })

    await failing(() => starting.ping())
    await late.until('down')
    redis.thaw()
    assert.ok((await late.until('up')) < recoveryBoundMs)

    assert.equal(await starting.ping(), undefined)
    await starting.close()
  })

  it('RDS-06 rejects what is waiting when Redis is killed', async t => {
    const { redis, store } = await start(t)

    redis.freeze()
    const waiting = Array.from({ length: 50 }, () => failing(() => store.readFamily(newId(), '0')))
    await nextTurn()
    const startedAt = livedMs()

    await redis.kill()
    await Promise.all(waiting)

    assert.ok(livedMs() - startedAt < answerBoundMs)
  })

  it('waits for a Redis that is slow', async t => {
    const { redis, store, events } = await start(t)
    const id = await createFamily(store)

    redis.freeze()
    const reading = store.readFamily(id, '0')
    await wait(300)
    redis.thaw()

    assert.deepEqual(await reading, { session: 'session', vault: 'vault' })
    assert.deepEqual(events.told, ['up'])
  })

  it('OPS-02 rejects what comes when 2000 commands are waiting, and forgets none of those', async t => {
    const { redis, store } = await start(t)

    redis.freeze()
    let rejectedAtOnce = 0
    let isLate = false
    const calls = Array.from({ length: 2500 }, () =>
      failing(() => store.readFamily(newId(), '0')).then(() => {
        if (!isLate) rejectedAtOnce += 1
      }),
    )

    await nextTurn()
    isLate = true
    await Promise.all(calls)

    // The store's own ping may be among those that wait.
    assert.ok(rejectedAtOnce === 500 || rejectedAtOnce === 501, `${rejectedAtOnce} were rejected at once`)
  })

  it('runs its scripts on a Redis that has forgotten them', async t => {
    const { redis, store } = await start(t)
    await createFamily(store)
    await redis.send('SCRIPT', 'FLUSH', 'SYNC')

    const id = await createFamily(store)

    assert.equal(await store.endFamily(id, 'idle', 1000), true)
  })
})

/** A Redis of the test's own, and a store that is connected to it. */
async function start(t: TestContext) {
  const redis = await startRedis()
  const events = listenToStore()
  const store = createRedisStore({ url: redis.url, namespace: 'sp', onEvent: events.onEvent })
  t.after(async () => {
    await store.close()
    await redis.stop()
  })
  await events.until('up')
  return { redis, store, events }
}

async function createFamily(store: Store): Promise<string> {
  const id = newId()
  assert.equal(await store.createFamily(id, { session: 'session', vault: 'vault' }, life), true)
  return id
}

interface Failure {
  readonly tookMs: number
}

async function failing(call: () => Promise<unknown>): Promise<Failure> {
  const startedAt = livedMs()
  await assert.rejects(async () => call(), isUnavailable)
  return { tookMs: livedMs() - startedAt }
}
