import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { makeSecrets, sessionConfig, startGateway } from '../support/gateway.ts'
import { startIdentityProvider } from '../support/identity-provider.ts'
import { startRedis } from '../support/redis-server.ts'
import { createVisitor, refreshOf } from '../support/visitor.ts'

describe('a callback at two replicas over one Redis', () => {
  it('FLOW-08 RDS-08 A-002 is taken once: twenty at once make one token request and one session', async t => {
    const [redis, idp] = await Promise.all([startRedis(), startIdentityProvider()])
    t.after(() => Promise.all([redis.stop(), idp.close()]))
    const secrets = { ...makeSecrets(), REDIS_URL: redis.url }
    const config = { session: sessionConfig({ store: { kind: 'redis', url: { env: 'REDIS_URL' } } }) }
    const gateways = await Promise.all([startGateway({ idp, secrets, config }), startGateway({ idp, secrets, config })])
    t.after(() => Promise.all(gateways.map(gateway => gateway.close())))
    for (const gateway of gateways)
      while (
        !(await gateway.ready().then(
          () => true,
          () => false,
        ))
      )
        await wait(10)
    const jar = new Map<string, string>()
    const [here, there] = [createVisitor(gateways[0], jar), createVisitor(gateways[1], jar)]
    const callback = await here.begin(idp)

    const responses = await Promise.all(
      Array.from({ length: 20 }, (_, turn) =>
        (turn % 2 === 0 ? here : there).visit(callback.pathname + callback.search, { site: 'cross-site' }),
      ),
    )
    const [next = ''] = responses.flatMap(response => refreshOf(response) ?? [])
    const hands = await Promise.all([here, there, here, there].map(visitor => visitor.visit(next)))

    assert.deepEqual(responses.map(({ status }) => status).sort(), [200, ...Array.from({ length: 19 }, () => 400)])
    assert.equal(idp.tokenRequests.length, 1)
    assert.equal(hands.filter(({ headers }) => String(headers['set-cookie']).includes('__Host-Http-sallyport=s')).length, 1)
    assert.equal(gateways.flatMap(gateway => gateway.events()).filter(event => event === 'sign_in').length, 1)
    assert.equal((await there.session()).authenticated, true)
  })
})
