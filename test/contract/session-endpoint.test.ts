import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import request from 'supertest'
import { createMemoryStore } from '../../src/store/memory.ts'
import { brokenStore } from '../support/broken-store.ts'
import { sessionConfig, startGateway, type TestGateway } from '../support/gateway.ts'
import { type IdentityProvider, startIdentityProvider } from '../support/identity-provider.ts'
import { createVisitor } from '../support/visitor.ts'

const sessionName = '__Host-Http-sallyport'
const iso = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/

describe('GET /auth/session', () => {
  let idp: IdentityProvider
  let gateway: TestGateway
  before(async () => {
    idp = await startIdentityProvider()
    gateway = await startGateway({ idp })
  })
  after(() => Promise.all([idp.close(), gateway.close()]))

  it('UI-04 tells who is signed in and until when: these fields and no others', async () => {
    const visitor = createVisitor(gateway)
    await visitor.signIn(idp)

    const body = await visitor.session()

    const { server_time, user, session, tokens, ...rest } = body
    assert.deepEqual(rest, { authenticated: true, login_url: '/auth/login', logout_url: '/auth/logout', account_url: '/auth/account' })
    assert.deepEqual(user, {
      provider: 'main',
      sub: 'a1',
      name: 'Alice Adams',
      email: 'alice@example.com',
      claims: { name: 'Alice Adams', email: 'alice@example.com', groups: ['ops', 'admin'] },
    })
    const { session_id, created_at, auth_time, idle_expires_at, absolute_expires_at, acr, amr, ...counted } = session
    assert.match(session_id, /^[\w-]{22}$/)
    for (const time of [server_time, created_at, auth_time, idle_expires_at, absolute_expires_at]) assert.match(time, iso)
    assert.ok(acr === null || typeof acr === 'string')
    assert.ok(Array.isArray(amr))
    assert.deepEqual(Object.keys(counted).sort(), ['absolute_expires_in', 'idle_expires_in', 'kind'])
    assert.equal(counted.kind, 'browser')
    assert.deepEqual(Object.keys(tokens).sort(), ['access_expires_in', 'refreshed_at', 'renewable'])
    assert.equal(tokens.renewable, true)
    assert.match(tokens.refreshed_at, iso)
  })

  it('SES-11 says no more of the sign-in than the provider did', async () => {
    const visitor = createVisitor(gateway)
    await visitor.signIn(idp)

    assert.equal((await visitor.session()).session.acr, 'urn:example:pwd')
  })

  it('counts in seconds from its own clock', async t => {
    const gateway = await startGateway({ idp })
    t.after(gateway.close)
    const visitor = createVisitor(gateway)
    await visitor.signIn(idp)
    const first = await visitor.session()

    gateway.clock.advance(100_000)
    const second = await visitor.session()

    const fell = (name: string) => first.session[name] - second.session[name]
    for (const name of ['idle_expires_in', 'absolute_expires_in']) assert.ok(Math.abs(fell(name) - 100) <= 2, `${name}: ${fell(name)}`)
    assert.ok(first.session.idle_expires_in > 1790 && first.session.idle_expires_in <= 1800)
    assert.ok(first.tokens.access_expires_in > 280 && first.tokens.access_expires_in <= 300)
    assert.equal(Date.parse(first.session.idle_expires_at) - Date.parse(second.session.idle_expires_at), 0)
  })

  it('UI-04 RTK-01 holds no token, no code, no secret and none of the credential', async () => {
    const visitor = createVisitor(gateway)
    await visitor.signIn(idp)

    const { text, headers } = await visitor.call('/auth/session')

    const [, , secret = ''] = decodeURIComponent(visitor.jar.get(sessionName) ?? '').split('.')
    assert.equal(secret.length, 43)
    for (const hidden of [...idp.issued, idp.clientSecret, secret]) assert.ok(!(text + JSON.stringify(headers)).includes(hidden))
  })

  it('UI-04 shows the claims that the configuration names, and name and e-mail only if it names them', async t => {
    const own = await startGateway({ idp, config: { session: sessionConfig({ claims: ['groups', 'nowhere'] }) } })
    t.after(own.close)
    const visitor = createVisitor(own)
    await visitor.signIn(idp)

    const { user } = await visitor.session()

    assert.deepEqual(user, { provider: 'main', sub: 'a1', name: null, email: null, claims: { groups: ['ops', 'admin'] } })
  })

  it('SES-14 A-136 answers a missing, a forged, a cut and an unknown cookie alike', async t => {
    const gateway = await startGateway({ idp })
    t.after(gateway.close)
    const visitor = createVisitor(gateway)
    await visitor.signIn(idp)
    const value = visitor.jar.get(sessionName) ?? ''
    // Signed with our key, of a session that nobody has: made by ending one and letting its tombstone go.
    await visitor.visit('/auth/logout', { method: 'POST' })
    gateway.clock.advance(61 * 60_000)
    const cookies = [
      null,
      value,
      `${value.slice(0, -2)}xx`,
      value.slice(0, 30),
      'x',
      's%3Ax',
      '%E0%A4%A',
      `s%3A${'A'.repeat(22)}.0.${'B'.repeat(43)}`,
    ]

    const answers = []
    for (const cookie of cookies) {
      const call = request(gateway.app).get('/auth/session').set('host', gateway.host).set('sec-fetch-site', 'same-origin')
      answers.push(await (cookie === null ? call : call.set('cookie', `${sessionName}=${cookie}`)))
    }

    for (const { status, body, headers } of answers) {
      const { server_time, ...rest } = body
      assert.equal(status, 200)
      assert.match(server_time, iso)
      assert.deepEqual(rest, { authenticated: false, login_url: '/auth/login' })
      assert.equal(headers['set-cookie'], undefined)
      assert.deepEqual(Object.keys(headers), Object.keys(answers[0]?.headers ?? {}))
    }
  })

  it('SES-14 tells only the holder of the cookie why the session ended, for an hour', async t => {
    const gateway = await startGateway({ idp })
    t.after(gateway.close)
    const [left, idle] = [createVisitor(gateway), createVisitor(gateway)]
    for (const visitor of [left, idle]) await visitor.signIn(idp)
    const kept = new Map(left.jar)
    await left.visit('/auth/logout', { method: 'POST' })

    const loggedOut = await createVisitor(gateway, kept).session()
    gateway.clock.advance(31 * 60_000)
    const idledOut = await idle.session()
    gateway.clock.advance(31 * 60_000)
    const later = await createVisitor(gateway, kept).session()

    assert.equal(loggedOut.reason, 'logged_out')
    assert.equal(idledOut.reason, 'idle')
    assert.deepEqual([loggedOut.authenticated, 'user' in loggedOut, 'session' in loggedOut], [false, false, false])
    assert.equal('reason' in later, false)
  })

  it('SES-08 UI-03 never pushes the idle clock, however often it is asked', async t => {
    const gateway = await startGateway({ idp })
    t.after(gateway.close)
    const visitor = createVisitor(gateway)
    await visitor.signIn(idp)

    for (let minute = 0; minute < 29; minute += 1) {
      gateway.clock.advance(60_000)
      assert.equal((await visitor.session()).authenticated, true)
    }
    gateway.clock.advance(2 * 60_000)

    assert.equal((await visitor.session()).reason, 'idle')
  })

  it('CKE-10 ends a session by our clock, whatever the cookie says', async t => {
    const gateway = await startGateway({ idp })
    t.after(gateway.close)
    const visitor = createVisitor(gateway)
    await visitor.signIn(idp)
    gateway.clock.advance(31 * 60_000)

    const after = await visitor.session()
    const call = await visitor.call('/api/orders')

    assert.equal(visitor.jar.has(sessionName), true)
    assert.equal(after.authenticated, false)
    assert.equal(call.status, 401)
  })

  it('CKE-08 A-041 counts two session cookies for none and clears them', async () => {
    const visitor = createVisitor(gateway)
    await visitor.signIn(idp)
    const value = visitor.jar.get(sessionName) ?? ''

    for (const cookie of [`${sessionName}=${value}; ${sessionName}=${value}`, `${sessionName}=x; ${sessionName}=${value}`]) {
      const response = await visitor.call('/auth/session', { headers: { cookie } })

      assert.equal(response.body.authenticated, false)
      assert.equal('reason' in response.body, false)
      assert.deepEqual(response.headers['set-cookie'], [`${sessionName}=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Strict`])
    }
    visitor.jar.set(sessionName, value)
    assert.equal((await visitor.session()).authenticated, true)
  })

  it('CKE-09 CKE-14 A-056 knows the session cookie by its exact name, and by nothing else', async () => {
    const visitor = createVisitor(gateway)
    await visitor.signIn(idp)
    const value = visitor.jar.get(sessionName) ?? ''
    const names = [
      '__host-http-sallyport',
      '__HOST-HTTP-SALLYPORT',
      'sallyport',
      '__Host-sallyport',
      `x${sessionName}`,
      `${sessionName}x`,
      `"${sessionName}"`,
    ]

    for (const name of names) {
      const response = await visitor.call('/auth/session', { headers: { cookie: `${name}=${value}` } })

      assert.equal(response.body.authenticated, false, name)
    }
    const elsewhere = await visitor.call(`/auth/session?${sessionName}=${value}&sid=${value}`, {
      headers: { cookie: null, 'x-session-id': value, authorization: `Bearer ${value}` },
    })
    assert.equal(elsewhere.body.authenticated, false)
  })

  it('WEB-11 A-134 is not for other sites, nor for siblings, nor as a script', async () => {
    const visitor = createVisitor(gateway)
    await visitor.signIn(idp)

    const foreign = [
      await visitor.call('/auth/session', { site: 'same-site' }),
      await visitor.call('/auth/session', { site: 'cross-site' }),
      await visitor.visit('/auth/session', { site: 'cross-site' }),
      await visitor.call('/auth/session', { site: 'same-site', headers: { 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'script' } }),
    ]
    const callback = await visitor.call('/auth/session?callback=x')

    for (const response of foreign) {
      assert.equal(response.status, 403)
      assert.equal(response.headers['sallyport-error'], 'cross_site_refused')
      assert.ok(!response.text.includes('alice'))
    }
    assert.match(String(callback.headers['content-type']), /^application\/json/)
    assert.equal(callback.headers['cross-origin-resource-policy'], 'same-origin')
  })

  it('never redirects: a person who opens it gets the same JSON', async () => {
    const response = await createVisitor(gateway).visit('/auth/session', { site: 'none' })

    assert.equal(response.status, 200)
    assert.equal(response.body.authenticated, false)
  })

  it('takes a store that is away for no sign-out', async t => {
    const state = { isAway: false }
    const own = await startGateway({ idp, store: brokenStore(createMemoryStore({ now: Date.now }), state) })
    t.after(own.close)
    const visitor = createVisitor(own)
    await visitor.signIn(idp)

    state.isAway = true
    const response = await visitor.call('/auth/session')
    state.isAway = false

    assert.equal(response.status, 503)
    assert.equal(response.body.code, 'store_unavailable')
    assert.equal(response.headers['retry-after'], '2')
    assert.equal(response.headers['set-cookie'], undefined)
    assert.equal((await visitor.session()).authenticated, true)
  })

  it('does not know a session of another origin', async t => {
    const origins = ['https://one.example.test', 'https://two.example.test']
    const own = await startGateway({ idp, host: 'one.example.test', config: { origins } })
    t.after(own.close)
    const visitor = createVisitor(own)
    await visitor.signIn(idp)

    const carried = await visitor.call('/auth/session', { headers: { host: 'two.example.test' } })

    assert.equal((await visitor.session()).authenticated, true)
    assert.equal(carried.body.authenticated, false)
  })
})
