import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, describe, it } from 'node:test'
import { createMemoryStore } from '../../src/store/memory.ts'
import { brokenStore } from '../support/broken-store.ts'
import { makeSecrets, providerConfig, startGateway, type TestGateway } from '../support/gateway.ts'
import { type IdentityProvider, startIdentityProvider } from '../support/identity-provider.ts'
import { idOf, listedIds, refused, signIn } from '../support/sessions.ts'
import { createVisitor, type Visitor } from '../support/visitor.ts'

const sessionName = '__Host-Http-sallyport'
const firefox = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0'

describe('GET /auth/sessions', () => {
  let idp: IdentityProvider
  let gateway: TestGateway
  before(async () => {
    idp = await startIdentityProvider({ accessTokens: 'opaque' })
  })
  beforeEach(async () => {
    gateway = await startGateway({ idp })
  })
  afterEach(() => gateway.close())
  after(() => idp.close())

  it('SES-13 lists the sessions of the user, the newest first, with the one that asks marked: these fields and no others', async () => {
    const first = await signIn(gateway, idp, { userAgent: firefox })
    gateway.clock.advance(60_000)
    const second = await signIn(gateway, idp)
    await signIn(gateway, idp, { user: 'bob' })

    const response = await first.call('/auth/sessions')

    const { sessions, ...rest } = response.body
    assert.equal(response.status, 200)
    assert.deepEqual(rest, {})
    assert.deepEqual(
      sessions.map(({ session_id, current }: Listed) => [session_id, current]),
      [
        [await idOf(second), false],
        [await idOf(first), true],
      ],
    )
    const { session } = await first.session()
    const { idle_expires_in, absolute_expires_in, ...same } = session
    assert.deepEqual(sessions[1], {
      ...same,
      last_used_at: session.created_at,
      device: 'Firefox on Linux',
      address: '127.0.0.1',
      scopes: ['openid', 'profile', 'email'],
      origin: gateway.origin,
      current: true,
      children: [],
    })
  })

  it('knows a user by provider and sub: the same sub elsewhere is somebody else', async t => {
    const other = await startIdentityProvider()
    t.after(() => other.close())
    const identityProviders = { main: providerConfig(idp), other: providerConfig(other, 'OTHER_SECRET') }
    const secrets = { ...makeSecrets(), OTHER_SECRET: other.clientSecret }
    const own = await startGateway({ idp, secrets, config: { identityProviders } })
    t.after(own.close)
    other.register({ redirectUris: [`${own.origin}/auth/callback/other`] })
    const [here, there] = [createVisitor(own), createVisitor(own)]
    await here.signIn(idp, { query: 'provider=main' })
    await there.signIn(other, { query: 'provider=other' })

    const response = await here.call(`/auth/sessions/${await idOf(there)}`, { method: 'DELETE' })

    assert.equal((await there.session()).user.sub, (await here.session()).user.sub)
    assert.deepEqual(await listedIds(here), [await idOf(here)])
    assert.deepEqual([response.status, response.body.code], [404, 'no_route'])
    assert.equal((await there.session()).authenticated, true)
  })

  it('is no activity: it pushes no idle clock', async () => {
    const visitor = await signIn(gateway, idp)
    const [before] = (await visitor.call('/auth/sessions')).body.sessions

    gateway.clock.advance(10 * 60_000)
    await visitor.call('/auth/sessions')
    const [after] = (await visitor.call('/auth/sessions')).body.sessions

    assert.deepEqual(after, before)
  })

  it('UI-04 RTK-01 holds no token, no claim, no secret and none of the credential', async () => {
    const [visitor, other] = [await signIn(gateway, idp), await signIn(gateway, idp)]

    const { text } = await visitor.call('/auth/sessions')

    const secrets = [visitor, other].map(({ jar }) => decodeURIComponent(jar.get(sessionName) ?? '').split('.')[2] ?? '')
    assert.equal(secrets[0]?.length, 43)
    for (const hidden of [...idp.issued, ...secrets, 'Alice', 'alice@example.com']) assert.ok(!text.includes(hidden))
  })

  it('answers 401, never a redirect, to whoever is not signed in, and says why where it knows', async () => {
    const [idle, revoked, left] = [await signIn(gateway, idp), await signIn(gateway, idp), await signIn(gateway, idp)]
    const kept = new Map(left.jar)
    await left.call('/auth/logout', { method: 'POST' })
    await idle.call(`/auth/sessions/${await idOf(revoked)}`, { method: 'DELETE' })
    gateway.clock.advance(31 * 60_000)

    const answers = [await createVisitor(gateway).call('/auth/sessions')]
    for (const visitor of [idle, revoked, createVisitor(gateway, kept)]) answers.push(await visitor.call('/auth/sessions'))
    answers.push(await createVisitor(gateway).visit('/auth/sessions'))

    assert.deepEqual(
      answers.map(({ headers }) => headers['sallyport-error']),
      ['not_signed_in', 'session_idle', 'session_revoked', 'not_signed_in', 'not_signed_in'],
    )
    for (const { status, headers } of answers) assert.deepEqual([status, headers.location], [401, undefined])
    assert.equal(answers[0]?.body.login_url, '/auth/login')
  })

  it('CKE-08 takes two session cookies for none, and clears them', async () => {
    const visitor = await signIn(gateway, idp)
    const value = visitor.jar.get(sessionName)

    const response = await visitor.call('/auth/sessions', { headers: { cookie: `${sessionName}=${value}; ${sessionName}=${value}` } })

    assert.deepEqual([response.status, response.body.code], [401, 'not_signed_in'])
    assert.match(String(response.headers['set-cookie']), /Max-Age=0/)
  })

  it('does not know a session of another origin', async t => {
    const own = await startGateway({ idp, host: 'one.example.test', config: { origins: twoOrigins } })
    t.after(own.close)
    const [visitor, victim] = [await signIn(own, idp), await signIn(own, idp)]
    const headers = { host: 'two.example.test' }

    const answers = [
      await visitor.call('/auth/sessions', { headers }),
      await visitor.visit('/auth/account', { headers }),
      await visitor.call(`/auth/sessions/${await idOf(victim)}`, { method: 'DELETE', headers }),
      await visitor.call('/auth/sessions/revoke-others', { method: 'POST', headers }),
    ]

    for (const { status, headers: got } of answers) assert.deepEqual([status, got['sallyport-error']], [401, 'not_signed_in'])
    assert.equal((await victim.session()).authenticated, true)
  })
})

