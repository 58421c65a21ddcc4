import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { createMemoryStore } from '../../src/store/memory.ts'
import { createRedisClusterStore, createRedisSentinelStore, createRedisStore } from '../../src/store/redis.ts'
import type { StoreEventListener } from '../../src/store/redis-health.ts'
import type { Store } from '../../src/store/store.ts'
import { makeCertificate } from '../support/certificate.ts'
import { documented, documentedSentinelUser, documentedUser } from '../support/redis-acl.ts'
import { startRedisCluster } from '../support/redis-cluster.ts'
import { startRedisSentinel } from '../support/redis-sentinel.ts'
import { type RedisEntry, type RedisServer, startRedis } from '../support/redis-server.ts'
import { listenToStore } from '../support/store-events.ts'
import { describeStore } from './store-suite.ts'
import { newId, type StoreUnderTest } from './store-under-test.ts'

const keyForm = /^sp:\{[A-Za-z0-9_-]{22}\}:(s:0|s:[a-z]+|n:[a-z]+|v|m|lease|i:user|i:sid|x:user|x:sid|o:attempt|o:result|o:jti|c:\w+)$/
const dueKey = 'sp:{due}:d'

describeStore('the memory store', async () => {
  let now = Date.UTC(2026, 10, 22)
  const store = createMemoryStore({ now: () => now })
  const pass = async (ms: number) => {
    now += ms
  }
  return { store, other: store, pass }
})

describe('the Redis store', { concurrency: true }, () => {
  describeRedisStore('on a Redis as it comes', async () => {
    const redis = await startRedis()
    return single(redis, onEvent => createRedisStore({ url: redis.url, namespace: 'sp', onEvent }))
  })

  // A cluster of one node: it refuses commands and scripts whose keys are in more than one slot.
  describeRedisStore('on a node of a cluster', async () => {
    const redis = await startRedis({ args: ['--cluster-enabled', 'yes'] })
    await redis.send('CLUSTER', 'ADDSLOTSRANGE', '0', '16383')
    while (!String(await redis.send('CLUSTER', 'INFO')).includes('cluster_state:ok')) await wait(20)
    return single(redis, onEvent => createRedisStore({ url: redis.url, namespace: 'sp', onEvent }))
  })

  describeRedisStore('RDS-05 over TLS, as the ACL user of docs/store.md', async () => {
    const certificate = makeCertificate()
    const redis = await startRedis({ tls: certificate, acl: ['user default off', documentedUser('redis')] })
    const url = redis.url.replace('://', `://${documented.username}:${documented.password}@`)
    const tls = { ca: Buffer.from(certificate.cert) }
    return single(redis, onEvent => createRedisStore({ url, tls, namespace: 'sp', onEvent }))
  })

  describeRedisStore('RDS-05 with sentinels, over TLS, as the ACL users of docs/store.md', async () => {
    const tls = makeCertificate()
    const acl = ['user default off', documentedUser('redis-sentinel')]
    const sentinelAcl = ['user default off', documentedSentinelUser()]
    // Nobody is to take over because the machine is busy.
    const redis = await startRedisSentinel({ tls, acl, sentinelAcl, downAfterMs: 10_000 })
    const access = { ...documented, tls: { ca: Buffer.from(tls.cert) } }
    const options = { sentinel: { ...redis.options.sentinel, access }, access, namespace: 'sp' }
    return {
      masters: redis.servers.slice(0, 1),
      openStore: onEvent => createRedisSentinelStore({ ...options, onEvent }),
      dump: redis.dump,
      stop: redis.stop,
    }
  })

  describeRedisStore('RDS-05 on a cluster, over TLS, as the ACL user of docs/store.md', async () => {
    const tls = makeCertificate()
    const redis = await startRedisCluster({ tls, acl: ['user default off', documentedUser('redis-cluster')] })
    const access = { ...documented, tls: { ca: Buffer.from(tls.cert) } }
    return {
      masters: redis.servers,
      openStore: onEvent => createRedisClusterStore({ nodes: redis.options.nodes.slice(0, 1), access, namespace: 'sp', onEvent }),
      dump: redis.dump,
      stop: redis.stop,
    }
  })
})

interface Setting {
  readonly masters: readonly RedisServer[]
  readonly openStore: (onEvent: StoreEventListener) => Store
  readonly dump: () => Promise<readonly RedisEntry[]>
  readonly stop: () => Promise<void>
}

function single(redis: RedisServer, openStore: Setting['openStore']): Setting {
  return { masters: [redis], openStore, dump: redis.dump, stop: redis.stop }
}

function describeRedisStore(name: string, makeSetting: () => Promise<Setting>): void {
  // One after the other, because the last tests look at what the others left.
  describe(name, { concurrency: 1 }, () => {
    let setting: Setting
    const opened: Store[] = []

    before(async () => {
      setting = await makeSetting()
    })
    after(async () => {
      await Promise.all(opened.map(store => store.close()))
      await setting.stop()
    })

    async function openStore(): Promise<Store> {
      const events = listenToStore()
      const store = setting.openStore(events.onEvent)
      opened.push(store)
      await events.until('up')
      return store
    }

    const makeStore = async (): Promise<StoreUnderTest> => {
      const [store, other] = await Promise.all([openStore(), openStore()])
      return { store, other, pass: ms => wait(ms) }
    }
    // Side by side, because most of their time is waiting for lives to pass.
    describeStore('keeps what the interface promises', makeStore, { concurrency: 3 })

    it('RDS-07 leaves no key without an end', async () => {
      const entries = await setting.dump()

      assert.ok(entries.length > 100)
      assert.deepEqual(
        entries.filter(entry => entry.ttlMs < 0),
        [],
      )
    })

    it('RDS-10 names keys after ids alone', async () => {
      const odd = (await setting.dump()).filter(entry => !keyForm.test(entry.key) && entry.key !== dueKey)

      assert.deepEqual(odd, [])
    })

    it('reads a family with one command', async () => {
      const store = await openStore()
      await store.createFamily(newId(), { session: 's', vault: 'v' }, { sessionTtlMs: 1000, vaultTtlMs: 1000 })
      await resetCounts()

      await store.readFamily(newId(), '0')

      assert.deepEqual(await countCommands(), { mget: 1 })
    })

    it('RDS-10 sends nothing for an id that is none', async () => {
      const store = await openStore()
      await resetCounts()

      for (const id of ['*', 'a:b', 'a\r\nFLUSHALL\r\n', 'a\0', 'a'.repeat(10_240)]) {
        await assert.rejects(async () => store.readFamily(id, '0'), TypeError)
        await assert.rejects(async () => store.takeOnce({ kind: 'attempt', id }, 'value'), TypeError)
      }

      assert.deepEqual(await countCommands(), {})
    })

    async function resetCounts(): Promise<void> {
      await Promise.all(setting.masters.map(master => master.send('CONFIG', 'RESETSTAT')))
    }

    /** How often each command came since then, over all masters, without those that only watch. */
    async function countCommands(): Promise<Record<string, number>> {
      const watching = ['config|resetstat', 'hello', 'info', 'ping', 'client|setinfo', 'replconf', 'publish', 'role', 'cluster|slots']
      const counts: Record<string, number> = {}
      for (const master of setting.masters) {
        const lines = String(await master.send('INFO', 'commandstats')).matchAll(/^cmdstat_(\S+):calls=(\d+)/gm)
        for (const [, command = '', calls] of lines)
          if (!watching.includes(command)) counts[command] = (counts[command] ?? 0) + Number(calls)
      }
      return counts
    }
  })
}
