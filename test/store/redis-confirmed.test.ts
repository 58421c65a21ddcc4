import assert from 'node:assert/strict'
import { after, before, describe, it, type TestContext } from 'node:test'
import { createRedisSentinelStore, createRedisStore } from '../../src/store/redis.ts'
import type { Store } from '../../src/store/store.ts'
import { eventually } from '../support/eventually.ts'
import { livedMs } from '../support/lived-time.ts'
import { documented, documentedUser } from '../support/redis-acl.ts'
import { type RedisSentinelSetup, startRedisSentinel } from '../support/redis-sentinel.ts'
import { listenToStore } from '../support/store-events.ts'
import { createFamily, hour, isUnavailable, longLife, newId } from './store-under-test.ts'

const noReplica = 'unconfirmed: no replica confirmed within 100 ms'

describe('endings and rotations, where there are replicas', () => {
  let redis: RedisSentinelSetup

  before(async () => {
    // Nobody is to take over.
    redis = await startRedisSentinel({ downAfterMs: 60_000, acl: ['user default on nopass ~* &* +@all', documentedUser('redis-sentinel')] })
  })
  after(() => redis.stop())

  const master = () => at(redis.servers, 0)
  const replica = () => at(redis.servers, 1)

  async function open(t: TestContext, access = {}) {
    const events = listenToStore()
    const store = createRedisSentinelStore({ sentinel: redis.options.sentinel, access, namespace: 'sp', onEvent: events.onEvent })
    t.after(() => store.close())
    await events.until('up')
    return { store, events, unconfirmed: () => events.told.filter(text => text.startsWith('unconfirmed')) }
  }

  async function countWaits(): Promise<number> {
    return Number(/^cmdstat_wait:calls=(\d+)/m.exec(String(await master().send('INFO', 'commandstats')))?.[1] ?? 0)
  }

  /** What the replica has of a family's session. */
  const onReplica = (id: string) => replica().send('GET', `sp:{${id}}:s:0`)

  it('have reached a replica when the verb is done', async t => {
    const { store, unconfirmed } = await open(t)

    for (let turn = 0; turn < 20; turn += 1) {
      const family = await createFamily(store)
      await store.endFamily(family.id, 'logged_out', hour)
      // On a machine that is too busy for a replica to answer in time, that is told.
      if (unconfirmed().length === 0) assert.equal(await onReplica(family.id), '!logged_out')
    }
  })

  it('are what WAIT is for, and nothing else is', async t => {
    const { store } = await open(t)
    const family = await createFamily(store)
    const item = { kind: 'attempt', id: newId() } as const
    const before = await countWaits()
    await store.readFamily(family.id, '0')
    await store.replaceSession(family.id, '0', family.session, 'next', longLife)
    await store.putOnce(item, 'value', hour)
    await store.takeLease(family.id, 'holder', hour)
    await store.addToIndex({ kind: 'user', id: family.id }, family.id, hour)
    await store.ping()
    assert.equal(await countWaits(), before)

    await store.replaceVault(family.id, family.vault, 'next')
    await store.takeOnce(item, 'value')
    await store.endFamily(family.id, 'logged_out', hour)

    assert.equal(await countWaits(), before + 3)
  })

  it('that come together share one WAIT, and those that come meanwhile the next', async t => {
    const { store } = await open(t)
    const families = await Promise.all(Array.from({ length: 200 }, () => createFamily(store)))
    const before = await countWaits()

    const ended = await Promise.all(families.map(({ id }) => store.endFamily(id, 'logged_out', hour)))

    assert.ok(ended.every(Boolean))
    assert.ok((await countWaits()) - before <= 3, `${await countWaits()} and before ${before}`)
  })

  describe('of which none answers', () => {
    it('are done after a short time, keep nothing else waiting, and are told of once until one answers again', async t => {
      const { store, unconfirmed } = await open(t)
      const [first, second, third] = [await createFamily(store), await createFamily(store), await createFamily(store)]
      replica().freeze()
      t.after(() => replica().thaw())

      const order: string[] = []
      const ending = store.endFamily(first.id, 'logged_out', hour).then(() => order.push('ended'))
      await store.readFamily(second.id, '0')
      order.push('read')
      await ending
      assert.deepEqual(order, ['read', 'ended'])
      await store.replaceVault(second.id, second.vault, 'next')
      assert.deepEqual(unconfirmed(), [noReplica])

      replica().thaw()
      await eventually(async () => (await onReplica(first.id)) === '!logged_out')
      await eventually(async () => Number(await master().send('WAIT', '1', '1000')) > 0)
      await store.replaceVault(second.id, 'next', 'another')
      replica().freeze()
      await store.endFamily(third.id, 'logged_out', hour)
      assert.deepEqual(unconfirmed(), [noReplica, noReplica])
    })

    // Each with a WAIT of its own behind the others, they would take 20 s.
    it('do not queue up', async t => {
      const { store } = await open(t)
      const families = await Promise.all(Array.from({ length: 200 }, () => createFamily(store)))
      replica().freeze()
      t.after(() => replica().thaw())

      const startedAt = livedMs()
      const endings: Promise<boolean>[] = []
      for (const { id } of families) {
        endings.push(store.endFamily(id, 'logged_out', hour))
        await store.ping()
      }
      assert.ok((await Promise.all(endings)).every(Boolean))

      assert.ok(livedMs() - startedAt < 1500)
    })

    it('RDS-06 are rejected with all others when the master hangs', async t => {
      const { store, events, unconfirmed } = await open(t)
      const families = await Promise.all(Array.from({ length: 20 }, () => createFamily(store)))
      master().freeze()
      t.after(() => master().thaw())

      const startedAt = livedMs()
      await Promise.all(families.map(({ id }) => assert.rejects(() => store.endFamily(id, 'logged_out', hour), isUnavailable)))
      assert.ok(livedMs() - startedAt < 1500)
      master().thaw()

      await events.until('up')
      assert.deepEqual(unconfirmed(), [])
    })
  })

  it('are done, and told of, where WAIT is not allowed', async t => {
    const { store, unconfirmed } = await open(t, documented)
    await master().send('ACL', 'SETUSER', documented.username, '-wait')
    const [one, other] = [await createFamily(store), await createFamily(store)]

    assert.equal(await store.endFamily(one.id, 'logged_out', hour), true)
    assert.equal(await store.endFamily(other.id, 'logged_out', hour), true)

    assert.deepEqual(unconfirmed(), ['unconfirmed: WAIT: NOPERM'])
  })

  it('that were asked for before the store is closed are waited for', async t => {
    const { store } = await open(t)
    const families = await Promise.all(Array.from({ length: 3 }, () => createFamily(store)))

    const endings = families.map(({ id }) => store.endFamily(id, 'logged_out', hour))
    await store.close()

    assert.deepEqual(await Promise.all(endings), [true, true, true])
    await assert.rejects(() => store.endFamily(newId(), 'logged_out', hour), isUnavailable)
  })

  it('OPS-02 are rejected when 1000 are kept back already', async t => {
    const { store } = await open(t)
    master().freeze()
    t.after(() => master().thaw())
    let rejected = 0

    const calls = Array.from({ length: 1200 }, () =>
      store.endFamily(newId(), 'logged_out', hour).catch(error => {
        isUnavailable(error)
        rejected += 1
      }),
    )
    await new Promise(setImmediate)
    // One is under way.
    assert.equal(rejected, 199)
    master().thaw()

    assert.equal((await Promise.all(calls)).filter(result => result === false).length, 1001)
  })

  it('do without WAIT on a Redis that is configured as a single one', async t => {
    const events = listenToStore()
    const store: Store = createRedisStore({ url: master().url, namespace: 'sp', onEvent: events.onEvent })
    t.after(() => store.close())
    await events.until('up')
    const before = await countWaits()
    const family = await createFamily(store)

    await store.endFamily(family.id, 'logged_out', hour)

    assert.equal(await countWaits(), before)
  })
})

function at<Item>(items: readonly Item[], index: number): Item {
  const item = items[index]
  assert.ok(item !== undefined)
  return item
}
