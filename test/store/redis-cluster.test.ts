import assert from 'node:assert/strict'
import { after, before, describe, it, type TestContext } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { createRedisClusterStore } from '../../src/store/redis.ts'
import { slotOf } from '../../src/store/redis-slots.ts'
import type { Store } from '../../src/store/store.ts'
import { eventually } from '../support/eventually.ts'
import { livedMs } from '../support/lived-time.ts'
import { documented, documentedUser } from '../support/redis-acl.ts'
import { type RedisClusterSetup, startRedisCluster } from '../support/redis-cluster.ts'
import { type RedisServer, startRedis } from '../support/redis-server.ts'
import { listenToStore } from '../support/store-events.ts'
import { longest, startTraffic } from './store-traffic.ts'
import { createFamily, everyVerb, hour, isUnavailable, newId } from './store-under-test.ts'

// What docs/store.md promises, with room for a slow machine.
const answerBoundMs = 1500
const recoveryBoundMs = 2000

// As operators are told to have it: what a failover and a moving slot need is allowed, too.
const acl = ['user default off', documentedUser('redis-cluster')]

describe('the slot of a key', () => {
  it('is the one that Redis says', async t => {
    const redis = await startRedis({ args: ['--cluster-enabled', 'yes'] })
    t.after(() => redis.stop())
    const tags = Array.from({ length: 50 }, () => `sp:{${newId()}}:s:0`)

    for (const key of ['123456789', '', 'a', '{}', '{}a', 'a{}{b}', 'a{b', 'a}b{c}', '{{a}}', '{a}{b}', ...tags]) {
      assert.equal(slotOf(key), await redis.send('CLUSTER', 'KEYSLOT', key), key)
    }
  })
})

