import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { parseHandle } from '../../src/session/handle.ts'
import { sessionConfig, startGateway, type TestGateway } from '../support/gateway.ts'
import { type IdentityProvider, startIdentityProvider } from '../support/identity-provider.ts'
import { call, getHandle, nativeClients, post } from '../support/native-client.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'
import { createVisitor } from '../support/visitor.ts'

const grantType = 'urn:ietf:params:oauth:grant-type:token-exchange'
const accessToken = 'urn:ietf:params:oauth:token-type:access_token'

describe('handing on to an agent (RFC 8693)', () => {
  let idp: IdentityProvider
  let upstream: Upstream
  let gateway: TestGateway
  before(async () => {
    idp = await startIdentityProvider({ accessTokens: 'opaque' })
    upstream = await startUpstream()
    gateway = await start()
  })
  after(() => Promise.all([idp.close(), upstream.close(), gateway.close()]))

  const start = (changes: Record<string, unknown> = {}, session = {}) => {
    const at = { upstream: upstream.origin }
    const routes = [
      { path: '/api/mail', ...at, token: 'access', require: { scopes: ['email'] } },
      { path: '/api/orders', ...at, token: 'access', require: { scopes: ['openid'] } },
      { path: '/', ...at, access: 'anyone' },
    ]
    const scopes = ['openid', 'email', 'sessions']
    const clients = { cli: { ...nativeClients.cli, scopes }, plain: { ...nativeClients.cli, scopes, delegate: false } }
    return startGateway({ idp, config: { native: { clients, ...changes }, routes, session: sessionConfig(session) } })
  }
  const signIn = (own = gateway, client_id = 'cli') => getHandle(own, idp, { scope: 'openid email sessions', client_id })
  const exchange = (handle: string, limits: object | null = {}, params: Record<string, string> = {}, own = gateway) =>
    post(own, '/oauth/token', {
      grant_type: grantType,
      client_id: 'cli',
      subject_token: handle,
      subject_token_type: accessToken,
      ...(limits === null ? {} : { authorization_details: JSON.stringify([{ type: 'sallyport_delegation', ...limits }]) }),
      ...params,
    })
  async function delegate(handle: string, limits: object | null = {}, params: Record<string, string> = {}, own = gateway): Promise<string> {
    const response = await exchange(handle, limits, params, own)
    assert.equal(response.status, 200, response.text)
    return response.body.access_token
  }
  const status = async (handle: string, path = '/api/orders/7', own = gateway, method: 'get' | 'post' = 'get') =>
    (await call(own, path, handle, {}, method)).status
  const idOf = (handle: string) => {
    const { familyId = '', member = '' } = parseHandle(handle) ?? {}
    return `${familyId}.${member}`
  }

  it('gives a handle with fewer scopes, for a quarter of an hour, of the same family', async () => {
    const parent = await signIn()

    const { status: code, body } = await exchange(parent, { name: 'nightly' }, { scope: 'openid' })

    assert.equal(code, 200)
    assert.deepEqual([body.issued_token_type, body.token_type, body.expires_in, body.scope], [accessToken, 'Bearer', 900, 'openid'])
    assert.deepEqual(body.authorization_details, [{ type: 'sallyport_delegation', name: 'nightly', expires_in: 900, delegate: false }])
    assert.equal(parseHandle(body.access_token)?.familyId, parseHandle(parent)?.familyId)
    assert.equal(await status(body.access_token), 200)
    assert.equal(await status(body.access_token, '/api/mail'), 403)
    assert.equal(await status(parent, '/api/mail'), 200)
    const session = (await call(gateway, '/auth/session', body.access_token)).body.session
    assert.deepEqual([session.kind, session.session_id, session.agent.act], ['agent', idOf(body.access_token), ['nightly', 'cli']])
  })

  it('shows the upstream the person’s token, and the audit who acts for whom', async () => {
    const agent = await delegate(await signIn(), { name: 'nightly', delegate: true })
    const behind = await delegate(agent, { name: 'helper' })

    await call(gateway, '/api/orders/7', behind)
    await call(gateway, '/api/nowhere', behind)
    await call(gateway, '/api/mail', await delegate(behind === '' ? '' : agent, { name: 'other' }, { scope: 'openid' }))

    assert.ok(idp.issued.has((upstream.requests.findLast(({ url }) => url === '/api/orders/7')?.headers.authorization ?? '').slice(7)))
    const delegations = gateway.audit.filter(({ event }) => event === 'delegation').map(({ act }) => act)
    assert.deepEqual(delegations.slice(-3), [
      ['nightly', 'cli'],
      ['helper', 'nightly', 'cli'],
      ['other', 'nightly', 'cli'],
    ])
    const refused = gateway.audit.findLast(({ code }) => code === 'insufficient_scope')
    assert.deepEqual([refused?.kind, refused?.client_id, refused?.sub, refused?.act], ['agent', 'cli', 'a1', ['other', 'nightly', 'cli']])
  })

  it('holds an agent to its calls: method and path, segment by segment', async () => {
    const agent = await delegate(await signIn(), { routes: ['GET /api/orders/*', 'POST /api/orders/7'] })

    assert.deepEqual(
      [
        await status(agent),
        await status(agent, '/api/orders/7', gateway, 'post'),
        await status(agent, '/api/orders/8', gateway, 'post'),
        await status(agent, '/api/orders'),
        await status(agent, '/api/ordersx'),
        await status(agent, '/api/mail'),
      ],
      [200, 200, 403, 403, 200, 403],
    )
    assert.ok(gateway.audit.some(({ reason }) => reason === 'route_not_delegated'))
  })

  it('ends an agent with the call after its last, whoever counts', async () => {
    const agent = await delegate(await signIn(), { max_calls: 3 })

    const statuses = await Promise.all(Array.from({ length: 6 }, () => status(agent)))

    assert.equal(statuses.filter(code => code === 200).length, 3)
    assert.equal(await status(agent), 401)
    assert.ok(gateway.audit.some(({ reason }) => reason === 'budget_exhausted'))
  })

  it('ends with its time, which no use prolongs, and never after whoever handed it on', async t => {
    const own = await start({ idleTimeout: '2h', absoluteTimeout: '2h' })
    t.after(() => own.close())
    const parent = await signIn(own)
    const short = await delegate(parent, { expires_in: 600 }, {}, own)
    own.clock.advance(5 * 60_000)
    assert.equal(await status(short, '/api/orders', own), 200)
    own.clock.advance(5 * 60_000)
    assert.equal(await status(short, '/api/orders', own), 401)

    const long = await exchange(parent, { expires_in: 8 * 3600 }, {}, own)

    assert.ok(long.body.expires_in <= 2 * 3600 - 600)
    own.clock.advance(2 * 3600_000)
    assert.equal(await status(long.body.access_token, '/api/orders', own), 401)
  })

  it('outlives a root that is only not used any more, until its own end', async t => {
    for (const sealing of ['holder', 'gateway']) {
      const own = await start({ idleTimeout: '10m' }, { sealing })
      t.after(() => own.close())
      const parent = await signIn(own)
      const agent = await delegate(parent, { expires_in: 1200 }, {}, own)

      own.clock.advance(11 * 60_000)

      assert.equal(await status(parent, '/api/orders', own), 401)
      assert.equal(await status(agent, '/api/orders', own), 200)
      own.clock.advance(10 * 60_000)
      assert.equal(await status(agent, '/api/orders', own), 401)
    }
  })

  it('ends with whoever handed it on, and takes only those behind it along', async () => {
    const parent = await signIn()
    const [one, other] = [await delegate(parent, { delegate: true }), await delegate(parent)]
    const behind = await delegate(one)
    const revoke = (token: string) => post(gateway, '/oauth/revoke', { token, client_id: 'cli' })

    await revoke(one)
    assert.deepEqual(await Promise.all([parent, one, behind, other].map(handle => status(handle))), [200, 401, 401, 200])
    await revoke(parent)
    assert.deepEqual([await status(parent), await status(other)], [401, 401])
    assert.equal((await exchange(parent)).body.error, 'invalid_request')
  })

  it('hands on less, never more', async () => {
    const parent = await getHandle(gateway, idp, { scope: 'openid sessions', resource: `${gateway.origin}/api/orders` })
    const agent = await delegate(parent, { routes: ['GET /api/orders/*'], max_calls: 5, delegate: true }, { scope: 'openid' })

    const refused = [
      await exchange(parent, {}, { scope: 'email' }),
      await exchange(parent, {}, { resource: `${gateway.origin}/api/mail` }),
      await exchange(agent, { routes: ['GET /api/orders/*'], max_calls: 5 }, { scope: 'sessions' }),
      await exchange(agent, { max_calls: 5 }),
      await exchange(agent, { routes: ['GET /api/*'], max_calls: 5 }),
      await exchange(agent, { routes: ['* /api/orders/7'], max_calls: 5 }),
      await exchange(agent, { routes: ['GET /api/orders/7'] }),
      await exchange(agent, { routes: ['GET /api/orders/7'], max_calls: 6 }),
    ]

    assert.deepEqual(
      refused.map(({ body }) => body.error),
      ['invalid_scope', 'invalid_target', 'invalid_scope', ...Array.from({ length: 5 }, () => 'invalid_authorization_details')],
    )
    assert.equal((await exchange(agent, { routes: ['GET /api/orders/7'], max_calls: 2 })).status, 200)
  })

  it('is only for sessions that may, three deep and twenty wide', async () => {
    const plain = await signIn(gateway, 'plain')
    const parent = await signIn()
    const final = await delegate(parent)
    let deep = parent
    for (let depth = 0; depth < 3; depth += 1) deep = await delegate(deep, { delegate: true })

    const refused = [
      await exchange(plain, {}, { client_id: 'plain' }),
      await exchange(plain),
      await exchange(final),
      await exchange(deep),
      await exchange('spt_x'),
      await exchange(parent, {}, { subject_token_type: 'urn:ietf:params:oauth:token-type:jwt' }),
      await exchange(parent, {}, { actor_token: parent }),
    ]
    const wide = await Promise.all(Array.from({ length: 20 }, () => exchange(parent)))

    assert.deepEqual(
      refused.map(({ body }) => body.error),
      ['unauthorized_client', 'invalid_request', 'unauthorized_client', ...Array.from({ length: 4 }, () => 'invalid_request')],
    )
    assert.equal(wide.filter(({ status: code }) => code === 200).length, 16)
  })

  it('understands every limit that it takes, and refuses what it does not', async () => {
    const parent = await signIn()
    const wrong = [
      { name: 'a\u202eb' },
      { name: '' },
      { routes: [] },
      { routes: ['GET /api/../x'] },
      { routes: ['get /api/orders'] },
      { routes: ['GET /api/orders*'] },
      { routes: ['FETCH /api'] },
      { max_calls: 0 },
      { max_calls: 1.5 },
      { expires_in: 8 * 3600 + 1 },
      { delegate: 'yes' },
      { rate: '10/s' },
      { type: 'another' },
    ]
    for (const limits of wrong) {
      assert.equal((await exchange(parent, limits)).body.error, 'invalid_authorization_details', JSON.stringify(limits))
    }
    for (const text of ['{', '{}', '[]', '[1]', '[{},{}]', 'null']) {
      assert.equal((await exchange(parent, null, { authorization_details: text })).body.error, 'invalid_authorization_details', text)
    }
    assert.equal((await exchange(parent, null)).status, 200)
  })

  it('NAT-25 stands under its parent in the list, and can be ended alone', async () => {
    const own = await start()
    try {
      const parent = await signIn(own)
      const agent = await delegate(parent, { name: 'nightly', delegate: true }, {}, own)
      const behind = await delegate(agent, { name: 'helper' }, {}, own)

      const [root] = (await call(own, '/auth/sessions', parent)).body.sessions
      const seen = (await call(own, '/auth/sessions', agent)).body.sessions
      const foreign = await call(own, `/auth/sessions/${root.session_id}`, agent, {}, 'delete')
      const ended = await call(own, `/auth/sessions/${idOf(behind)}`, agent, {}, 'delete')

      assert.deepEqual([root.children[0].session_id, root.children[0].agent.name], [idOf(agent), 'nightly'])
      assert.deepEqual(root.children[0].children[0].session_id, idOf(behind))
      assert.deepEqual(
        seen.map((one: { session_id: string }) => one.session_id),
        [idOf(agent)],
      )
      assert.deepEqual([foreign.status, ended.status], [404, 204])
      assert.deepEqual(
        [await status(parent, '/api/orders', own), await status(agent, '/api/orders', own), await status(behind, '/api/orders', own)],
        [200, 200, 401],
      )
      const visitor = createVisitor(own)
      await visitor.signIn(idp)
      assert.match((await visitor.visit('/auth/account')).text, /nightly \(Orders CLI\)/)
      assert.equal((await visitor.call('/auth/sessions/revoke-others', { method: 'POST' })).body.revoked, 1)
      assert.equal(await status(agent, '/api/orders', own), 401)
    } finally {
      await own.close()
    }
  })

  it('ends with the person’s logout everywhere also where its root has idled out', async t => {
    const own = await start({ idleTimeout: '10m' })
    t.after(() => own.close())
    const parent = await signIn(own)
    const agent = await delegate(parent, { expires_in: 3600 }, {}, own)
    const visitor = createVisitor(own)
    await visitor.signIn(idp)
    own.clock.advance(11 * 60_000)
    assert.equal(await status(parent, '/api/orders', own), 401)

    await visitor.visit('/auth/logout', { method: 'POST', body: 'everywhere=true' })

    assert.equal(await status(agent, '/api/orders', own), 401)
  })

  it('NAT-23 is no other member’s: an agent’s handle opens its own session alone', async () => {
    const parent = await signIn()
    const agent = await delegate(parent)
    const [root, child] = [parseHandle(parent), parseHandle(agent)]
    const { formatHandle } = await import('../../src/session/handle.ts')
    assert.ok(root !== null && child !== null)

    assert.equal(await status(formatHandle({ ...root, secret: child.secret })), 401)
    assert.equal(await status(formatHandle({ ...child, secret: root.secret })), 401)
    assert.equal(await status(formatHandle({ ...child, member: 'nobody' })), 401)
    assert.deepEqual([await status(parent), await status(agent)], [200, 200])
  })
})
