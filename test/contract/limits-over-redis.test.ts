import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, describe, it } from 'node:test'
import { createMemoryStore } from '../../src/store/memory.ts'
import { eventually } from '../support/eventually.ts'
import { makeSecrets, sessionConfig, startGateway, type TestGateway } from '../support/gateway.ts'
import { type IdentityProvider, startIdentityProvider } from '../support/identity-provider.ts'
import { type RedisServer, startRedis } from '../support/redis-server.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'
import { createVisitor } from '../support/visitor.ts'

const perMinute = 6
const from = (address: string) => ({ headers: { 'x-forwarded-for': address } })

let idp: IdentityProvider
let upstream: Upstream
let redis: RedisServer
let one: TestGateway
let two: TestGateway
const secrets = makeSecrets()
const attempts = { perMinute: { address: 3, all: 8 } }

before(async () => {
  idp = await startIdentityProvider()
  upstream = await startUpstream()
  redis = await startRedis()
})
after(() => Promise.all([idp.close(), upstream.close(), redis.stop()]))
beforeEach(async () => {
  ;[one, two] = [await startReplica(), await startReplica()]
  await redis.send('FLUSHALL')
})
afterEach(() => Promise.all([one.close(), two.close()]))

async function startReplica(): Promise<TestGateway> {
  const store = { kind: 'redis', url: { env: 'REDIS_URL' }, namespace: 'sp' }
  const route = (path: string, access: string, limits: object) => ({ path, kind: 'api', upstream: upstream.origin, access, limits })
  const replica = await startGateway({
    idp,
    secrets: { ...secrets, REDIS_URL: redis.url },
    config: {
      listen: { host: '127.0.0.1', port: 0, trustedProxies: ['127.0.0.1'] },
      session: sessionConfig({ store, attempts }),
      routes: [route('/mine', 'signed-in', { perMinute: { session: perMinute, user: 100 } }), route('/', 'anyone', { perMinute })],
    },
  })
  await eventually(() =>
    replica.ready().then(
      () => true,
      () => false,
    ),
  )
  return replica
}

const statusOf = async (gateway: TestGateway, path: string, address: string) =>
  (await createVisitor(gateway).call(path, from(address))).status

describe('limits of two replicas that share a Redis', () => {
  it('PXY-17 are one limit', async () => {
    const statuses: number[] = []

    for (let turn = 0; turn < 2 * perMinute; turn += 1) statuses.push(await statusOf(turn % 2 === 0 ? one : two, '/', '198.51.100.1'))

    // A machine so slow that a sixth of a minute passes meanwhile lets one more in.
    const passed = statuses.filter(status => status === 200).length
    assert.ok(passed === perMinute || passed === perMinute + 1, statuses.join(' '))
    assert.deepEqual(new Set(statuses), new Set([200, 429]))
  })

  it('RDS-01 name nobody in Redis, and stay there no longer than a minute', async () => {
    const visitor = createVisitor(one)
    await visitor.signIn(idp)
    await visitor.call('/mine', from('198.51.100.23'))
    await statusOf(one, '/', '198.51.100.23')

    const counts = (await redis.dump()).filter(entry => entry.key.includes(':c:'))

    assert.deepEqual(counts.map(entry => entry.key.split(':').at(-1)).toSorted(), [
      'address',
      'attempts',
      'attempts_address',
      'session',
      'user',
    ])
    for (const { ttlMs } of counts) assert.ok(ttlMs > 0 && ttlMs <= 60_000, `${ttlMs}`)
    assert.ok(!JSON.stringify(counts).includes('198.51.100.23') && !JSON.stringify(counts).includes('alice'))
  })

  it('PXY-17 go on in each process while Redis is away, and in Redis when it is back', async () => {
    await redis.kill()
    const away = [1, 2].map(() => [] as number[])
    for (let turn = 0; turn < perMinute + 2; turn += 1) {
      for (const [at, gateway] of [one, two].entries()) away[at]?.push(await statusOf(gateway, '/', '198.51.100.2'))
    }

    for (const statuses of away) {
      const passed = statuses.filter(status => status === 200).length
      assert.ok(passed === perMinute || passed === perMinute + 1, statuses.join(' '))
      assert.deepEqual(new Set(statuses), new Set([200, 429]))
    }

    await redis.restart()
    await eventually(async () => {
      await statusOf(one, '/', '198.51.100.3')
      return (await redis.dump()).some(entry => entry.key.endsWith(':c:address'))
    })
  })
})

describe('a flood of sign-ins that nobody finishes', () => {
  it('PXY-17 FLOW-09 leaves a bounded number of keys, from one address and from many', async () => {
    const begin = async (gateway: TestGateway, address: string) => {
      const visitor = createVisitor(gateway)
      return visitor.visit('/auth/login', { ...from(address), site: 'none' })
    }
    const kept = async () => (await redis.dump()).filter(entry => entry.key.endsWith(':o:attempt')).length

    for (let turn = 0; turn < 10; turn += 1) await begin(turn % 2 === 0 ? one : two, '198.51.100.9')
    const ofOne = await kept()
    for (let turn = 0; turn < 20; turn += 1) await begin(turn % 2 === 0 ? one : two, `203.0.113.${turn}`)
    const refused = await begin(one, '192.0.2.1')

    // More only on a machine so slow that some seconds pass meanwhile.
    assert.ok(ofOne >= 3 && ofOne <= 4, `${ofOne}`)
    assert.ok((await kept()) >= 8 && (await kept()) <= 10, `${await kept()}`)
    assert.equal(refused.status, 429)
    assert.match(String(refused.headers['retry-after']), /^[1-9]\d*$/)
    assert.match(String(refused.headers['content-type']), /^text\/html/)
    assert.equal(refused.headers['set-cookie'], undefined)
  })
})

describe('the commands of a request that counts', () => {
  it('leave in the tick in which the session is read; on a route without limits there is none', async t => {
    const memory = createMemoryStore({ now: Date.now })
    let ticks: string[][] = []
    const watched = new Proxy(memory, {
      get(target, verb) {
        const method: unknown = Reflect.get(target, verb)
        if (typeof method !== 'function') return method
        return (...args: unknown[]) => {
          if (ticks.length === 0) {
            ticks.push([])
            queueMicrotask(() => ticks.push([]))
          }
          ticks.at(-1)?.push(String(verb))
          return Reflect.apply(method, target, args)
        }
      },
    })
    const route = (path: string, limits: object) => ({ path, kind: 'api', upstream: upstream.origin, limits })
    const routes = [route('/free', {}), route('/limited', { perMinute: { session: 60, address: 60, route: 60 } })]
    const gateway = await startGateway({ idp, store: watched, config: { routes } })
    t.after(() => gateway.close())
    const visitor = createVisitor(gateway)
    await visitor.signIn(idp)

    for (const path of ['/free', '/limited']) {
      ticks = []
      assert.equal((await visitor.call(path)).status, 200)

      const [first = [], ...later] = ticks
      assert.deepEqual(first.toSorted(), path === '/free' ? ['readFamily'] : ['count', 'count', 'count', 'readFamily'])
      assert.ok(!later.flat().includes('count'))
    }
  })
})
