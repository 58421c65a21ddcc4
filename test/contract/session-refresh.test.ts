import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { createMemoryStore } from '../../src/store/memory.ts'
import { brokenStore } from '../support/broken-store.ts'
import { eventually } from '../support/eventually.ts'
import { makeClock, makeSecrets, providerConfig, startGateway, type TestGateway, type TestGatewayOptions } from '../support/gateway.ts'
import { type IdentityProvider, startIdentityProvider } from '../support/identity-provider.ts'
import { openSocket } from '../support/raw-http.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'
import { createVisitor, type VisitOptions, type Visitor } from '../support/visitor.ts'

// The provider rotates refresh tokens and takes the second use of one for theft, as strict ones do.

const sessionName = '__Host-Http-sallyport'

let idp: IdentityProvider
let upstream: Upstream
before(async () => {
  idp = await startIdentityProvider({ rotate: true })
  upstream = await startUpstream()
})
after(() => Promise.all([idp.close(), upstream.close()]))

/** A gateway with somebody signed in, whose token is past the cool-down. */
async function start(t: { after(run: () => unknown): void }, options: TestGatewayOptions = {}) {
  const gateway = await startGateway({ idp, upstream: upstream.origin, ...options })
  t.after(gateway.close)
  const visitor = createVisitor(gateway)
  await visitor.signIn(options.idp ?? idp)
  gateway.clock.advance(11_000)
  return { gateway, visitor }
}

const refresh = (visitor: Visitor, options: VisitOptions = {}) => visitor.call('/auth/session/refresh', { method: 'POST', ...options })

/** The access token that an upstream gets. */
async function tokenOf(visitor: Visitor): Promise<string> {
  await visitor.call('/api/orders')
  return upstream.requests.at(-1)?.headers.authorization ?? ''
}

/** What the visitor's provider is asked while `run` runs. */
async function refreshesDuring(run: () => Promise<unknown>): Promise<number> {
  const before = idp.refreshes()
  await run()
  return idp.refreshes() - before
}

const replicas = async (t: { after(run: () => unknown): void }): Promise<{ visitor: Visitor; other: Visitor; gateway: TestGateway }> => {
  const clock = makeClock()
  const shared = { store: createMemoryStore({ now: clock.now }), secrets: makeSecrets(), clock }
  const { gateway, visitor } = await start(t, shared)
  const second = await startGateway({ idp, ...shared })
  t.after(second.close)
  return { gateway, visitor, other: createVisitor(second, visitor.jar) }
}

