import assert from 'node:assert/strict'
import { after, before, describe, it, type TestContext } from 'node:test'
import { formatHandle, parseHandle } from '../../src/session/handle.ts'
import { sessionConfig, startGateway } from '../support/gateway.ts'
import { type IdentityProvider, startIdentityProvider } from '../support/identity-provider.ts'
import { call, getHandle, nativeClients, post } from '../support/native-client.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'

/*
 * What happened: agents outlive a session that has only idled out, for up to eight hours, and whoever held that one could
 * not end them any more: POST /oauth/revoke with its handle was answered with 200 and did nothing.
 *
 * What holds it now: an agent's record knows its root's secret, as a hash, so the old handle still ends the agents; nobody
 * else's does.
 */
describe('revoking a handle whose session has idled out', () => {
  let idp: IdentityProvider
  let upstream: Upstream
  before(async () => {
    idp = await startIdentityProvider()
    upstream = await startUpstream()
  })
  after(() => Promise.all([idp.close(), upstream.close()]))

  async function setUp(t: TestContext, sealing = 'holder') {
    const native = { clients: nativeClients, idleTimeout: '10m' }
    const gateway = await startGateway({ idp, upstream: upstream.origin, config: { native, session: sessionConfig({ sealing }) } })
    t.after(() => gateway.close())
    const root = await getHandle(gateway, idp)
    const handOn = async (subject: string) => {
      const details = { type: 'sallyport_delegation', expires_in: 4 * 3600, delegate: true }
      const { body } = await post(gateway, '/oauth/token', {
        grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
        client_id: 'cli',
        subject_token: subject,
        subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
        authorization_details: JSON.stringify([details]),
      })
      return String(body.access_token)
    }
    const agent = await handOn(root)
    const behind = await handOn(agent)
    const statuses = async () => [(await call(gateway, '/api/orders', agent)).status, (await call(gateway, '/api/orders', behind)).status]
    const revoke = async (token: string) => {
      const { status, body } = await post(gateway, '/oauth/revoke', { client_id: 'cli', token })
      assert.deepEqual([status, body], [200, {}])
    }
    return { gateway, root, agent, behind, statuses, revoke }
  }

  for (const sealing of ['holder', 'gateway']) {
    it(`ends its agents, and those behind them, with the sealing ${sealing}`, async t => {
      const { gateway, root, statuses, revoke } = await setUp(t, sealing)
      gateway.clock.advance(11 * 60_000)
      const before = await statuses()

      await revoke(root)

      assert.deepEqual(
        [before, await statuses()],
        [
          [200, 200],
          [401, 401],
        ],
      )
      const {
        event,
        kind,
        client_id: id,
        session_id: session,
      } = gateway.audit.findLast(line => line.event === 'logout') ?? ({} as Record<string, unknown>)
      assert.deepEqual([event, kind, id, session], ['logout', 'native', 'cli', parseHandle(root)?.familyId])
    })
  }

  it('does so also when nobody remembers the session any more', async t => {
    const { gateway, root, statuses, revoke } = await setUp(t)
    gateway.clock.advance(11 * 60_000)
    assert.equal((await call(gateway, '/api/orders', root)).status, 401)
    gateway.clock.advance(2 * 3_600_000)
    const before = await statuses()

    await revoke(root)

    assert.deepEqual(
      [before, await statuses()],
      [
        [200, 200],
        [401, 401],
      ],
    )
  })

  it('is for whoever held it: no other secret, and no agent’s, ends them', async t => {
    const { gateway, root, agent, statuses, revoke } = await setUp(t)
    const [held, other] = [parseHandle(root), parseHandle(agent)]
    assert.ok(held !== null && other !== null)
    gateway.clock.advance(11 * 60_000)

    await revoke(formatHandle({ ...held, secret: 'x'.repeat(43) }))
    await revoke(formatHandle({ ...held, secret: other.secret }))
    await revoke(formatHandle({ ...other, secret: held.secret }))

    assert.deepEqual(await statuses(), [200, 200])
  })
})