describe('the Redis store on a cluster', { concurrency: true }, () => {
  // One after the other, over one cluster.
  describe('that has no replicas', { concurrency: 1 }, () => {
    let redis: RedisClusterSetup

    before(async () => {
      redis = await startRedisCluster({ acl, spares: 1 })
    })
    after(() => redis.stop())

    it('keeps each family on the master of its slot, and reaches all of them', async t => {
      const { store } = await openUp(t, redis)
      const families = await Promise.all(Array.from({ length: 60 }, () => createFamily(store)))

      for (const [at, server] of redis.servers.slice(0, 3).entries()) {
        const keys = await server.dump()
        assert.ok(keys.length >= 9, `master ${at} has ${keys.length} keys`)
      }
      for (const { id, session, vault } of families) assert.deepEqual(await store.readFamily(id, '0'), { session, vault })
    })

    it('RDS-06 loses no call while a slot moves', async t => {
      const { store, events } = await openUp(t, redis)
      const family = await createFamily(store)
      const [item, index] = [{ kind: 'attempt', id: family.id } as const, { kind: 'user', id: family.id } as const]
      await store.putOnce(item, 'value', hour)
      await store.addToIndex(index, family.id, hour)
      const to = await anotherThan(redis, family.id)
      const told = events.told.length
      const traffic = startTraffic(t, [
        async () => store.readFamily(family.id, '0'),
        async () => store.replaceVault(family.id, family.vault, family.vault),
        async () => store.readIndex(index),
        async () => store.peekOnce(item),
      ])

      await redis.moveSlot(family.id, to)
      const outcomes = await traffic.stop()

      assert.ok(outcomes.length > 0)
      assert.equal(outcomes.filter(outcome => !outcome.isAnswered).length, 0)
      assert.equal(await redis.masterOf(family.id), to)
      assert.equal(await store.takeOnce(item, 'value'), true)
      assert.deepEqual(await store.readIndex(index), [family.id])
      assert.deepEqual(withoutUnconfirmed(events.told.slice(told)), [])
    })

    it('follows a slot to a master that it did not know', async t => {
      const { store } = await openUp(t, redis)
      const family = await createFamily(store)
      const spare = redis.servers[3]
      assert.ok(spare !== undefined)

      await redis.moveSlot(family.id, spare)
      const startedAt = performance.now()
      const isRead = await store.readFamily(family.id, '0').then(
        () => true,
        error => !isUnavailable(error),
      )

      // A busy machine may take longer to connect than any call waits for it.
      assert.ok(isRead || performance.now() - startedAt > 700)
      await eventually(async () => (await store.readFamily(family.id, '0')).session === family.session)

      assert.equal(await redis.masterOf(family.id), spare)
      assert.equal(await store.endFamily(family.id, 'logged_out', hour), true)
    })

    it('finds what has moved while the rest of its slot has not, and what is new there', async t => {
      const { store } = await openUp(t, redis)
      const id = newId()
      const [moved, index] = [{ kind: 'attempt', id } as const, { kind: 'user', id } as const]
      await store.putOnce(moved, 'value', hour)

      await redis.moveSlot(id, await anotherThan(redis, id), async () => {
        assert.deepEqual(await store.peekOnce(moved), { state: 'live', value: 'value' })
        assert.equal(await store.takeOnce(moved, 'another'), false)
        assert.equal(await store.takeOnce(moved, 'value'), true)
        assert.equal(await store.takeLease(id, 'holder', hour), true)
        await store.addToIndex(index, id, hour)
      })

      assert.deepEqual(await store.peekOnce(moved), { state: 'spent' })
      assert.deepEqual(await store.readIndex(index), [id])
      assert.equal(await store.extendLease(id, 'holder', hour), true)
    })

    it('RDS-06 asks again for a family that is partly moved, and not for long', async t => {
      const { store, events } = await openUp(t, redis)
      const family = await createFamily(store)
      const master = await redis.masterOf(family.id)
      const told = events.told.length

      await redis.moveSlot(family.id, await anotherThan(redis, family.id), async () => {
        await master.send('CONFIG', 'RESETSTAT')
        const startedAt = livedMs()
        await assert.rejects(async () => store.readFamily(family.id, '0'), isUnavailable)
        assert.ok(livedMs() - startedAt < answerBoundMs)
        assert.match(String(await master.send('INFO', 'errorstats')), /^errorstat_TRYAGAIN:count=4\r$/m)
      })

      assert.deepEqual(await store.readFamily(family.id, '0'), { session: family.session, vault: family.vault })
      assert.deepEqual(withoutUnconfirmed(events.told.slice(told)), [])
    })

    it('RDS-06 rejects while a node says that the cluster is down, and goes on when it is up', async t => {
      const { store, events } = await openUp(t, redis)
      const family = await createFamily(store)
      const master = await redis.masterOf(family.id)
      const empty = await idOn(redis, master)
      t.after(() => master.send('CLUSTER', 'ADDSLOTS', String(slotOf(empty))).catch(() => {}))

      await master.send('CLUSTER', 'DELSLOTS', String(slotOf(empty)))
      await assert.rejects(async () => store.readFamily(family.id, '0'), isUnavailable)
      await events.untilTold(/^down: cluster: CLUSTERDOWN$/)
      await master.send('CLUSTER', 'ADDSLOTS', String(slotOf(empty)))
      await eventually(async () => (await store.readFamily(family.id, '0')).session === family.session)

      await events.until('up')
      assert.equal(await store.ping(), undefined)
    })

    it('RDS-06 rejects what belongs to a node that is away, and comes back when it does', async t => {
      const { store, events } = await openUp(t, redis)
      const [family, other] = await familiesOfTwo(redis, store)

      const server = await redis.kill(family.id)
      await events.until('down')
      await assert.rejects(async () => store.readFamily(family.id, '0'), isUnavailable)
      await assert.rejects(() => store.ping(), isUnavailable)
      assert.equal((await store.readFamily(other.id, '0')).session, other.session)
      await server.restart()

      assert.ok((await events.until('up')) < recoveryBoundMs)
      assert.equal(await store.ping(), undefined)
    })

    it('begins with whichever node answers', async t => {
      const [first] = redis.servers
      assert.ok(first !== undefined)
      let id = newId()
      while ((await redis.masterOf(id)) === first) id = newId()
      t.after(() => first.thaw())

      first.freeze()
      const { store, events } = open(t, redis)
      await eventually(async () => (await store.readFamily(id, '0')).session === null)
      assert.ok(!events.told.includes('up'))
      first.thaw()

      await events.until('up')
    })

    it('RDS-06 waits for a node that answers', async t => {
      const seeds = redis.servers.slice(0, 3)
      await Promise.all(seeds.map(server => server.kill()))
      const { store, events } = open(t, redis)

      await events.untilTold(/^down: cluster: 127\.0\.0\.1:\d+: CLUSTER SLOTS: connect ECONNREFUSED/)
      for (const call of everyVerb(store, newId())) await assert.rejects(call, isUnavailable)
      await Promise.all(seeds.map(server => server.restart()))

      await events.until('up')
      assert.equal(await store.ping(), undefined)
    })
  })

  it('RDS-06 rejects what belongs to a killed master, serves the rest, and goes on with its successor by itself', async t => {
    const { redis, store, events } = await startWithReplicas(t)
    const [family, other] = await familiesOfTwo(redis, store)
    await untilNobodyConnects(redis)
    const traffic = startTraffic(t, ordinaryCalls(store, family.id))

    const before = await redis.kill(family.id)
    await events.until('down')
    for (const call of ordinaryCalls(store, family.id)) {
      const startedAt = livedMs()
      await assert.rejects(call, isUnavailable)
      assert.ok(livedMs() - startedAt < 200)
    }
    assert.deepEqual(await store.readFamily(other.id, '0'), { session: other.session, vault: other.vault })
    await redis.untilPromoted(family.id, before)
    const tookMs = await events.until('up')

    assert.ok(tookMs < recoveryBoundMs, `took ${tookMs} ms`)
    assert.deepEqual(await store.readFamily(family.id, '0'), { session: family.session, vault: family.vault })
    assert.equal(await store.endFamily(family.id, 'logged_out', hour), true)
    assert.ok(longest(await traffic.stop()) < answerBoundMs)
  })

  it('RDS-06 gives up on a frozen master in time, goes on with its successor, and stays there', async t => {
    const { redis, store, events } = await startWithReplicas(t)
    const [family, other] = await familiesOfTwo(redis, store)
    const traffic = startTraffic(t, ordinaryCalls(store, family.id))
    const elsewhere = startTraffic(t, [async () => store.readFamily(other.id, '0')])

    const before = await redis.freeze(family.id)
    await events.until('down')
    const unharmed = await elsewhere.stop()
    await redis.untilPromoted(family.id, before)
    const tookMs = await events.until('up')
    before.thaw()
    assert.equal(await store.endFamily(family.id, 'logged_out', hour), true)

    assert.ok(tookMs < recoveryBoundMs, `took ${tookMs} ms`)
    assert.ok(longest(await traffic.stop()) < answerBoundMs)
    assert.ok(unharmed.every(outcome => outcome.isAnswered))
    assert.equal((await store.readFamily(family.id, '0')).session, '!logged_out')
  })

  it('follows when a master is changed in an orderly way, and has nothing more to do with the old one', async t => {
    const { redis, store, events } = await startWithReplicas(t)
    const family = await createFamily(store)
    const before = await redis.masterOf(family.id)

    const next = await redis.failover(family.id)
    assert.equal(await store.endFamily(family.id, 'logged_out', hour), true)

    assert.ok((await next.dump()).some(entry => entry.value === '!logged_out'))
    await eventually(
      async () =>
        String(await before.send('CLIENT', 'LIST', 'TYPE', 'NORMAL'))
          .trim()
          .split('\n').length === 1,
    )
    const told = events.told.length
    await before.kill()
    assert.equal((await store.readFamily(family.id, '0')).session, '!logged_out')
    assert.deepEqual(withoutUnconfirmed(events.told.slice(told)), [])
  })
})