describe('POST /auth/session/refresh', () => {
  it('RTK-01 renews the token now, answers as GET /auth/session, and shows no token', async t => {
    const { gateway, visitor } = await start(t)
    const [before, token] = [await visitor.session(), await tokenOf(visitor)]

    const count = await refreshesDuring(async () => {
      const response = await refresh(visitor)

      assert.equal(response.status, 200)
      assert.equal(response.headers['cache-control'], 'no-store')
      assert.equal(response.headers['set-cookie'], undefined)
      const { server_time, tokens, session, ...rest } = response.body
      assert.deepEqual(Object.keys(response.body), Object.keys(before))
      assert.deepEqual({ ...before, ...rest }, before)
      assert.equal(session.session_id, before.session.session_id)
      assert.ok(tokens.access_expires_in > 295 && before.tokens.access_expires_in < 290)
      assert.ok(Date.parse(tokens.refreshed_at) > Date.parse(before.tokens.refreshed_at))
      for (const hidden of idp.issued) assert.ok(!response.text.includes(hidden))
    })

    assert.equal(count, 1)
    assert.notEqual(await tokenOf(visitor), token)
    assert.ok(gateway.events().includes('renewal'))
  })

  it('asks the provider once in ten seconds, however often it is called, and answers each time', async t => {
    const { gateway, visitor } = await start(t)

    const early = await refreshesDuring(async () => {
      for (let call = 0; call < 5; call += 1) assert.equal((await refresh(visitor)).body.authenticated, true)
    })
    gateway.clock.advance(10_000)
    const late = await refreshesDuring(() => refresh(visitor))

    assert.deepEqual([early, late], [1, 1])
  })

  it('asks nothing right after the sign-in', async t => {
    const gateway = await startGateway({ idp })
    t.after(gateway.close)
    const visitor = createVisitor(gateway)
    await visitor.signIn(idp)

    assert.equal(await refreshesDuring(() => refresh(visitor)), 0)
  })

  it('RTK-02 asks nothing at a replica when the other has just renewed', async t => {
    const { visitor, other } = await replicas(t)

    const count = await refreshesDuring(async () => {
      const [first, second] = [await refresh(visitor), await refresh(other)]
      assert.equal(first.body.tokens.refreshed_at, second.body.tokens.refreshed_at)
    })

    assert.equal(count, 1)
  })

  it('RTK-02 A-062 asks once for twenty calls at two replicas at the same moment', async t => {
    const { visitor, other } = await replicas(t)
    const answers: Awaited<ReturnType<typeof refresh>>[] = []

    const count = await refreshesDuring(async () => {
      const calls = Array.from({ length: 20 }, (_, index) => refresh(index % 2 === 0 ? visitor : other))
      answers.push(...(await Promise.all(calls)))
    })

    assert.equal(count, 1)
    assert.deepEqual(new Set(answers.map(({ status, body }) => `${status} ${body.authenticated}`)), new Set(['200 true']))
    assert.equal(new Set(answers.map(({ body }) => body.tokens.refreshed_at)).size, 1)
    assert.equal((await other.session()).authenticated, true)
  })

  it('SES-08 RTK-07 is no activity: the session runs out as if nobody had called', async t => {
    const { gateway, visitor } = await start(t)
    const { idle_expires_at, absolute_expires_at } = (await visitor.session()).session

    for (let minute = 0; minute < 29; minute += 1) {
      gateway.clock.advance(60_000)
      const { body } = await refresh(visitor)
      assert.deepEqual([body.session.idle_expires_at, body.session.absolute_expires_at], [idle_expires_at, absolute_expires_at])
    }
    gateway.clock.advance(60_000)
    const { body } = await refresh(visitor)

    assert.deepEqual([body.authenticated, body.reason], [false, 'idle'])
  })

  it('answers without a session that there is none, and asks nobody', async t => {
    const { gateway, visitor } = await start(t)
    const kept = createVisitor(gateway, new Map(visitor.jar))
    await visitor.visit('/auth/logout', { method: 'POST' })

    const count = await refreshesDuring(async () => {
      for (const [who, reason] of [[createVisitor(gateway), undefined] as const, [kept, 'logged_out'] as const]) {
        const { status, body } = await refresh(who)
        assert.deepEqual([status, body.authenticated, body.reason, body.login_url], [200, false, reason, '/auth/login'])
      }
    })

    assert.equal(count, 0)
  })

  it('answers without a refresh token that the session is not renewable, and ends nothing', async t => {
    const frugal = await startIdentityProvider({ refreshTokens: 'offline_access' })
    t.after(frugal.close)
    const main = { ...providerConfig(frugal), scopes: ['openid', 'profile', 'email'] }
    const { gateway, visitor } = await start(t, { idp: frugal, config: { identityProviders: { main } } })

    for (const advanceMs of [0, 60_000]) {
      gateway.clock.advance(advanceMs)
      const { status, body } = await refresh(visitor)
      assert.deepEqual([status, body.authenticated, body.tokens.renewable], [200, true, false])
    }

    assert.equal(frugal.refreshes(), 0)
    assert.equal((await visitor.call('/api/orders')).status, 200)
  })

  it('ends nothing whose provider is not configured any more', async t => {
    const clock = makeClock()
    const shared = { store: createMemoryStore({ now: clock.now }), secrets: makeSecrets(), clock }
    const { gateway, visitor } = await start(t, shared)
    const other = await startGateway({ idp, config: { identityProviders: { another: providerConfig(idp) } }, ...shared })
    t.after(other.close)

    const { status, body } = await refresh(createVisitor(other, visitor.jar))

    assert.deepEqual([status, body.authenticated], [200, true])
    assert.equal((await createVisitor(gateway, visitor.jar).session()).authenticated, true)
  })

  it('RTK-04 tells that the session is over when the provider has ended the grant', async t => {
    const { gateway, visitor } = await start(t)
    idp.endGrants()

    const first = await refresh(visitor)
    const second = await refresh(visitor)

    for (const { status, body } of [first, second]) {
      const { server_time, ...rest } = body
      assert.equal(status, 200)
      assert.deepEqual(rest, { authenticated: false, reason: 'expired', login_url: '/auth/login' })
    }
    assert.ok(gateway.events().includes('session_ended'))
    assert.equal((await visitor.call('/api/orders')).status, 401)
  })

  it('RTK-08 tells of a logout that comes in the middle, and wins', async t => {
    const { gateway, visitor } = await start(t)
    const leaving = createVisitor(gateway, new Map(visitor.jar))
    const release = idp.troubles.hold('token')
    const asked = idp.troubles.count('token')

    const pending = refresh(visitor)
    await Promise.race([pending, eventually(() => idp.troubles.count('token') > asked)])
    await leaving.visit('/auth/logout', { method: 'POST' })
    release()

    const { status, body } = await pending
    assert.deepEqual([status, body.authenticated, body.reason], [200, false, 'logged_out'])
  })

  it('goes on though the client leaves', async t => {
    const { gateway, visitor } = await start(t)
    const release = idp.troubles.hold('token')
    const asked = idp.troubles.count('token')
    const before = (await visitor.session()).tokens.refreshed_at
    const socket = await openSocket(gateway.port)
    const head = `POST /auth/session/refresh HTTP/1.1\r\nHost: ${gateway.host}\r\nX-CSRF: 1\r\nContent-Length: 0\r\n`
    socket.write(`${head}Cookie: ${sessionName}=${visitor.jar.get(sessionName)}\r\n\r\n`)

    await eventually(() => idp.troubles.count('token') > asked)
    socket.destroy()
    await eventually(() => gateway.lines.some(({ event, route }) => event === 'request' && route === '/auth/session/refresh'))
    release()

    await eventually(async () => (await visitor.session()).tokens.refreshed_at !== before)
  })
})

