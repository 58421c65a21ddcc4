import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { eventually } from '../support/eventually.ts'
import { makeSecrets, sessionConfig, startGateway, type TestGateway } from '../support/gateway.ts'
import { type IdentityProvider, startIdentityProvider } from '../support/identity-provider.ts'
import { call, createRun, getCode, getHandle, nativeClients, post, redeem } from '../support/native-client.ts'
import { type RedisServer, startRedis } from '../support/redis-server.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'
import { createVisitor } from '../support/visitor.ts'

describe('native clients at two replicas over Redis', () => {
  let idp: IdentityProvider
  let upstream: Upstream
  let redis: RedisServer
  let replicas: [TestGateway, TestGateway]
  before(async () => {
    ;[idp, upstream, redis] = await Promise.all([startIdentityProvider(), startUpstream(), startRedis()])
    const secrets = { ...makeSecrets(), REDIS_URL: redis.url }
    const store = { kind: 'redis', url: { env: 'REDIS_URL' } }
    const config = { native: { clients: nativeClients }, session: sessionConfig({ store }) }
    const start = () => startGateway({ idp, upstream: upstream.origin, secrets, config })
    replicas = [await start(), await start()]
    const isReady = (gateway: TestGateway) =>
      gateway.ready().then(
        () => true,
        () => false,
      )
    for (const gateway of replicas) await eventually(() => isReady(gateway))
  })
  after(async () => {
    await Promise.all([idp.close(), upstream.close(), ...replicas.map(gateway => gateway.close())])
    await redis.stop()
  })

  const status = async (at: number, handle: string) => (await call(replicas[at] ?? replicas[0], '/api/orders', handle)).status

  it('NAT-18 RDS-08 redeems a code once, wherever it is presented, and leaves no handle where it comes twenty times at once', async () => {
    const [one, other] = replicas
    const run = createRun()
    const code = await getCode(one, idp, run)

    const answers = await Promise.all(Array.from({ length: 20 }, (_, at) => redeem(at % 2 === 0 ? one : other, run, code)))

    const granted = answers.filter(answer => answer.status === 200)
    assert.ok(granted.length <= 1)
    for (const { body } of granted) assert.deepEqual([await status(0, body.access_token), await status(1, body.access_token)], [401, 401])
  })

  it('NAT-17 keeps no code, no handle and no token in Redis that anybody could use', async () => {
    const run = createRun()
    const [waiting, used] = [await getCode(replicas[0], idp, run), await getHandle(replicas[0], idp)]

    const entries = await redis.dump()
    const dump = JSON.stringify(entries)
    assert.ok(entries.some(({ key }) => key.endsWith(':o:code')))
    for (const secret of [waiting.split('.')[1], used.split('.')[2]?.slice(0, 43), ...idp.issued]) {
      assert.ok(secret === undefined || secret === '' || !dump.includes(secret))
    }
  })

  it('count typed device codes together, so that two replicas are not twice the guesses', async () => {
    const startedAt = Date.now()
    const statuses: number[][] = [[], []]
    for (let tries = 0; tries < 30; tries += 1) {
      const visitor = createVisitor(replicas[tries % 2] ?? replicas[0])
      const { status: answered } = await visitor.visit('/device', { method: 'POST', body: 'user_code=BCDF-GHJK' })
      statuses[tries % 2]?.push(answered)
    }

    // One more every six seconds, however long this takes.
    const most = 10 + Math.ceil((Date.now() - startedAt) / 6000)
    const taken = statuses.flat().filter(answered => answered === 400).length
    assert.ok(taken >= 10 && taken <= most, `${taken} of ${most}`)
    assert.ok(most >= 30 || statuses.every(own => own.includes(429)))
  })

  it('ends agents with whoever handed on to them, at every replica', async () => {
    const parent = await getHandle(replicas[0], idp)
    const exchanged = await post(replicas[1], '/oauth/token', {
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      client_id: 'cli',
      subject_token: parent,
      subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      authorization_details: JSON.stringify([{ type: 'sallyport_delegation', max_calls: 3 }]),
    })
    const agent = String(exchanged.body.access_token)
    assert.deepEqual([await status(0, agent), await status(1, agent)], [200, 200])

    await post(replicas[0], '/oauth/revoke', { token: parent })

    assert.deepEqual([await status(0, agent), await status(1, agent), await status(1, parent)], [401, 401, 401])
  })

  it('counts an agent’s calls together', async () => {
    const parent = await getHandle(replicas[0], idp)
    const exchanged = await post(replicas[0], '/oauth/token', {
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      client_id: 'cli',
      subject_token: parent,
      subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      authorization_details: JSON.stringify([{ type: 'sallyport_delegation', max_calls: 5 }]),
    })

    const statuses = await Promise.all(Array.from({ length: 10 }, (_, at) => status(at % 2, String(exchanged.body.access_token))))

    assert.equal(statuses.filter(code => code === 200).length, 5)
  })
})