describe('the sessions endpoints', () => {
  let idp: IdentityProvider
  let gateway: TestGateway
  let visitor: Visitor
  let victim: Visitor
  const state = { isAway: false }
  /** Each as a script and as a page or form asks for it. */
  const calls = () => [
    (options: object) => visitor.call('/auth/sessions', options),
    (options: object) => visitor.call(`/auth/sessions/${victimId}`, { method: 'DELETE', ...options }),
    (options: object) => visitor.call(`/auth/sessions/${victimId}/revoke`, { method: 'POST', ...options }),
    (options: object) => visitor.visit(`/auth/sessions/${victimId}/revoke`, { method: 'POST', ...options }),
    (options: object) => visitor.call('/auth/sessions/revoke-others', { method: 'POST', ...options }),
    (options: object) => visitor.visit('/auth/sessions/revoke-others', { method: 'POST', ...options }),
  ]
  let victimId: string
  before(async () => {
    idp = await startIdentityProvider()
    gateway = await startGateway({ idp, store: brokenStore(createMemoryStore({ now: Date.now }), state) })
    visitor = await signIn(gateway, idp)
    victim = await signIn(gateway, idp)
    victimId = await idOf(victim)
  })
  after(() => Promise.all([idp.close(), gateway.close()]))

  it('A-047 CSRF-01 refuse what another site, or a sibling, asks with our cookie', async () => {
    const cookie = [...visitor.jar].map(pair => pair.join('=')).join('; ')

    for (const site of ['cross-site', 'same-site'])
      for (const call of calls()) refused(await call({ site, headers: { cookie } }), 403, 'cross_site_refused')

    assert.equal((await victim.session()).authenticated, true)
  })

  it('CSRF-03 refuse what does not say where it comes from', async () => {
    for (const call of calls()) refused(await call({ site: 'same-origin', headers: nothingSaid }), 403, 'cross_site_refused')

    assert.equal((await victim.session()).authenticated, true)
  })

  it('answer 503 while the store is away; nothing has ended, and the cookie stays', async () => {
    const own = `/auth/sessions/${await idOf(visitor)}`
    const ofOneself = [
      () => visitor.call(own, { method: 'DELETE' }),
      () => visitor.visit(`${own}/revoke`, { method: 'POST' }),
      () => visitor.visit('/auth/account'),
    ]

    state.isAway = true
    const answers = []
    for (const call of [...calls(), ...ofOneself]) answers.push(await call({}))
    state.isAway = false

    for (const answer of answers) {
      refused(answer, 503, 'store_unavailable')
      assert.equal(answer.headers['retry-after'], '2')
    }
    for (const one of [visitor, victim]) assert.equal((await one.session()).authenticated, true)
  })

  it('answer 401 to whoever is not signed in, to a form by a page', async () => {
    const stranger = createVisitor(gateway)
    const scripted = [
      await stranger.call(`/auth/sessions/${victimId}`, { method: 'DELETE' }),
      await stranger.call(`/auth/sessions/${victimId}/revoke`, { method: 'POST' }),
      await stranger.call('/auth/sessions/revoke-others', { method: 'POST' }),
    ]

    const form = await stranger.visit(`/auth/sessions/${victimId}/revoke`, { method: 'POST', body: 'form_token=x' })

    for (const answer of scripted) refused(answer, 401, 'not_signed_in')
    assert.equal(form.status, 401)
    assert.match(form.text, /<a class="button" href="\/auth\/login">/)
    assert.equal((await victim.session()).authenticated, true)
  })

  it('CSRF-07 take a small form, JSON or nothing', async () => {
    for (const path of [`/auth/sessions/${victimId}/revoke`, '/auth/sessions/revoke-others']) {
      const send = (type: string, body: string) => visitor.call(path, { method: 'POST', headers: { 'content-type': type }, body })

      refused(await send('text/plain', 'x'), 400, 'bad_request')
      refused(await send('application/json', '{'), 400, 'bad_request')
      refused(await send('application/x-www-form-urlencoded', `x=${'a'.repeat(5000)}`), 413, 'body_too_large')
    }
    assert.equal((await victim.session()).authenticated, true)
  })

  it('CSRF-08 take their own methods alone, and HEAD ends nothing', async () => {
    const allowed = {
      '/auth/account': 'GET, HEAD',
      '/auth/sessions': 'GET, HEAD',
      '/auth/sessions/revoke-others': 'POST',
      [`/auth/sessions/${victimId}`]: 'DELETE',
      [`/auth/sessions/${victimId}/revoke`]: 'POST',
    }

    for (const [path, allow] of Object.entries(allowed)) {
      for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS'] as const) {
        if (allow.split(', ').includes(method)) continue
        const response = await visitor.call(path, { method, headers: { 'x-http-method-override': 'DELETE' } })

        assert.deepEqual([response.status, response.headers.allow], [405, allow], `${method} ${path}`)
      }
      if (!allow.includes('HEAD')) continue
      const looked = await visitor.call(path, { method: 'HEAD' })
      assert.deepEqual([looked.status, looked.text], [200, undefined])
    }
    assert.equal((await victim.session()).authenticated, true)
  })

  it('CAC-01 are kept by nobody', async () => {
    for (const path of ['/auth/sessions', '/auth/account']) {
      const { headers } = await visitor.visit(path)

      assert.equal(headers['cache-control'], 'no-store')
      assert.equal(headers.etag, undefined)
    }
  })
})

interface Listed {
  readonly session_id: string
  readonly current: boolean
}

const twoOrigins = ['https://one.example.test', 'https://two.example.test']
const nothingSaid = { 'sec-fetch-site': null, 'sec-fetch-mode': null, 'sec-fetch-dest': null, 'sec-fetch-user': null }
