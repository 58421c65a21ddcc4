import assert from 'node:assert/strict'
import { after, afterEach, before, describe, it } from 'node:test'
import { type Cluster, persistent, startCluster } from '../support/cluster.ts'
import { eventually } from '../support/eventually.ts'
import { type SteadyCalls, startSteadyCalls } from '../support/steady-calls.ts'

// How long a replica may take to come back, with room for a slow machine: docs/store.md says 0.6 s, or 1.8 s.
const recoveryBoundMs = 5_000

let cluster: Cluster
let traffic: SteadyCalls | undefined

// It writes down what it promised, so sessions outlive it.
before(async () => {
  cluster = await startCluster({ replicas: 2, redisArgs: persistent })
})

after(() => cluster.close())

afterEach(() => traffic?.stop())

const faults = {
  stopped: {
    begin: async () => void (await cluster.redis.send('SHUTDOWN').catch(() => undefined)),
    end: () => cluster.redis.restart(),
  },
  frozen: { begin: async () => cluster.redis.freeze(), end: async () => cluster.redis.thaw() },
  killed: { begin: () => cluster.redis.kill(), end: () => cluster.redis.restart() },
}

describe('traffic over two replicas while Redis is', () => {
  for (const [fault, { begin, end }] of Object.entries(faults)) {
    it(`RDS-06 ${fault}: 503 with Retry-After, no cookie is cleared, nothing passes unchecked, and all goes on by itself`, async () => {
      const browser = await cluster.arrive()
      cluster.upstream.requests.length = 0
      traffic = startSteadyCalls(cluster.replicas.length, turn => browser.at(turn).call('/api/home'))
      const [cookies, { session }] = [browser.setCookies().length, await browser.at(0).session()]
      await traffic.eachGets(200, 10)

      await begin()
      await traffic.eachGets(503, 10)
      await end()
      const backAt = performance.now()
      await traffic.eachGets(200, 10)
      const recoveryMs = performance.now() - backAt
      const answers = await traffic.stop()

      for (const { status, headers } of answers) {
        if (status === 200) continue
        assert.deepEqual([status, headers['sallyport-error']], [503, 'store_unavailable'])
        assert.ok(Number(headers['retry-after']) > 0)
      }
      assert.equal(browser.setCookies().length, cookies)
      assert.equal((await browser.at(1).session()).session.session_id, session.session_id)
      // What came through is what was answered, with the one right token.
      const seen = cluster.upstream.requests.map(({ headers }) => headers.authorization)
      assert.equal(seen.length, answers.filter(({ status }) => status === 200).length)
      assert.equal(new Set(seen).size, 1)
      assert.match(seen[0] ?? '', /^Bearer ./)
      assert.ok(recoveryMs < recoveryBoundMs, `took ${recoveryMs} ms`)
    })
  }

  it('RDS-06 restarted: nobody is signed out', async () => {
    const browser = await cluster.arrive()
    traffic = startSteadyCalls(cluster.replicas.length, turn => browser.at(turn).call('/api/home'))
    await traffic.eachGets(200, 10)

    await cluster.redis.restart()
    await traffic.eachGets(200, 10)

    const statuses = new Set((await traffic.stop()).map(({ status }) => status))
    statuses.delete(503)
    assert.deepEqual(statuses, new Set([200]))
  })
})

describe('a renewal while Redis is away', () => {
  for (const [fault, { begin, end }] of Object.entries(faults)) {
    it(`RTK-02 RTK-03 keeps the rotated refresh token that cannot be stored: ${fault}`, async () => {
      const { idp } = cluster
      idp.setAccessTokenSeconds(1)
      const browser = await cluster.arrive()
      const overAt = Date.now() + 1000
      idp.setAccessTokenSeconds(300)
      const refreshes = idp.refreshes()
      await eventually(() => Date.now() > overAt)
      const release = idp.troubles.holdAnswers('token')
      const waiting = browser.at(0).call('/api/home')
      await eventually(() => idp.refreshes() > refreshes)

      await begin()
      release()
      assert.equal((await waiting).status, 503)
      await end()
      const answers = await Promise.all(
        [1, 0, 1, 0].map(turn =>
          eventually(async () => {
            const { status } = await browser.at(turn).call('/api/home')
            return status === 503 ? null : status
          }),
        ),
      )

      assert.deepEqual(answers, [200, 200, 200, 200])
      assert.deepEqual([idp.refreshes() - refreshes, idp.reuses()], [1, 0])
    })
  }
})
