import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import request from 'supertest'
import { providerConfig, startGateway, type TestGateway } from '../support/gateway.ts'
import { type IdentityProvider, startIdentityProvider } from '../support/identity-provider.ts'
import { startLyingProvider } from '../support/lying-provider.ts'
import { createVisitor, refreshOf } from '../support/visitor.ts'

describe('GET /auth/callback/{provider}', () => {
  let idp: IdentityProvider
  let gateway: TestGateway
  before(async () => {
    idp = await startIdentityProvider()
    gateway = await startGateway({ idp })
  })
  after(() => Promise.all([idp.close(), gateway.close()]))

  it('FLOW-13 hands on by a page that holds neither code nor state, stores nothing and refers to nothing', async () => {
    const visitor = createVisitor(gateway)
    const callback = await visitor.begin(idp)

    const response = await visitor.visit(pathOf(callback), { site: 'cross-site' })

    assert.equal(response.status, 200)
    assert.match(refreshOf(response) ?? '', /^\/auth\/continue\/[\w-]{22}$/)
    for (const name of ['code', 'state']) assert.ok(!response.text.includes(callback.searchParams.get(name) ?? ''))
    assert.equal(response.headers['cache-control'], 'no-store')
    assert.equal(response.headers['referrer-policy'], 'no-referrer')
    assert.doesNotMatch(response.text, /https?:\/\//)
    assert.deepEqual(visitor.setCookies.length, 1)
  })

  it('PKCE-06 shows the browser neither verifier nor nonce nor a token', async () => {
    const visitor = createVisitor(gateway)
    const login = await visitor.visit('/auth/login')
    const callback = await idp.signIn(String(login.headers.location))
    const handOff = await visitor.visit(pathOf(callback), { site: 'cross-site' })
    const done = await visitor.visit(refreshOf(handOff) ?? '')

    const verifier = idp.tokenRequests.at(-1)?.params.code_verifier ?? ''
    const seen = [login, handOff, done].map(({ headers, text }) => JSON.stringify(headers) + text).join() + visitor.setCookies.join()
    assert.match(verifier, /^[\w-]{43}$/)
    for (const secret of [verifier, ...idp.issued]) {
      assert.ok(!seen.includes(secret) || secret === callback.searchParams.get('code'))
      assert.ok(!JSON.stringify([gateway.lines, gateway.audit]).includes(secret))
    }
  })

  const wrongStates: readonly (readonly [string, (state: string) => readonly string[]])[] = [
    ['is missing', () => []],
    ['is empty', () => ['']],
    ['is another', state => [`${state.slice(0, -1)}${state.endsWith('A') ? 'B' : 'A'}`]],
    ['is cut', state => [state.slice(0, -1)]],
    ['is only the public half', state => [state.slice(0, 23)]],
    ['has more behind it', state => [`${state}x`]],
    ['is in capitals', state => [state.toUpperCase()]],
    ['stands twice', state => [state, state]],
    ['stands beside another', state => [state, 'x']],
    ['is an object of JavaScript', () => ['__proto__']],
  ]
  for (const [what, change] of wrongStates) {
    it(`FLOW-07 A-007 refuses a state that ${what}, asks nobody, and lets the right one through afterwards`, async () => {
      const visitor = createVisitor(gateway)
      const callback = await visitor.begin(idp)
      const wrong = new URL(callback)
      wrong.searchParams.delete('state')
      for (const state of change(callback.searchParams.get('state') ?? '')) wrong.searchParams.append('state', state)
      const asked = idp.tokenRequests.length

      const refused = await visitor.finish(wrong)

      assert.equal(refused.status, 400)
      assert.equal(idp.tokenRequests.length, asked)
      assert.deepEqual(names(visitor), ['attempt'])
      assert.equal((await visitor.finish(callback)).status, 303)
    })
  }

  it('FLOW-07 does not take state[] for state', async () => {
    const visitor = createVisitor(gateway)
    const callback = await visitor.begin(idp)

    const response = await visitor.finish(new URL(callback.href.replace('state=', 'state[]=')))

    assert.equal(response.status, 400)
  })

  for (const name of ['code', 'iss', 'error', 'session_state']) {
    it(`FLOW-10 A-128 refuses ${name} twice`, async () => {
      const visitor = createVisitor(gateway)
      const callback = await visitor.begin(idp)
      const asked = idp.tokenRequests.length

      for (const value of ['x', 'x']) callback.searchParams.append(name, value)
      const response = await visitor.finish(callback)

      assert.equal(response.status, 400)
      assert.equal(idp.tokenRequests.length, asked)
    })
  }

  it('FLOW-06 A-008 refuses a callback in a browser that began none, as an attacker would send it', async () => {
    const [attacker, victim] = [createVisitor(gateway), createVisitor(gateway)]
    const callback = await attacker.begin(idp)
    const asked = idp.tokenRequests.length

    const response = await victim.finish(callback)

    assert.equal(response.headers['sallyport-error'], 'attempt_unknown')
    assert.equal(response.status, 400)
    assert.equal(idp.tokenRequests.length, asked)
    assert.equal((await victim.session()).authenticated, false)
  })

  it('PKCE-03 A-014 refuses it in a browser with an attempt of its own, too', async () => {
    const [attacker, victim] = [createVisitor(gateway), createVisitor(gateway)]
    const foreign = await attacker.begin(idp)
    const own = await victim.begin(idp, { user: 'bob' })
    const asked = idp.tokenRequests.length

    const refused = await victim.finish(foreign)

    assert.equal(refused.status, 400)
    assert.equal(idp.tokenRequests.length, asked)
    assert.equal((await victim.finish(own)).status, 303)
  })

  it('A-044 needs state and cookie of one attempt: a cookie planted under the right name does not help', async () => {
    const [attacker, victim] = [createVisitor(gateway), createVisitor(gateway)]
    const foreign = await attacker.begin(idp)
    const own = await victim.begin(idp)
    const [[plantedName = '', planted = ''] = []] = [...attacker.jar]
    const [ownName = ''] = [...victim.jar.keys()]

    victim.jar.set(ownName, planted)
    const crossed = await victim.finish(own)
    victim.jar.clear()
    victim.jar.set(plantedName, planted.slice(0, 23) + 'A'.repeat(43))
    const guessed = await victim.finish(foreign)

    assert.deepEqual([crossed.status, guessed.status], [400, 400])
    assert.equal((await victim.session()).authenticated, false)
  })

  it('CKE-08 refuses two attempt cookies of one name', async () => {
    const visitor = createVisitor(gateway)
    const callback = await visitor.begin(idp)
    const cookie = [...visitor.jar].flat().join('=')

    const response = await visitor.visit(pathOf(callback), { site: 'cross-site', headers: { cookie: `${cookie}; ${cookie}` } })

    assert.equal(response.headers['sallyport-error'], 'attempt_unknown')
  })

  it('CKE-15 takes an attempt cookie with one character changed for none', async () => {
    const visitor = createVisitor(gateway)
    const callback = await visitor.begin(idp)
    const [name = '', value = ''] = [...visitor.jar][0] ?? []
    visitor.jar.set(name, value.slice(0, -3) + (value.at(-3) === 'A' ? 'B' : 'A') + value.slice(-2))

    const response = await visitor.finish(callback)

    assert.equal(response.headers['sallyport-error'], 'attempt_unknown')
  })

  it('FLOW-09 refuses an attempt after ten minutes, and offers to start again', async () => {
    const visitor = createVisitor(gateway)
    const callback = await visitor.begin(idp)
    const asked = idp.tokenRequests.length

    gateway.clock.advance(10 * 60_000)
    const response = await visitor.finish(callback)

    assert.equal(response.status, 400)
    assert.equal(response.headers['sallyport-error'], 'attempt_unknown')
    assert.match(response.text, /href="\/auth\/login"/)
    assert.equal(idp.tokenRequests.length, asked)
    assert.deepEqual(names(visitor), [])
  })

  it('FLOW-08 A-001 refuses a callback that comes again, asks nobody, leaves the session, and audits a replay', async () => {
    const visitor = createVisitor(gateway)
    const callback = await visitor.begin(idp)
    const jar = new Map(visitor.jar)
    await visitor.finish(callback)
    const asked = idp.tokenRequests.length
    const replays = gateway.events().filter(event => event === 'replay').length

    const again = await visitor.visit(pathOf(callback), {
      site: 'cross-site',
      headers: { cookie: [...jar, ...visitor.jar].map(pair => pair.join('=')).join('; ') },
    })

    assert.equal(again.status, 400)
    assert.equal(again.headers['sallyport-error'], 'attempt_replayed')
    assert.equal(idp.tokenRequests.length, asked)
    assert.equal((await visitor.session()).authenticated, true)
    assert.equal(gateway.events().filter(event => event === 'replay').length, replays + 1)
  })

  it('FLOW-08 A-002 lets one of twenty at once through: one token request, one session', async () => {
    const visitor = createVisitor(gateway)
    const callback = await visitor.begin(idp)
    const asked = idp.tokenRequests.length

    const responses = await Promise.all(Array.from({ length: 20 }, () => visitor.visit(pathOf(callback), { site: 'cross-site' })))

    const winners = responses.filter(({ status }) => status === 200)
    assert.equal(winners.length, 1)
    assert.equal(idp.tokenRequests.length, asked + 1)
    // Those who came too late must not have taken the winner's cookie away.
    const [winner] = winners
    assert.equal((await visitor.visit(winner === undefined ? '' : (refreshOf(winner) ?? ''))).status, 303)
  })

  it('FLOW-11 A-026 consumes the attempt on an error, and shows nothing of its text', async () => {
    const visitor = createVisitor(gateway)
    const good = await visitor.begin(idp)
    const bad = new URL(good)
    bad.searchParams.delete('code')
    bad.searchParams.set('error', '<script>alert(1)</script>')
    bad.searchParams.set('error_description', '<img src=x onerror=alert(2)>')
    bad.searchParams.set('error_uri', 'javascript:alert(3)')

    const refused = await visitor.finish(bad)
    const late = await visitor.finish(good)

    assert.equal(refused.status, 403)
    assert.equal(refused.headers['sallyport-error'], 'access_denied')
    assert.doesNotMatch(refused.text, /alert|onerror|javascript:/)
    assert.equal(late.status, 400)
    assert.deepEqual(names(visitor), [])
  })

  it('FLOW-11 refuses an error with a foreign issuer as it would a code', async () => {
    const visitor = createVisitor(gateway)
    const callback = await visitor.begin(idp)
    callback.searchParams.delete('code')
    callback.searchParams.set('error', 'access_denied')
    callback.searchParams.set('iss', 'https://evil.test')

    const response = await visitor.finish(callback)

    assert.equal(response.headers['sallyport-error'], 'bad_request')
    assert.equal(gateway.audit.at(-1)?.reason, 'issuer_mismatch')
  })

  it('offers another account to whom the provider refused', async () => {
    const response = await createVisitor(gateway).signIn(idp, { deny: true })

    assert.equal(response.status, 403)
    assert.match(response.text, /href="\/auth\/login\?prompt=select_account"/)
  })

  it('A-004 makes no session from a stolen code in an attempt of another', async () => {
    const [alice, thief] = [createVisitor(gateway), createVisitor(gateway)]
    const stolen = (await alice.begin(idp)).searchParams.get('code') ?? ''
    const callback = await thief.begin(idp, { user: 'bob' })

    callback.searchParams.set('code', stolen)
    const response = await thief.finish(callback)

    assert.equal(response.status, 400)
    assert.equal(idp.tokenRequests.at(-1)?.status, 400)
    assert.deepEqual(names(thief), [])
    assert.equal((await thief.session()).authenticated, false)
  })

  it('A-005 PKCE-05 nor when the provider does not look at the verifier: the nonce is another', async t => {
    const liar = await startLyingProvider()
    t.after(liar.close)
    const other = await startGateway({ config: { identityProviders: { main: peerConfig(liar) } } })
    t.after(other.close)
    const [alice, thief] = [createVisitor(other), createVisitor(other)]
    const stolen = (await alice.begin(liar)).searchParams.get('code') ?? ''
    const callback = await thief.begin(liar)

    callback.searchParams.set('code', stolen)
    const response = await thief.finish(callback)

    assert.equal(response.status, 400)
    assert.equal(other.audit.at(-1)?.reason, 'nonce_mismatch')
    assert.equal((await thief.session()).authenticated, false)
  })

  it('IDT-17 leads back without a session when a silent sign-in would have to ask, in one round', async () => {
    const visitor = createVisitor(gateway)
    const silent = await visitor.visit('/auth/login?prompt=none&return_to=/reports')
    const callback = await idp.signIn(String(silent.headers.location))

    const response = await visitor.visit(pathOf(callback), { site: 'cross-site' })

    assert.equal(callback.searchParams.get('error'), 'login_required')
    assert.equal(response.status, 200)
    assert.equal(refreshOf(response), '/reports')
    assert.deepEqual(names(visitor), [])
    assert.equal((await visitor.session()).authenticated, false)
  })

  it('IDT-17 takes the same error for a refusal when nobody asked for silence', async () => {
    const visitor = createVisitor(gateway)
    const callback = await visitor.begin(idp)
    callback.searchParams.delete('code')
    callback.searchParams.set('error', 'login_required')

    const response = await visitor.finish(callback)

    assert.equal(response.status, 403)
  })

  it('FLOW-12 takes GET alone', async () => {
    for (const method of ['HEAD', 'POST', 'PUT', 'DELETE'] as const) {
      const visitor = createVisitor(gateway)
      const callback = await visitor.begin(idp)

      const response = await visitor.visit(pathOf(callback), { method })

      assert.equal(response.status, 405, method)
      assert.equal(response.headers.allow, 'GET')
      assert.equal((await visitor.finish(callback)).status, 303, 'the attempt is not used up')
    }
  })

  it('FLOW-16 is for navigations: a script or a prefetch uses nothing up', async () => {
    const visitor = createVisitor(gateway)
    const callback = await visitor.begin(idp)

    const byScript = await visitor.call(pathOf(callback))
    const ahead = await visitor.visit(pathOf(callback), { headers: { 'sec-purpose': 'prefetch' } })

    for (const response of [byScript, ahead]) assert.equal(response.headers['sallyport-error'], 'navigation_required')
    assert.equal((await visitor.finish(callback)).status, 303)
  })

  it('has no callback for a provider that is not configured, nor for another spelling of one that is', async () => {
    for (const name of ['other', 'Main', 'm%61in', '__proto__', 'constructor']) {
      const response = await request(gateway.app).get(`/auth/callback/${name}?code=x&state=y`).set('host', gateway.host)

      assert.equal(response.status, 404, name)
    }
  })

  for (const [what, trouble] of [
    ['answers 500', 'error'],
    ['answers a page', 'html'],
  ] as const) {
    it(`WEB-07 says that signing in is unavailable when the token endpoint ${what}, and that is the attempt's end`, async () => {
      const visitor = createVisitor(gateway)
      const callback = await visitor.begin(idp)

      idp.troubles.set('token', trouble)
      const response = await visitor.finish(callback)
      idp.troubles.clear()

      assert.equal(response.status, 503)
      assert.equal(response.headers['sallyport-error'], 'idp_unavailable')
      assert.doesNotMatch(response.text, /server_error|Maintenance|oauth|at .*\.ts/i)
      assert.deepEqual(names(visitor), [])
    })
  }
})

function pathOf(url: URL): string {
  return url.pathname + url.search
}

/** Which of our cookies the browser holds. */
function names(visitor: { readonly jar: ReadonlyMap<string, string> }): readonly string[] {
  return [...visitor.jar.keys()].map(name => (name.includes('.attempt.') ? 'attempt' : 'session'))
}

function peerConfig(peer: { readonly issuer: string }): Record<string, unknown> {
  return { ...providerConfig(undefined), issuer: peer.issuer }
}
