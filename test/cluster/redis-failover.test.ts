import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type Cluster, startCluster } from '../support/cluster.ts'
import { eventually } from '../support/eventually.ts'
import { startRedisCluster } from '../support/redis-cluster.ts'
import { startRedisSentinel } from '../support/redis-sentinel.ts'
import type { RedisServer } from '../support/redis-server.ts'
import { type SteadyCalls, startSteadyCalls } from '../support/steady-calls.ts'

// How long a replica may take to find the new master, with room for a slow machine: docs/store.md says 2 s.
const recoveryBoundMs = 5_000

/** One way to run Redis with a replica that takes over, as these tests need it. */
interface Setup {
  readonly config: Readonly<Record<string, unknown>>
  /** @param id of the session whose master is meant */
  kill(id: string): Promise<RedisServer>
  failover(id: string): Promise<RedisServer>
  untilPromoted(id: string, before: RedisServer): Promise<unknown>
  /** Waits until another could take over from this one without losing anything. */
  untilFollowed(master: RedisServer): Promise<unknown>
  stop(): Promise<void>
}

const setups: Readonly<Record<string, () => Promise<Setup>>> = {
  async Sentinel() {
    const redis = await startRedisSentinel({ replicas: 2 })
    return { ...redis, untilPromoted: (_id, before) => redis.untilPromoted(before), untilFollowed: () => redis.untilReplicated(2) }
  },
  async Cluster() {
    const isFollowed = async (master: RedisServer) => /^slave0:.*state=online/m.test(String(await master.send('INFO', 'replication')))
    return { ...(await startRedisCluster({ replicas: 1 })), untilFollowed: master => eventually(() => isFollowed(master)) }
  },
}

for (const [kind, start] of Object.entries(setups)) {
  describe(`traffic over two replicas while a Redis that is watched by ${kind} fails over`, () => {
    let redis: Setup
    let cluster: Cluster
    let traffic: SteadyCalls | undefined

    before(async () => {
      redis = await start()
      cluster = await startCluster({ replicas: 2, session: { store: redis.config } })
    })

    after(async () => {
      await traffic?.stop().catch(() => undefined)
      await cluster.close()
      await redis.stop()
    })

    async function failOver(fault: 'kill' | 'failover'): Promise<void> {
      // What must outlive a failover has a connection of its own, which may come back a moment later.
      const browser = await eventually(() => cluster.arrive().catch(() => null))
      const { session } = await browser.at(0).session()
      const id = String(session.session_id)
      cluster.upstream.requests.length = 0
      traffic = startSteadyCalls(cluster.replicas.length, replica => browser.at(replica).call('/api/home'))
      const cookies = browser.setCookies().length
      await traffic.eachGets(200, 10)

      const server = await redis[fault](id)
      if (fault === 'kill') {
        await traffic.eachGets(503, 3)
        await redis.untilPromoted(id, server)
      }
      const promotedAt = performance.now()
      await traffic.eachGets(200, 10)
      const recoveryMs = performance.now() - promotedAt
      const answers = await traffic.stop()

      for (const { status, headers } of answers) {
        if (status === 200) continue
        assert.deepEqual([status, headers['sallyport-error']], [503, 'store_unavailable'])
        assert.ok(Number(headers['retry-after']) > 0)
      }
      assert.equal(browser.setCookies().length, cookies)
      assert.equal((await browser.at(1).session()).session.session_id, id)
      const seen = cluster.upstream.requests.map(({ headers }) => headers.authorization)
      assert.equal(seen.length, answers.filter(({ status }) => status === 200).length)
      assert.deepEqual([new Set(seen).size, seen.includes(undefined)], [1, false])
      assert.ok(recoveryMs < recoveryBoundMs, `took ${recoveryMs} ms`)
      // The next one must not begin before.
      if (fault === 'failover') await redis.untilFollowed(server)
    }

    it('RDS-06 in an orderly way: nobody is signed out, and all goes on by itself', () => failOver('failover'))

    it('RDS-06 because its master was killed: 503 with Retry-After, no cookie is cleared, and all goes on by itself', () =>
      failOver('kill'))
  })
}
