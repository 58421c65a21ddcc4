import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { eventually } from '../support/eventually.ts'
import { sessionConfig, startGateway } from '../support/gateway.ts'
import { startRedisCluster } from '../support/redis-cluster.ts'
import { startRedisSentinel } from '../support/redis-sentinel.ts'
import { startRedis } from '../support/redis-server.ts'

const setUps = {
  redis: async () => {
    const redis = await startRedis({ args: ['--maxmemory', '64mb', '--maxmemory-policy', 'allkeys-lru'] })
    return { config: { kind: 'redis', url: redis.url }, stop: redis.stop }
  },
  'redis-sentinel': () => startRedisSentinel(),
  'redis-cluster': () => startRedisCluster(),
}

describe('the store that session.store names', { concurrency: true }, () => {
  async function start(t: TestContext, kind: keyof typeof setUps) {
    const redis = await setUps[kind]()
    const gateway = await startGateway({ config: { session: sessionConfig({ store: redis.config }) } })
    t.after(async () => {
      await gateway.close()
      await redis.stop()
    })
    await eventually(async () => (await gateway.ready()) === undefined)
    return { gateway, redis }
  }

  for (const kind of ['redis', 'redis-sentinel', 'redis-cluster'] as const) {
    it(`answers a gateway: ${kind}`, async t => {
      const { gateway } = await start(t, kind)

      assert.ok(gateway.lines.some(line => line.event === 'store_up'))
    })
  }

  it('RDS-11 has its eviction policy logged', async t => {
    const { gateway } = await start(t, 'redis')

    const [line] = gateway.lines.filter(({ event }) => event === 'store_eviction_policy')

    assert.deepEqual({ level: line?.level, error: line?.error }, { level: 'warn', error: 'allkeys-lru' })
  })
})
