import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type Cluster, persistent, startCluster } from '../support/cluster.ts'
import { eventually } from '../support/eventually.ts'

// Longer than a lease on a grant (src/tokens/lease.ts), as a failover may take.
const outageMs = 12_000

let cluster: Cluster

before(async () => {
  cluster = await startCluster({ replicas: 2, redisArgs: persistent })
})

after(() => cluster.close())

async function pass(ms: number): Promise<void> {
  const overAt = performance.now() + ms
  await eventually(() => performance.now() > overAt, ms + 15_000)
}

describe('a renewal whose answer comes while Redis is away, for longer than a lease', () => {
  for (const [fault, begin, end] of [
    ['frozen', async () => cluster.redis.freeze(), async () => cluster.redis.thaw()],
    ['killed', () => cluster.redis.kill(), () => cluster.redis.restart()],
  ] as const) {
    it(`RTK-02 RTK-03 RDS-06 costs no session, whoever is connected again first: ${fault}, three times`, async () => {
      const { idp } = cluster
      for (let round = 0; round < 3; round += 1) {
        idp.setAccessTokenSeconds(1)
        const browser = await cluster.arrive()
        idp.setAccessTokenSeconds(300)
        const refreshes = idp.refreshes()
        await pass(1_000)
        const release = idp.troubles.holdAnswers('token')
        const waiting = browser.at(0).call('/api/home')
        await eventually(() => idp.refreshes() > refreshes)
        await begin()
        release()
        assert.equal((await waiting).status, 503)
        await pass(outageMs)
        await end()

        // First the one that has not got the tokens.
        for (const replica of [1, 0]) {
          const status = await eventually(async () => {
            const answer = await browser.at(replica).call('/api/home')
            return answer.status === 503 ? null : answer.status
          })
          assert.equal(status, 200)
        }
        assert.deepEqual([idp.refreshes() - refreshes, idp.reuses()], [1, 0])
      }
    })
  }
})
