import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createRedisSentinelStore, createRedisStore } from '../../src/store/redis.ts'
import { formatAddress, readRedisUrl } from '../../src/store/redis-client.ts'
import { startRedisSentinel } from '../support/redis-sentinel.ts'
import { listenToStore } from '../support/store-events.ts'

describe('the URL of Redis', () => {
  it('says where, who, which database, and whether over TLS', () => {
    const ca = Buffer.from('PEM')

    assert.deepEqual(readRedisUrl('redis://redis.internal'), { address: { host: 'redis.internal', port: 6379 }, access: {} })
    assert.deepEqual(readRedisUrl('redis://:a%2Fb@[fd00::1]:7000/0'), {
      address: { host: 'fd00::1', port: 7000 },
      access: { password: 'a/b' },
    })
    assert.deepEqual(readRedisUrl('rediss://me%40home:secret@redis/12', { ca }), {
      address: { host: 'redis', port: 6379 },
      access: { username: 'me@home', password: 'secret', database: 12, tls: { ca } },
    })
    assert.deepEqual(readRedisUrl('rediss://redis').access, { tls: {} })
  })

  it('is refused where it is half encoded, or its path is no number, without being repeated', () => {
    for (const url of ['redis://:sesame%@redis', 'redis://redis/sesame']) {
      assert.throws(
        () => readRedisUrl(url),
        error => error instanceof TypeError && !error.message.includes('sesame'),
      )
    }
  })

  it('is told apart from others by host and port, with IPv6 too', () => {
    assert.equal(formatAddress({ host: 'redis', port: 6379 }), 'redis:6379')
    assert.equal(formatAddress({ host: 'fd00::1', port: 6379 }), '[fd00::1]:6379')
  })
})

describe('the number of a database', () => {
  it('is heeded, by URL and with sentinels', async t => {
    const redis = await startRedisSentinel()
    t.after(() => redis.stop())
    const master = await redis.master()
    const [byUrl, bySentinel] = [listenToStore(), listenToStore()]
    const stores = [
      createRedisStore({ url: `${master.url}/3`, namespace: 'sp', onEvent: byUrl.onEvent }),
      createRedisSentinelStore({ ...redis.options, access: { database: 4 }, namespace: 'sp', onEvent: bySentinel.onEvent }),
    ]
    t.after(() => Promise.all(stores.map(store => store.close())))
    await Promise.all([byUrl.until('up'), bySentinel.until('up')])

    for (const store of stores) await store.putOnce({ kind: 'attempt', id: 'item' }, 'value', 60_000)

    const keyspace = String(await master.send('INFO', 'keyspace')).match(/^db\d+:keys=\d+/gm)
    assert.deepEqual(keyspace, ['db3:keys=1', 'db4:keys=1'])
  })
})
