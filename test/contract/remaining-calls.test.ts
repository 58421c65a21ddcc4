import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, it } from 'node:test'
import request from 'supertest'
import { parseHandle } from '../../src/session/handle.ts'
import { createMemoryStore } from '../../src/store/memory.ts'
import type { Store } from '../../src/store/store.ts'
import { makeToken } from '../support/admin-port.ts'
import { brokenStore } from '../support/broken-store.ts'
import { makeClock, makeSecrets, startGateway, type TestGateway } from '../support/gateway.ts'
import { hookedStore } from '../support/hooked-store.ts'
import { type IdentityProvider, startIdentityProvider } from '../support/identity-provider.ts'
import { call, getHandle, nativeClients, post } from '../support/native-client.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'
import { createVisitor } from '../support/visitor.ts'

const hour = 3_600_000

/** As lists and GET /auth/session tell it. */
interface Told {
  readonly session_id: string
  readonly agent?: { readonly max_calls?: number; readonly remaining_calls?: number }
  readonly children?: readonly Told[]
}

describe('what remains of an agent’s calls', () => {
  const outage = { isAway: false, verbs: ['readCounts'] }
  const adminToken = makeToken()
  let idp: IdentityProvider
  let upstream: Upstream
  let store: Store
  let gateway: TestGateway
  /** What the gateway has asked of the store. */
  let asked: string[] = []
  before(async () => {
    idp = await startIdentityProvider()
    upstream = await startUpstream()
    const clock = makeClock()
    store = createMemoryStore(clock)
    const watched = hookedStore(brokenStore(store, outage), async moment => {
      if (moment.startsWith('before ')) asked.push(moment.slice('before '.length))
    })
    const routes = [{ path: '/api', upstream: upstream.origin, token: 'access' }]
    const clients = { cli: { ...nativeClients.cli, scopes: ['openid', 'sessions'] } }
    const admin = { host: '127.0.0.1', port: 9090, tokens: [{ id: 'ops', env: 'ADMIN_TOKEN' }] }
    const secrets = { ...makeSecrets(), ADMIN_TOKEN: adminToken }
    gateway = await startGateway({ idp, clock, store: watched, secrets, config: { native: { clients }, routes, admin } })
  })
  after(() => Promise.all([idp.close(), upstream.close(), gateway.close()]))
  beforeEach(() => {
    outage.isAway = false
  })

  const signIn = () => getHandle(gateway, idp, { scope: 'openid sessions' })
  const use = async (handle: string) => (await call(gateway, '/api/x', handle)).status
  const own = async (handle: string): Promise<Told> => (await call(gateway, '/auth/session', handle)).body.session
  const left = async (handle: string) => (await own(handle)).agent?.remaining_calls
  const list = async (handle: string): Promise<readonly Told[]> => (await call(gateway, '/auth/sessions', handle)).body.sessions
  const listAsAdmin = (sub = 'a1') =>
    request(gateway.adminHandler ?? assert.fail('no admin port'))
      .get(`/admin/sessions?provider=main&sub=${sub}`)
      .set('authorization', `Bearer ${adminToken}`)
  const namesOf = (handle: string) => parseHandle(handle) ?? assert.fail('no handle')

  async function handOn(handle: string, limits: object): Promise<string> {
    const response = await post(gateway, '/oauth/token', {
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      client_id: 'cli',
      subject_token: handle,
      subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      authorization_details: JSON.stringify([{ type: 'sallyport_delegation', ...limits }]),
    })
    assert.equal(response.status, 200, response.text)
    return response.body.access_token
  }

  /** What one request makes the gateway ask of the store, in alphabetical order: what is asked at once has none. */
  async function askedFor(what: () => Promise<unknown>): Promise<readonly string[]> {
    asked = []
    await what()
    return asked.toSorted()
  }

  it('is told to the agent itself, and asking is no call', async () => {
    const agent = await handOn(await signIn(), { max_calls: 3 })

    const told = [await left(agent), await left(agent)]
    for (let calls = 0; calls < 3; calls += 1) {
      assert.equal(await use(agent), 200)
      told.push(await left(agent))
    }

    assert.deepEqual(told, [3, 3, 2, 1, 0])
    assert.equal((await own(agent)).agent?.max_calls, 3)
    // The call after the last ends it, and there is nothing to tell any more.
    assert.equal(await use(agent), 401)
    assert.equal((await call(gateway, '/auth/session', agent)).status, 401)
  })

  it('is told in the lists of the person’s programs, of the agent, and of administrators, and gone with the agent', async () => {
    const parent = await signIn()
    const agent = await handOn(parent, { max_calls: 10, delegate: true })
    const behind = await handOn(agent, { max_calls: 4 })
    assert.deepEqual([await use(agent), await use(behind), await use(behind)], [200, 200, 200])
    const { familyId } = namesOf(parent)
    const rootOf = (sessions: readonly Told[]) => sessions.find(one => one.session_id === familyId)
    const restsOf = (agentTold?: Told) => [agentTold, agentTold?.children?.[0]].map(one => one?.agent?.remaining_calls)

    assert.deepEqual(restsOf(rootOf(await list(parent))?.children?.[0]), [7, 2])
    assert.deepEqual(restsOf((await list(agent))[0]), [7, 2])
    assert.deepEqual(restsOf(rootOf((await listAsAdmin()).body.sessions)?.children?.[0]), [7, 2])

    for (let calls = 0; calls < 3; calls += 1) await use(behind)
    const [told] = rootOf(await list(parent))?.children ?? []
    assert.deepEqual([told?.agent?.remaining_calls, told?.children], [4, []])
  })

  it('is told on the account page', async () => {
    const agent = await handOn(await signIn(), { name: 'counted', max_calls: 100 })
    await use(agent)
    await handOn(await signIn(), { name: 'uncounted' })
    const visitor = createVisitor(gateway)
    await visitor.signIn(idp)

    const { text } = await visitor.visit('/auth/account')

    const itemOf = (name: string) => text.split('<li>').find(item => item.includes(`>${name} (`)) ?? ''
    assert.match(itemOf('counted'), /<dt>Calls<\/dt><dd>99 of 100 left<\/dd>/)
    assert.notEqual(itemOf('uncounted'), '')
    assert.doesNotMatch(itemOf('uncounted'), /<dt>Calls</)
  })

  it('is no more than what is left to those behind it', async () => {
    const agent = await handOn(await signIn(), { max_calls: 3, delegate: true })
    const [one, other] = [await handOn(agent, { max_calls: 3 }), await handOn(agent, { max_calls: 3 })]

    assert.deepEqual([await use(one), await use(one)], [200, 200])

    assert.deepEqual([await left(agent), await left(one), await left(other)], [1, 1, 1])
  })

  it('is never less than none, whatever was counted', async () => {
    const agent = await handOn(await signIn(), { max_calls: 1 })
    const { familyId, member } = namesOf(agent)
    // As where calls that come at once have all been counted, and the first beyond has not ended the agent yet.
    for (let calls = 0; calls < 5; calls += 1) await store.countFor(familyId, member, hour)

    assert.equal(await left(agent), 0)
    assert.equal((await list(agent))[0]?.agent?.remaining_calls, 0)
  })

  it('is absent where there is no limit', async () => {
    const parent = await signIn()
    const agent = await handOn(parent, { name: 'free' })

    assert.equal((await own(parent)).agent, undefined)
    for (const told of [await own(agent), (await list(agent))[0]]) {
      assert.ok(told?.agent !== undefined)
      assert.deepEqual(['remaining_calls' in told.agent, 'max_calls' in told.agent], [false, false])
    }
  })

  it('costs a call nothing, and one question of a family where one of it has a limit', async () => {
    const [parent, plain] = [await signIn(), await signIn()]
    const [free, ...counted] = [await handOn(plain, {}), await handOn(parent, { max_calls: 9 }), await handOn(parent, { max_calls: 9 })]
    const [agent = ''] = counted
    for (const handle of [free, agent]) await use(handle)

    assert.deepEqual(await askedFor(() => use(agent)), ['countFor', 'readFamily'])
    assert.deepEqual(await askedFor(() => use(free)), ['readFamily'])
    assert.deepEqual(await askedFor(() => own(agent)), ['readCounts', 'readFamily'])
    for (const handle of [free, plain]) assert.deepEqual(await askedFor(() => own(handle)), ['readFamily'])

    const bob = await getHandle(gateway, idp, { scope: 'openid sessions' }, { user: 'bob' })
    await handOn(bob, {})
    const ofNone = ['readFamily', 'readFamily', 'readIndex', 'readMembers']
    assert.deepEqual(await askedFor(() => list(bob)), ofNone)
    for (let agents = 0; agents < 3; agents += 1) await handOn(bob, { max_calls: 9 })
    assert.deepEqual(await askedFor(() => list(bob)), ['readCounts', ...ofNone])
  })

  it('is 503 where the store does not say, never a guess', async () => {
    const parent = await signIn()
    const agent = await handOn(parent, { max_calls: 9 })
    const visitor = createVisitor(gateway)
    await visitor.signIn(idp)
    outage.isAway = true

    const answers = [
      await call(gateway, '/auth/session', agent),
      await call(gateway, '/auth/sessions', parent),
      await visitor.visit('/auth/account'),
      await listAsAdmin(),
    ]

    assert.deepEqual(
      answers.map(({ status, headers }) => [status, headers['sallyport-error'], headers['retry-after']]),
      answers.map(() => [503, 'store_unavailable', '2']),
    )
    // Who has no limit does not notice, and no call does.
    assert.deepEqual([(await call(gateway, '/auth/session', parent)).status, await use(agent)], [200, 200])
  })
})
