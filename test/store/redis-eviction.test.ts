import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { createRedisStore } from '../../src/store/redis.ts'
import { startRedis } from '../support/redis-server.ts'
import { listenToStore } from '../support/store-events.ts'

describe('RDS-11 an eviction policy that could drop what the store counts on', { concurrency: true }, () => {
  async function open(t: TestContext, args: readonly string[], acl: readonly string[] = []) {
    const redis = await startRedis({ args, acl })
    const events = listenToStore()
    const store = createRedisStore({ url: redis.url, namespace: 'sp', onEvent: events.onEvent })
    t.after(async () => {
      await store.close()
      await redis.stop()
    })
    await events.until('up')
    // Answers come in the order of the questions, and that one was the first.
    await store.ping()
    return { redis, store, events, policies: () => events.told.filter(text => text.startsWith('eviction_policy')) }
  }

  it('is told, once for all connections', async t => {
    const { redis, store, events, policies } = await open(t, ['--maxmemory', '64mb', '--maxmemory-policy', 'allkeys-lru'])
    assert.deepEqual(policies(), ['eviction_policy: allkeys-lru'])

    await redis.restart()
    await events.until('up')
    await store.ping()

    assert.deepEqual(policies(), ['eviction_policy: allkeys-lru'])
  })

  it('is told of any policy that evicts, for every key of the store has an end', async t => {
    const { policies } = await open(t, ['--maxmemory', '64mb', '--maxmemory-policy', 'volatile-ttl'])

    assert.deepEqual(policies(), ['eviction_policy: volatile-ttl'])
  })

  it('is none when nothing is evicted', async t => {
    const { policies } = await open(t, ['--maxmemory', '64mb', '--maxmemory-policy', 'noeviction'])

    assert.deepEqual(policies(), [])
  })

  it('is none as long as the memory has no bound', async t => {
    const { policies } = await open(t, ['--maxmemory', '0', '--maxmemory-policy', 'allkeys-lru'])

    assert.deepEqual(policies(), [])
  })

  it('is not looked for where that is not allowed, and all else goes on', async t => {
    const { store, policies } = await open(
      t,
      ['--maxmemory', '64mb', '--maxmemory-policy', 'allkeys-lru'],
      ['user default on nopass ~* &* +@all -info'],
    )

    assert.equal(await store.putOnce({ kind: 'attempt', id: 'item' }, 'value', 1000), true)
    assert.deepEqual(policies(), [])
  })
})