async function startWithReplicas(t: TestContext) {
  const redis = await startRedisCluster({ acl, replicas: 1 })
  t.after(() => redis.stop())
  return { redis, ...(await openUp(t, redis)) }
}

/** A store that is connected to all masters. */
async function openUp(t: TestContext, redis: RedisClusterSetup) {
  const opened = open(t, redis)
  await opened.events.until('up')
  return opened
}

function open(t: TestContext, redis: RedisClusterSetup) {
  const events = listenToStore()
  const store = createRedisClusterStore({ ...redis.options, access: documented, namespace: 'sp', onEvent: events.onEvent })
  t.after(() => store.close())
  return { store, events }
}

function ordinaryCalls(store: Store, id: string): readonly (() => Promise<unknown>)[] {
  return [
    async () => store.readFamily(id, '0'),
    async () => store.replaceSession(id, '0', 'another', 'next', { sessionTtlMs: hour, vaultTtlMs: hour }),
    async () => store.replaceVault(id, 'another', 'next'),
    async () => store.readIndex({ kind: 'user', id }),
    async () => store.takeOnce({ kind: 'attempt', id }, 'value'),
  ]
}

/** Two families on different masters; a replica has them too, where there are replicas. */
async function familiesOfTwo(redis: RedisClusterSetup, store: Store) {
  const family = await createFamily(store)
  const master = await redis.masterOf(family.id)
  let other = await createFamily(store)
  while ((await redis.masterOf(other.id)) === master) other = await createFamily(store)
  for (const { id, vault } of [family, other]) await store.replaceVault(id, vault, vault)
  return [family, other] as const
}

/** After a start the map is read once more, over a connection of its own. What comes later has another cause. */
async function untilNobodyConnects(redis: RedisClusterSetup): Promise<void> {
  const count = async () => {
    const answers = await Promise.all(redis.servers.map(server => server.send('INFO', 'stats')))
    return answers.map(text => /^total_connections_received:(\d+)/m.exec(String(text))?.[1]).join()
  }
  await eventually(async () => {
    const before = await count()
    await wait(700)
    return (await count()) === before
  })
}

async function anotherThan(redis: RedisClusterSetup, id: string): Promise<RedisServer> {
  const master = await redis.masterOf(id)
  const other = redis.servers.find(server => server !== master)
  assert.ok(other !== undefined)
  return other
}

/** An id in a slot of this master in which nothing is kept. */
async function idOn(redis: RedisClusterSetup, master: RedisServer): Promise<string> {
  for (;;) {
    const id = newId()
    const isThere = (await redis.masterOf(id)) === master
    if (isThere && (await master.send('CLUSTER', 'COUNTKEYSINSLOT', String(slotOf(id)))) === 0) return id
  }
}

function withoutUnconfirmed(told: readonly string[]): readonly string[] {
  return told.filter(text => !text.startsWith('unconfirmed'))
}
