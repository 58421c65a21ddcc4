import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, it } from 'node:test'
import { postLogout } from '../support/back-channel.ts'
import { eventually } from '../support/eventually.ts'
import { makeClock, makeSecrets, providerConfig, sessionConfig, startGateway, type TestGateway } from '../support/gateway.ts'
import { type IdentityProvider, startIdentityProvider } from '../support/identity-provider.ts'
import { type RedisServer, startRedis } from '../support/redis-server.ts'
import { createVisitor } from '../support/visitor.ts'

const aboutAlice = { sub: 'a1', sid: undefined }

describe('a logout token at two replicas over one Redis', () => {
  let redis: RedisServer
  let idp: IdentityProvider
  let here: TestGateway
  let there: TestGateway
  before(async () => {
    ;[redis, idp] = await Promise.all([startRedis(), startIdentityProvider({ backChannelUri: 'http://127.0.0.1:9/nobody' })])
  })
  after(() => Promise.all([redis.stop(), idp.close()]))

  beforeEach(async t => {
    await redis.send('FLUSHALL')
    const secrets = { ...makeSecrets(), REDIS_URL: redis.url }
    const config = { session: sessionConfig({ store: { kind: 'redis', url: { env: 'REDIS_URL' } } }) }
    const shared = { idp, secrets, config, clock: makeClock() }
    ;[here, there] = await Promise.all([startGateway(shared), startGateway(shared)])
    for (const gateway of [here, there])
      await eventually(() =>
        gateway.ready().then(
          () => true,
          () => false,
        ),
      )
    if ('after' in t) t.after(() => Promise.all([here.close(), there.close()]))
  })

  const isAlive = async (gateway: TestGateway, jar: Map<string, string>) => (await createVisitor(gateway, jar).session()).authenticated

  it('BCL-07 A-058 that is presented again, at either, leaves the session that was begun since alone', async () => {
    const visitor = createVisitor(here)
    await visitor.signIn(idp)
    const token = await idp.logoutToken({ claims: aboutAlice })

    const first = await postLogout(here, token)
    const isGone = !(await isAlive(there, visitor.jar))
    // Whoever begins within seconds of the logout could have begun before it, by another clock.
    here.clock.advance(6_000)
    await visitor.signIn(idp)
    const again = [await postLogout(there, token), await postLogout(here, token)]

    assert.deepEqual([first.status, isGone], [200, true])
    for (const { status, body } of again) assert.deepEqual([status, body], [400, { error: 'invalid_request' }])
    assert.equal(await isAlive(there, visitor.jar), true)
    assert.deepEqual(
      [...here.audit, ...there.audit].filter(({ event }) => event === 'replay').map(({ reason, sub }) => [reason, sub]),
      [
        ['logout_token', 'a1'],
        ['logout_token', 'a1'],
      ],
    )
  })

  it('BCL-07 RDS-08 that comes twenty times at once ends each session once, and nothing afterwards', async () => {
    const visitors = [createVisitor(here), createVisitor(there), createVisitor(here)]
    for (const visitor of visitors) await visitor.signIn(idp)
    const token = await idp.logoutToken({ claims: aboutAlice })

    const responses = await Promise.all(Array.from({ length: 20 }, (_, turn) => postLogout(turn % 2 === 0 ? here : there, token)))
    here.clock.advance(6_000)
    await visitors[0]?.signIn(idp)
    const late = await Promise.all([here, there].map(gateway => postLogout(gateway, token)))

    assert.ok(responses.every(({ status }) => status === 200 || status === 400))
    assert.ok(responses.some(({ status }) => status === 200))
    const ended = [...here.audit, ...there.audit].filter(({ event }) => event === 'session_ended')
    assert.equal(ended.length, 3)
    assert.equal(new Set(ended.map(line => line.session_id)).size, 3)
    assert.deepEqual(
      late.map(({ status }) => status),
      [400, 400],
    )
    assert.equal(await isAlive(there, visitors[0]?.jar ?? new Map()), true)
  })

  it('BCL-07 RDS-07 is remembered for as long as any replica would take it, and not for ever', async () => {
    const seconds = Math.floor(Date.now() / 1000)
    await postLogout(here, await idp.logoutToken({ claims: { ...aboutAlice, exp: seconds + 300 } }))

    const all = await redis.dump()
    const entries = all.filter(({ key }) => key.includes('jti'))

    assert.equal(entries.length, 1)
    const ttlMs = entries[0]?.ttlMs ?? 0
    // Until it runs out, the tolerance of 5 s, and a minute for clocks that differ; the test itself takes some of it.
    assert.ok(ttlMs > 330_000 && ttlMs <= 366_000, String(ttlMs))
    assert.deepEqual(
      all.filter(entry => entry.ttlMs < 0),
      [],
    )
  })
})

describe('two logout tokens of one name', () => {
  it('BCL-07 are two where they come to two providers', async t => {
    const idp = await startIdentityProvider({ backChannelUri: 'http://127.0.0.1:9/nobody' })
    const identityProviders = { main: providerConfig(idp), other: providerConfig(idp) }
    const gateway = await startGateway({ idp, config: { identityProviders } })
    t.after(() => Promise.all([gateway.close(), idp.close()]))
    idp.register({ redirectUris: ['main', 'other'].map(id => `${gateway.origin}/auth/callback/${id}`) })
    const visitor = createVisitor(gateway)
    await visitor.signIn(idp, { query: 'provider=other' })
    const token = await idp.logoutToken({ claims: aboutAlice })

    const first = await postLogout(gateway, token, { provider: 'main' })
    const isAliveStill = (await visitor.session()).authenticated
    const second = await postLogout(gateway, token, { provider: 'other' })

    assert.deepEqual([first.status, isAliveStill, second.status], [200, true, 200])
    assert.equal((await visitor.session()).authenticated, false)
  })
})
