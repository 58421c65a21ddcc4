import assert from 'node:assert/strict'
import type { AddressInfo } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { createAdminServer } from '../../src/listeners.ts'
import { parseHandle } from '../../src/session/handle.ts'
import { type AgentFields, makeAgent } from '../support/agent-session.ts'
import { lastSid, postLogout } from '../support/back-channel.ts'
import { eventually } from '../support/eventually.ts'
import { makeSecrets, sessionConfig, startGateway, type TestGateway } from '../support/gateway.ts'
import { type IdentityProvider, startIdentityProvider } from '../support/identity-provider.ts'
import { call, nativeClients, post } from '../support/native-client.ts'
import { type RedisServer, startRedis } from '../support/redis-server.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'
import { createVisitor, type Visitor } from '../support/visitor.ts'

const origin = 'https://login.example.test'

describe('an agent session that a person has made, at two replicas over Redis', () => {
  let idp: IdentityProvider
  let upstream: Upstream
  let redis: RedisServer
  let gateway: TestGateway
  let other: TestGateway
  const keys = makeSecrets()
  before(async () => {
    idp = await startIdentityProvider({ accessTokens: 'opaque', backChannelUri: 'http://127.0.0.1:9/none' })
    ;[upstream, redis] = await Promise.all([startUpstream(), startRedis()])
    ;[gateway, other] = [await start(), await start()]
  })
  after(async () => {
    await Promise.all([idp.close(), upstream.close(), gateway.close(), other.close()])
    await redis.stop()
  })

  async function start({ namespace = 'sp', native = {}, session = {} } = {}): Promise<TestGateway> {
    const to = { upstream: upstream.origin }
    const routes = [
      { path: '/api/mail', ...to, token: 'access', require: { scopes: ['email'] } },
      { path: '/api/orders', ...to, token: 'access', require: { scopes: ['openid'] }, identityHeaders: { 'X-Auth-Actor': 'act' } },
      { path: '/reports', ...to, access: 'signed-in' },
      { path: '/', ...to, access: 'anyone' },
    ]
    const store = { kind: 'redis', url: { env: 'REDIS_URL' }, namespace }
    const cli = { ...nativeClients.cli, scopes: ['openid', 'email', 'sessions'] }
    const own = await startGateway({
      idp,
      secrets: { ...keys, REDIS_URL: redis.url, ADMIN_TOKEN: 'spa_a-token-of-an-administrator-0123456789' },
      config: {
        native: { origin, clients: { cli }, ...native },
        routes,
        session: sessionConfig({ store, ...session }),
        admin: { tokens: [{ id: 'ops', env: 'ADMIN_TOKEN' }] },
      },
    })
    idp.register({ redirectUris: [`${own.origin}/auth/callback/main`, `${origin}/auth/callback/main`] })
    await eventually(() => isReady(own))
    return own
  }
  const isReady = (own: TestGateway) =>
    own.ready().then(
      () => true,
      () => false,
    )
  const make = (fields: AgentFields = {}, own = gateway, user: 'alice' | 'bob' = 'alice') =>
    makeAgent({ port: own.port, host: 'login.example.test' }, idp, fields, { user })
  const status = async (handle: string, path = '/api/orders/7', own = gateway, method: 'get' | 'post' = 'get') =>
    (await call(own, path, handle, {}, method)).status
  const idOf = (handle: string) => parseHandle(handle)?.familyId ?? ''
  async function browse(user: 'alice' | 'bob' = 'alice', own = gateway): Promise<Visitor> {
    const visitor = createVisitor(own)
    await visitor.signIn(idp, { user })
    return visitor
  }
  const sessionsOf = async (visitor: Visitor) =>
    (await visitor.call('/auth/sessions')).body.sessions as {
      session_id: string
      kind: string
      scopes: string[]
      agent?: object
      client?: object
    }[]

  it('NHI-05 NHI-10 may do what was approved and no more, at every replica, and upstreams are told who acts', async () => {
    const handle = await make({ scopes: ['openid', 'email'], routes: 'GET /api/orders/*' })

    const statuses = [
      await status(handle),
      await status(handle, '/api/orders/7', other),
      await status(handle, '/api/orders/7', gateway, 'post'),
      await status(handle, '/api/mail'),
      await status(handle, '/reports'),
      await status(await make({ scopes: ['email'] }), '/api/orders/7'),
    ]

    assert.deepEqual(statuses, [200, 200, 403, 403, 403, 403])
    const seen = upstream.requests.findLast(({ url }) => url === '/api/orders/7')
    assert.equal(seen?.headers['x-auth-actor'], 'agent:nightly,client:cli')
    assert.ok(idp.issued.has((seen?.headers.authorization ?? '').slice('Bearer '.length)))
    const calls = gateway.audit.filter(({ event, session_id }) => event === 'agent_call' && session_id === idOf(handle))
    assert.deepEqual(calls.at(0)?.act, ['nightly', 'cli'])
  })

  it('NHI-02 leaves nothing in Redis that anybody could use, while it is asked for and when it is there', async () => {
    const handle = await make({ name: 'a name that stands nowhere in clear' })

    const dump = JSON.stringify(await redis.dump())
    for (const secret of [handle, handle.split('.')[2]?.slice(0, 43) ?? '', 'stands nowhere in clear', ...idp.issued]) {
      assert.ok(!dump.includes(secret))
    }
  })

  it('hands nothing on, and is no browser: neither exchange nor cookie come of it', async () => {
    const handle = await make()

    const exchange = await post({ port: gateway.port, host: 'login.example.test' }, '/oauth/token', {
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      client_id: 'cli',
      subject_token: handle,
      subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    })

    assert.deepEqual([exchange.status, exchange.body.error], [400, 'unauthorized_client'])
    assert.notEqual((await call(gateway, '/auth/account', handle)).status, 200)
  })

  it('SES-13 NAT-25 stands in the lists of its person as an agent, with what it is held to', async () => {
    const visitor = await browse('bob')
    const handle = await make({ name: 'weekly', scopes: ['openid'], routes: 'GET /api/orders/*', max_calls: '9' }, gateway, 'bob')
    const server = createAdminServer(gateway.adminHandler ?? assert.fail('no admin port'))
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    const asked = { headers: { authorization: 'Bearer spa_a-token-of-an-administrator-0123456789' } }

    const listed = (await sessionsOf(visitor)).find(({ session_id }) => session_id === idOf(handle))
    const page = await visitor.visit('/auth/account')
    const administered = (await (await fetch(`http://127.0.0.1:${port}/admin/sessions?provider=main&sub=b2`, asked)).json()) as {
      sessions: { session_id: string; kind: string; agent: object }[]
    }
    const ended = await fetch(`http://127.0.0.1:${port}/admin/sessions/${idOf(handle)}`, { ...asked, method: 'DELETE' })
    await new Promise(resolve => server.close(resolve))

    const agent = { name: 'weekly', act: ['weekly', 'cli'], routes: ['GET /api/orders/*'], max_calls: 9, delegates: false }
    assert.equal(listed?.kind, 'agent')
    assert.deepEqual(listed.scopes, ['openid'])
    for (const [name, value] of Object.entries(agent)) assert.deepEqual((listed.agent as Record<string, unknown>)[name], value, name)
    assert.match(page.text, /weekly \(Orders CLI\)/)
    assert.equal(administered.sessions.find(({ session_id }) => session_id === idOf(handle))?.kind, 'agent')
    assert.equal(ended.status, 204)
    assert.equal(await status(handle), 401)
    assert.equal((await visitor.session()).authenticated, true)
  })

  it('sees itself alone with the scope sessions, and can end itself', async () => {
    await browse()
    const handle = await make({ scopes: ['openid', 'sessions'] })

    const { sessions } = (await call(gateway, '/auth/sessions', handle)).body
    const ended = await call(gateway, `/auth/sessions/${idOf(handle)}`, handle, {}, 'delete')

    assert.deepEqual(
      sessions.map(({ session_id, current }: { session_id: string; current: boolean }) => [session_id, current]),
      [[idOf(handle), true]],
    )
    assert.equal(ended.status, 204)
    assert.equal(await status(handle, '/api/orders/7', other), 401)
  })

  const endings: Readonly<Record<string, (handle: string, visitor: Visitor) => Promise<unknown>>> = {
    'POST /oauth/revoke': handle => post({ port: gateway.port, host: 'login.example.test' }, '/oauth/revoke', { token: handle }),
    'the account page': async (handle, visitor) => {
      const page = await visitor.visit('/auth/account')
      const [, form_token = ''] = /name="form_token" value="([^"]*)"/.exec(page.text) ?? []
      assert.ok(page.text.includes(`action="/auth/sessions/${idOf(handle)}/revoke"`))
      return await visitor.visit(`/auth/sessions/${idOf(handle)}/revoke`, { method: 'POST', body: `form_token=${form_token}` })
    },
    'a sign-out of all the others': (_handle, visitor) => visitor.call('/auth/sessions/revoke-others', { method: 'POST' }),
    'a sign-out everywhere': (_handle, visitor) => visitor.call('/auth/logout', { method: 'POST', body: 'everywhere=true' }),
    'the provider, for its session': async () => postLogout(gateway, await idp.logoutToken({ claims: { sub: 'a1', sid: lastSid(idp) } })),
    // Of somebody who signs in no more here: the logout counts for what began in the same second.
    'the provider, for the person': async () => postLogout(gateway, await idp.logoutToken({ claims: { sub: 'b2', sid: undefined } })),
  }
  for (const [what, end] of Object.entries(endings)) {
    it(`NAT-25 ends by ${what}, at once and at every replica, and its tokens with it`, async () => {
      const user = what === 'the provider, for the person' ? 'bob' : 'alice'
      const visitor = await browse(user)
      const handle = await make({}, gateway, user)
      const vaults = async () => (await redis.dump()).filter(({ key }) => key.includes(idOf(handle)) && key.endsWith(':v')).length
      assert.deepEqual([await status(handle), await vaults()], [200, 1])

      await end(handle, visitor)

      assert.deepEqual([await status(handle), await status(handle, '/api/orders/7', other)], [401, 401])
      assert.equal(await vaults(), 0)
    })
  }

  it('NAT-24 NHI-07 ends with its time, which no use prolongs', async t => {
    // A shorter idle clock than its time: that one is for programs that a person uses.
    const own = await start({ namespace: 'clock', native: { idleTimeout: '1m' } })
    t.after(() => own.close())
    const [used, unused] = [await make({ expires_in: '3600' }, own), await make({ expires_in: '3600' }, own)]
    const { session } = (await call(own, '/auth/session', used)).body

    for (let minutes = 0; minutes < 55; minutes += 5) {
      own.clock.advance(5 * 60_000)
      assert.equal(await status(used, '/api/orders/7', own), 200)
    }
    assert.equal(await status(unused, '/api/orders/7', own), 200)
    own.clock.advance(5 * 60_000)

    assert.deepEqual([await status(used, '/api/orders/7', own), await status(unused, '/api/orders/7', own)], [401, 401])
    assert.equal(session.idle_expires_at, session.absolute_expires_at)
    assert.ok(session.absolute_expires_in > 3590 && session.absolute_expires_in <= 3600)
  })

  for (const sealing of ['holder', 'gateway']) {
    it(`ends whole with the call after its last, counted by all replicas, and gives its tokens back: ${sealing}`, async t => {
      const session = { sealing }
      const pair = [await start({ namespace: sealing, session }), await start({ namespace: sealing, session })] as const
      t.after(() => Promise.all(pair.map(one => one.close())))
      const visitor = await browse('alice', pair[0])
      const handle = await make({ max_calls: '5' }, pair[0])
      const given = idp.revocations.length

      const statuses = await Promise.all(Array.from({ length: 12 }, (_, n) => status(handle, '/api/orders/7', pair[n % 2])))

      assert.equal(statuses.filter(code => code === 200).length, 5)
      assert.equal(statuses.filter(code => code === 401).length, 7)
      // Our own endpoints count as no calls; it is gone for them as well.
      assert.equal((await call(pair[1], '/auth/session', handle)).status, 401)
      assert.deepEqual(
        (await sessionsOf(visitor)).map(({ kind }) => kind),
        ['browser'],
      )
      await eventually(() => Promise.resolve(idp.revocations.length > given))
      const ended = pair.flatMap(({ audit }) => audit.filter(({ event }) => event === 'session_ended'))
      assert.deepEqual(
        ended.map(({ reason, session_id, sub }) => [reason, session_id, sub]),
        [['budget_exhausted', idOf(handle), 'a1']],
      )
    })
  }

  it('SES-12 counts among the sessions of its person: the oldest of too many ends', async t => {
    const own = await start({ namespace: 'limit', session: { perUserLimit: 2 } })
    t.after(() => own.close())
    const handles = [await make({}, own), await make({}, own)]
    const visitor = await browse('alice', own)

    assert.deepEqual(await Promise.all(handles.map(handle => status(handle, '/api/orders/7', own))), [401, 200])
    const third = await make({}, own)

    assert.deepEqual(await Promise.all([...handles, third].map(handle => status(handle, '/api/orders/7', own))), [401, 401, 200])
    assert.equal((await visitor.session()).authenticated, true)
  })

  it('NHI-03 ends for all the moment its client is configured no more', async t => {
    const handle = await make()
    const without = await start({ native: { clients: { another: nativeClients.other } } })
    t.after(() => without.close())

    assert.deepEqual([await status(handle), await status(handle, '/api/orders/7', without)], [200, 401])
  })

  it('outlives Redis being away: 503 then, and the same session after', async t => {
    const away = await startRedis()
    const secrets = { ...makeSecrets(), REDIS_URL: away.url }
    const session = sessionConfig({ store: { kind: 'redis', url: { env: 'REDIS_URL' } } })
    const clients = { cli: { ...nativeClients.cli, scopes: ['openid'] } }
    const own = await startGateway({ idp, upstream: upstream.origin, secrets, config: { native: { origin, clients }, session } })
    t.after(async () => {
      await own.close()
      await away.stop()
    })
    idp.register({ redirectUris: [`${origin}/auth/callback/main`] })
    await eventually(() => isReady(own))
    const handle = await make({ max_calls: '100' }, own)
    assert.equal(await status(handle, '/api/orders', own), 200)

    away.freeze()
    const during = await status(handle, '/api/orders', own)
    away.thaw()

    assert.equal(during, 503)
    await eventually(async () => (await status(handle, '/api/orders', own)) === 200)
  })
})
