import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { after, before, describe, it } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { createMemoryStore } from '../../src/store/memory.ts'
import { createRedisStore, type RedisStoreOptions } from '../../src/store/redis.ts'
import type { Store } from '../../src/store/store.ts'
import { makeCertificate } from '../support/certificate.ts'
import { type RedisServer, type RedisServerOptions, startRedis } from '../support/redis-server.ts'
import { describeStore } from './store-suite.ts'
import { newId, type StoreUnderTest } from './store-under-test.ts'

const keyForm = /^sp:\{[A-Za-z0-9_-]{22}\}:(s:0|v|m|lease|i:user|i:sid|x:user|x:sid|o:attempt|o:result)$/

describeStore('the memory store', async () => {
  let now = Date.UTC(2026, 10, 22)
  const store = createMemoryStore({ now: () => now })
  const pass = async (ms: number) => {
    now += ms
  }
  return { store, other: store, pass }
})

describe('the Redis store', { concurrency: true }, () => {
  describeRedisStore('on a Redis as it comes', async () => ({}))

  // A cluster of one node: it refuses commands and scripts whose keys are in more than one slot.
  describeRedisStore('on a node of a cluster', async () => ({ server: { args: ['--cluster-enabled', 'yes'] }, isCluster: true }))

  describeRedisStore('RDS-05 over TLS, as the ACL user of docs/store.md', async () => {
    const certificate = makeCertificate()
    return {
      server: { tls: certificate, acl: ['user default off', await documentedUser('sesame')] },
      store: { tls: { ca: Buffer.from(certificate.cert) } },
      login: 'sallyport:sesame@',
    }
  })
})

interface Setting {
  readonly server?: RedisServerOptions
  readonly store?: Partial<RedisStoreOptions>
  readonly login?: string
  readonly isCluster?: boolean
}

function describeRedisStore(name: string, makeSetting: () => Promise<Setting>): void {
  // One after the other, because the last tests look at what the others left.
  describe(name, { concurrency: 1 }, () => {
    let redis: RedisServer
    let setting: Setting
    const opened: Store[] = []

    before(async () => {
      setting = await makeSetting()
      redis = await startRedis(setting.server)
      if (setting.isCluster) await formCluster(redis)
    })
    after(async () => {
      await Promise.all(opened.map(store => store.close()))
      await redis.stop()
    })

    async function openStore(): Promise<Store> {
      const { promise, resolve } = Promise.withResolvers<void>()
      const url = redis.url.replace('://', `://${setting.login ?? ''}`)
      const onEvent: RedisStoreOptions['onEvent'] = event => event === 'up' && resolve()
      const store = createRedisStore({ url, namespace: 'sp', ...setting.store, onEvent })
      opened.push(store)
      await promise
      return store
    }

    describeStore('keeps what the interface promises', async (): Promise<StoreUnderTest> => {
      const [store, other] = await Promise.all([openStore(), openStore()])
      return { store, other, pass: ms => wait(ms) }
    })

    it('RDS-07 leaves no key without an end', async () => {
      const entries = await redis.dump()

      assert.ok(entries.length > 100)
      assert.deepEqual(
        entries.filter(entry => entry.ttlMs < 0),
        [],
      )
    })

    it('RDS-10 names keys after ids alone', async () => {
      const odd = (await redis.dump()).filter(entry => !keyForm.test(entry.key) && entry.key !== 'sp:{due}:d')

      assert.deepEqual(odd, [])
    })

    it('reads a family with one command', async () => {
      const store = await openStore()
      await store.createFamily(newId(), { session: 's', vault: 'v' }, { sessionTtlMs: 1000, vaultTtlMs: 1000 })
      await redis.send('CONFIG', 'RESETSTAT')

      await store.readFamily(newId(), '0')

      assert.deepEqual(await countCommands(redis), { mget: 1 })
    })

    it('RDS-10 sends nothing for an id that is none', async () => {
      const store = await openStore()
      await redis.send('CONFIG', 'RESETSTAT')

      for (const id of ['*', 'a:b', 'a\r\nFLUSHALL\r\n', 'a\0', 'a'.repeat(10_240)]) {
        await assert.rejects(async () => store.readFamily(id, '0'), TypeError)
        await assert.rejects(async () => store.takeOnce({ kind: 'attempt', id }, 'value'), TypeError)
      }

      assert.deepEqual(await countCommands(redis), {})
    })
  })
}

/** How often each command came since the last CONFIG RESETSTAT, without those that only watch. */
async function countCommands(redis: RedisServer): Promise<Record<string, number>> {
  const watching = ['config|resetstat', 'hello', 'info', 'ping', 'client|setinfo']
  const lines = String(await redis.send('INFO', 'commandstats')).matchAll(/^cmdstat_(\S+):calls=(\d+)/gm)
  const counts = Array.from(lines, ([, name = '', calls]) => [name, Number(calls)] as const)
  return Object.fromEntries(counts.filter(([name]) => !watching.includes(name)))
}

async function formCluster(redis: RedisServer): Promise<void> {
  await redis.send('CLUSTER', 'ADDSLOTSRANGE', '0', '16383')
  while (!String(await redis.send('CLUSTER', 'INFO')).includes('cluster_state:ok')) await wait(20)
}

/** The line that operators are told to put into their ACL file. */
async function documentedUser(password: string): Promise<string> {
  const page = await readFile(new URL('../../docs/store.md', import.meta.url), 'utf8')
  const line = /^user sallyport .+$/m.exec(page)?.[0]
  assert.ok(line, 'docs/store.md has no line for the ACL file')
  return line.replace('>PASSWORD', `>${password}`)
}