describe('POST /auth/session/refresh, refused', () => {
  for (const trouble of ['error', 'html', 'hang'] as const) {
    it(`RTK-05 is a 503 when the provider answers with ${trouble}: the cookie and the session stay`, async t => {
      const { gateway, visitor } = await start(t, { config: { identityProviders: { main: { ...providerConfig(idp), timeout: '2s' } } } })
      idp.troubles.set('token', trouble)
      t.after(() => idp.troubles.clear())

      const response = await refresh(visitor)

      assert.equal(response.status, 503)
      assert.equal(response.body.code, 'idp_unavailable')
      assert.equal(response.headers['retry-after'], '5')
      assert.equal(response.headers['set-cookie'], undefined)
      assert.equal((await visitor.session()).authenticated, true)
      idp.troubles.clear()
      // An answer that does not come is waited for three times as long, by nobody.
      const times = await refreshesDuring(() =>
        eventually(async () => {
          gateway.clock.advance(5_001)
          return (await refresh(visitor)).status === 200
        }),
      )
      assert.equal(times, 1)
    })
  }

  it('is a 503 while the store is away: the cookie stays', async t => {
    const state = { isAway: false }
    const { visitor } = await start(t, { store: brokenStore(createMemoryStore({ now: Date.now }), state) })

    state.isAway = true
    const response = await refresh(visitor)
    state.isAway = false

    assert.deepEqual([response.status, response.body.code, response.headers['retry-after']], [503, 'store_unavailable', '2'])
    assert.equal(response.headers['set-cookie'], undefined)
    assert.equal((await visitor.session()).authenticated, true)
  })

  it('CSRF-01 is a 403 for other sites and siblings, by script or by form, and asks nobody', async t => {
    const { visitor } = await start(t)

    const count = await refreshesDuring(async () => {
      for (const site of ['same-site', 'cross-site'] as const) {
        // The Strict cookie too, as a browser would send it that knows no SameSite.
        const headers = { cookie: `${sessionName}=${visitor.jar.get(sessionName)}` }
        for (const response of [
          await refresh(visitor, { site, headers }),
          await visitor.visit('/auth/session/refresh', { method: 'POST', site, headers }),
        ]) {
          assert.equal(response.status, 403)
          assert.equal(response.headers['sallyport-error'], 'cross_site_refused')
        }
      }
    })

    assert.equal(count, 0)
  })

  it('CSRF-07 is a 400 with a body of any type, and asks nobody', async t => {
    const { visitor } = await start(t)

    const count = await refreshesDuring(async () => {
      for (const type of ['application/x-www-form-urlencoded', 'text/plain', 'application/json']) {
        const response = await refresh(visitor, { body: '{}', headers: { 'content-type': type } })

        assert.deepEqual([response.status, response.body.code], [400, 'bad_request'], type)
      }
    })

    assert.equal(count, 0)
    assert.equal((await refresh(visitor, { headers: { 'content-length': '0' } })).status, 200)
  })

  it('is a 405 for other methods: looking renews nothing', async t => {
    const { visitor } = await start(t)

    for (const method of ['GET', 'HEAD', 'PUT', 'DELETE'] as const) {
      const response = await visitor.call('/auth/session/refresh', { method })

      assert.deepEqual([response.status, response.headers.allow], [405, 'POST'], method)
    }
  })

  it('knows no session of another origin', async t => {
    const origins = ['https://one.example.test', 'https://two.example.test']
    const { visitor } = await start(t, { host: 'one.example.test', config: { origins } })

    const count = await refreshesDuring(async () => {
      const { status, body } = await refresh(visitor, { headers: { host: 'two.example.test' } })
      assert.deepEqual([status, body.authenticated], [200, false])
    })

    assert.equal(count, 0)
  })
})
