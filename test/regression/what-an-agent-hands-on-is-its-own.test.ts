import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { createMemoryStore } from '../../src/store/memory.ts'
import { makeClock, startGateway, type TestGateway } from '../support/gateway.ts'
import { hookedStore } from '../support/hooked-store.ts'
import { type IdentityProvider, startIdentityProvider } from '../support/identity-provider.ts'
import { call, getHandle, nativeClients, post } from '../support/native-client.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'

/*
 * What happened: an agent that may make five calls and may hand on gave five to each of those that it handed on to, and
 * five more to the next, without end. And whoever an agent handed on to in the moment in which it was revoked, after the
 * look for those behind it and before the ending, lived on. And one that began agents and ended
 * them in turn filled the store with their traces.
 *
 * What holds it now: a call counts against all who stand behind it; after an ending it is looked for once more who was
 * handed on to, until there is nobody; and a session begins so many in a minute.
 */
describe('What an agent hands on', () => {
  let idp: IdentityProvider
  let upstream: Upstream
  let gateway: TestGateway
  let beforeEnding: () => Promise<unknown> = async () => undefined
  before(async () => {
    idp = await startIdentityProvider()
    upstream = await startUpstream()
    const clock = makeClock()
    const store = hookedStore(createMemoryStore(clock), async moment => {
      if (moment === 'before endMembers') await beforeEnding()
    })
    const routes = [{ path: '/api', upstream: upstream.origin, token: 'access' }]
    gateway = await startGateway({ idp, clock, store, config: { native: { clients: nativeClients }, routes } })
  })
  after(() => Promise.all([idp.close(), upstream.close(), gateway.close()]))

  const status = async (handle: string) => (await call(gateway, '/api/x', handle)).status
  const revoke = (token: string) => post(gateway, '/oauth/revoke', { token, client_id: 'cli' })

  async function delegate(handle: string, limits: object): Promise<string> {
    const response = await post(gateway, '/oauth/token', {
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      client_id: 'cli',
      subject_token: handle,
      subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      authorization_details: JSON.stringify([{ type: 'sallyport_delegation', ...limits }]),
    })
    return String(response.body.access_token)
  }

  it('spends the calls of the agent, however many share them', async () => {
    const root = await getHandle(gateway, idp)
    const agent = await delegate(root, { max_calls: 5, delegate: true })
    const [one, other] = [await delegate(agent, { max_calls: 3, delegate: true }), await delegate(agent, { max_calls: 3 })]
    const behind = await delegate(one, { max_calls: 2 })

    const statuses = []
    for (const handle of [one, behind, other, agent, other]) statuses.push(await status(handle))
    assert.deepEqual(statuses, [200, 200, 200, 200, 200])

    assert.equal(await status(behind), 401)
    assert.deepEqual(await Promise.all([agent, one, other, behind, root].map(status)), [401, 401, 401, 401, 200])
  })

  it('ends one that has had its own, and leaves the others theirs', async () => {
    const agent = await delegate(await getHandle(gateway, idp), { max_calls: 9, delegate: true })
    const [one, other] = [await delegate(agent, { max_calls: 1 }), await delegate(agent, { max_calls: 1 })]

    assert.deepEqual([await status(one), await status(one)], [200, 401])
    assert.deepEqual([await status(other), await status(agent)], [200, 200])
  })

  it('counts as long as the agent lives, not as long as those that it handed on to', async () => {
    const agent = await delegate(await getHandle(gateway, idp), { max_calls: 2, expires_in: 3600, delegate: true })
    const short = await delegate(agent, { max_calls: 2, expires_in: 60 })
    assert.deepEqual([await status(short), await status(agent)], [200, 200])

    gateway.clock.advance(61_000)

    assert.equal(await status(agent), 401)
  })

  it('ends with it, though it is handed on in that very moment', async () => {
    const root = await getHandle(gateway, idp)
    const agent = await delegate(root, { delegate: true })
    const late: string[] = []
    beforeEnding = async () => {
      beforeEnding = async () => undefined
      late.push(await delegate(agent, { delegate: true }))
      late.push(await delegate(late[0] ?? '', {}))
      assert.deepEqual(await Promise.all(late.map(status)), [200, 200])
    }

    await revoke(agent)

    assert.equal(late.length, 2)
    assert.deepEqual(await Promise.all(late.map(status)), [401, 401])
    assert.equal(await status(root), 200)
  })

  it('is begun sixty times in a minute at most, for each leaves a trace', async () => {
    const root = await getHandle(gateway, idp)
    let begun = 0
    // A slow machine lets in one more for each second that passes meanwhile.
    for (let agent = ''; agent !== 'undefined' && begun < 200; agent = await delegate(root, {})) {
      if (agent !== '') await revoke(agent)
      begun += 1
    }

    assert.ok(begun > 60 && begun < 200, String(begun))
    assert.ok(gateway.audit.some(({ reason }) => reason === 'rate_delegations'))
    assert.notEqual(await delegate(await getHandle(gateway, idp), {}), 'undefined')
    gateway.clock.advance(60_000)
    assert.notEqual(await delegate(root, {}), 'undefined')
  })
})
