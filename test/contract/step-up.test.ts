import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, it } from 'node:test'
import { createSessionIndex } from '../../src/session/session-index.ts'
import { createMemoryStore } from '../../src/store/memory.ts'
import { brokenStore } from '../support/broken-store.ts'
import { eventually } from '../support/eventually.ts'
import { makeSecrets, providerConfig, sessionConfig, startGateway, type TestGateway, type TestGatewayOptions } from '../support/gateway.ts'
import { type IdentityProvider, startIdentityProvider } from '../support/identity-provider.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'
import { createVisitor, refreshOf, type Visitor } from '../support/visitor.ts'

const cookieName = '__Host-Http-sallyport'
const mfa = 'urn:example:mfa'

let idp: IdentityProvider
let upstream: Upstream
let gateway: TestGateway
let alice: Visitor

function start(options: TestGatewayOptions = {}): Promise<TestGateway> {
  const to = upstream.origin
  const routes = [
    { path: '/vault', upstream: to, require: { acr: [mfa, 'urn:example:"gold"'] } },
    { path: '/fresh', upstream: to, require: { maxAge: '5m' } },
    { path: '/api/vault', kind: 'api', upstream: to, require: { acr: [mfa], maxAge: '5m' } },
    { path: '/api/orders', upstream: to, token: 'access' },
    { path: '/', upstream: to, access: 'anyone' },
  ]
  return startGateway({ idp, ...options, config: { routes, ...options.config } })
}

before(async () => {
  idp = await startIdentityProvider()
  upstream = await startUpstream()
})

after(async () => {
  await upstream.close()
  await idp.close()
})

beforeEach(async t => {
  gateway = await start()
  alice = createVisitor(gateway)
  await alice.signIn(idp)
  upstream.requests.length = 0
  if ('after' in t) t.after(() => gateway.close())
})

/** Follows where a navigation is sent to the provider and back. The provider has forgotten the browser, and asks. */
async function stepUp(visitor: Visitor, path: string, options: { user?: 'alice' | 'bob'; isRemembered?: boolean } = {}) {
  return visitor.finish(await begin(visitor, path, options))
}

async function begin(visitor: Visitor, path: string, { user = 'alice', isRemembered = false }: Parameters<typeof stepUp>[2] = {}) {
  const sent = await visitor.visit(path)
  assert.equal(sent.status, 302)
  const query = String(sent.headers.location)
    .replace('/auth/login?', '')
    .replace(/return_to=[^&]*&/, '')
  return visitor.begin(idp, { returnTo: path, query, user, ...(isRemembered ? {} : { jar: new Map() }) })
}

const last = (event: string) => gateway.audit.findLast(line => line.event === event)

describe('a route that asks for more than the sign-in was', () => {
  it('STEP-05 sends a person to sign in again, for what it asks, and back to the same address', async () => {
    const strong = await alice.visit('/vault/7?tab=2')
    gateway.clock.advance(301_000)
    const recent = await alice.visit('/fresh')

    for (const answer of [strong, recent]) assert.deepEqual([answer.status, answer.headers['cache-control']], [302, 'no-store'])
    assert.equal(
      strong.headers.location,
      '/auth/login?return_to=%2Fvault%2F7%3Ftab%3D2&acr_values=urn%3Aexample%3Amfa%20urn%3Aexample%3A%22gold%22',
    )
    assert.equal(recent.headers.location, '/auth/login?return_to=%2Ffresh&max_age=300')
    assert.deepEqual(upstream.requests, [])
  })

  it('STEP-05 tells a program by a challenge, and by an address that asks for it', async () => {
    const answer = await alice.call('/api/vault')
    const page = await alice.visit('/api/vault')

    assert.equal(answer.status, 401)
    assert.equal(
      answer.headers['www-authenticate'],
      'Bearer error="insufficient_user_authentication", acr_values="urn:example:mfa", max_age="300"',
    )
    assert.equal(answer.body.login_url, '/auth/login?acr_values=urn%3Aexample%3Amfa&max_age=300')
    assert.ok(page.text.includes('href="/auth/login?acr_values=urn%3Aexample%3Amfa&amp;max_age=300"'), page.text)
    assert.deepEqual(upstream.requests, [])
  })

  it('STEP-02 asks the provider for it', async () => {
    const sent = await alice.visit('/vault')
    const login = await alice.visit(String(sent.headers.location))

    const asked = new URL(String(login.headers.location)).searchParams
    assert.equal(asked.get('acr_values'), 'urn:example:mfa urn:example:"gold"')
  })
})

describe('a step-up', () => {
  it('STEP-02 STEP-03 SES-02 raises the session, which keeps its id and place; the old cookie is dead', async () => {
    const [before, old] = [(await alice.session()).session, new Map(alice.jar)]
    gateway.clock.advance(120_000)

    const finished = await stepUp(alice, '/vault')

    assert.deepEqual([finished.status, finished.headers.location], [303, '/vault'])
    const after = (await alice.session()).session
    assert.deepEqual([before.acr, after.acr, after.amr], ['urn:example:pwd', mfa, ['pwd', 'otp']])
    for (const name of ['session_id', 'kind', 'created_at', 'absolute_expires_at']) assert.equal(after[name], before[name], name)
    assert.ok(after.idle_expires_in > 1790)
    assert.notEqual(alice.jar.get(cookieName), old.get(cookieName))
    assert.equal((await alice.visit('/vault')).status, 200)
    assert.equal((await createVisitor(gateway, old).call('/api/orders')).status, 401)
    assert.equal((await createVisitor(gateway, old).session()).authenticated, false)
    assert.equal((await alice.session()).authenticated, true, 'the dead cookie ends nothing')
  })

  it('STEP-03 sets the new cookie as the first one was, and nothing else', async () => {
    const before = alice.setCookies.findLast(line => line.startsWith(`${cookieName}=`))
    const known = alice.setCookies.length

    await stepUp(alice, '/vault')

    const [given = '', ...more] = alice.setCookies.slice(known).filter(line => !line.includes('.attempt.'))
    assert.deepEqual(more, [])
    assert.equal(given.replace(/=[^;]+/, ''), before?.replace(/=[^;]+/, ''))
    assert.equal(given.split('.')[0], before?.split('.')[0], 'the public part is the session’s own')
  })

  it('is in the audit, as no new session', async () => {
    const { session_id: id } = (await alice.session()).session

    await stepUp(alice, '/vault')

    assert.deepEqual(gateway.events().slice(0, 3), ['sign_in', 'refusal', 'step_up'])
    const line = last('step_up')
    assert.deepEqual([line?.provider, line?.sub, line?.session_id, line?.acr, line?.outcome], ['main', 'a1', id, mfa, 'ok'])
  })

  it('brings the tokens of the new grant, which can be renewed, and revokes none of the old one', async () => {
    const revoked = idp.revocations.length
    await alice.call('/api/orders')
    await stepUp(alice, '/vault')
    await alice.call('/api/orders')
    gateway.clock.advance(280_000)
    await alice.call('/api/orders')
    await eventually(() => gateway.events().includes('renewal'))

    const [first, second] = upstream.requests.map(request => request.headers.authorization)
    assert.notEqual(first, second)
    assert.equal(last('renewal')?.outcome, 'ok')
    assert.equal(idp.revocations.length, revoked)
  })

  for (const sealing of ['holder', 'gateway']) {
    it(`SES-02 is known in every replica at once, with sealing: ${sealing}`, async t => {
      const shared = {
        store: createMemoryStore({ now: Date.now }),
        secrets: makeSecrets(),
        config: { session: sessionConfig({ sealing }) },
      }
      const [one, other] = [await start(shared), await start(shared)]
      t.after(() => Promise.all([one.close(), other.close()]))
      const here = createVisitor(one)
      await here.signIn(idp)
      const stale = createVisitor(other, new Map(here.jar))
      assert.equal((await stale.call('/api/orders')).status, 200)

      await stepUp(here, '/vault')

      assert.equal((await stale.call('/api/orders')).status, 401)
      assert.equal((await createVisitor(other, here.jar).visit('/vault')).status, 200)
    })
  }

  it('goes to the provider that the session came of, though there are several', async t => {
    const other = await startIdentityProvider()
    const secrets = { ...makeSecrets(), OTHER_SECRET: other.clientSecret }
    const identityProviders = { partner: providerConfig(other, 'OTHER_SECRET'), main: providerConfig(idp) }
    const two = await start({ secrets, config: { identityProviders } })
    t.after(() => Promise.all([two.close(), other.close()]))
    const visitor = createVisitor(two)
    await visitor.signIn(idp, { query: 'provider=main' })

    const login = await visitor.visit('/auth/login?acr_values=urn:example:mfa')
    const named = await visitor.visit('/auth/login?acr_values=urn:example:mfa&provider=partner')

    assert.equal(new URL(String(login.headers.location)).origin, idp.issuer)
    assert.equal(new URL(String(named.headers.location)).origin, other.issuer)
  })

  it('is one for max_age alone too, and a sign-in that only asks with prompt is not', async () => {
    const { session_id: id } = (await alice.session()).session

    await alice.signIn(idp, { query: 'max_age=0' })
    assert.equal((await alice.session()).session.session_id, id)
    await alice.signIn(idp, { query: 'prompt=login' })
    assert.notEqual((await alice.session()).session.session_id, id)
  })

  it('needs a session: without one the same request begins one, of whatever level the provider states', async () => {
    const stranger = createVisitor(gateway)

    await stranger.signIn(idp, { query: 'acr_values=urn:example:gold' })

    assert.equal((await stranger.session()).authenticated, true)
    assert.equal(last('step_up'), undefined)
  })
})

describe('a step-up that', () => {
  async function assertUnchanged(before: Awaited<ReturnType<typeof state>>): Promise<void> {
    assert.equal(alice.jar.get(cookieName), before.cookie)
    assert.deepEqual(withoutClock((await alice.session()).session), withoutClock(before.session))
    assert.equal(last('step_up'), undefined)
    assert.equal(idp.revocations.length, before.revoked)
  }
  const state = async () => ({
    cookie: alice.jar.get(cookieName),
    session: (await alice.session()).session,
    revoked: idp.revocations.length,
  })

  it('STEP-02 somebody else makes leaves the session as it was, and says so', async () => {
    const before = await state()

    const answer = await stepUp(alice, '/vault', { user: 'bob' })

    assert.deepEqual([answer.status, answer.headers['sallyport-error']], [401, 'step_up_required'])
    assert.match(answer.text, /Somebody else has signed in/)
    assert.equal(last('refusal')?.reason, 'other_person')
    assert.equal(last('refusal')?.sub, 'a1')
    await assertUnchanged(before)
    assert.equal((await alice.session()).user.sub, 'a1')
  })

  it('IDT-12 STEP-03 STEP-04 does not bring the level asked for leaves it as it was; the person is not sent round', async () => {
    const before = await state()

    // The provider remembers the person, and takes acr_values for the wish that it is.
    const answer = await stepUp(alice, '/vault', { isRemembered: true })

    assert.deepEqual([answer.status, answer.headers.location], [401, undefined])
    assert.match(answer.text, /did not confirm you/)
    assert.ok(answer.text.includes('href="/auth/login?return_to=%2Fvault&amp;acr_values=urn%3Aexample%3Amfa+urn'), answer.text)
    assert.equal(last('refusal')?.reason, 'acr_not_met')
    await assertUnchanged(before)
  })

  it('STEP-04 is not recent enough by our clock, though it is by the provider’s, ends with a page and no loop', async () => {
    gateway.clock.advance(301_000)

    const answer = await stepUp(alice, '/fresh', { isRemembered: true })

    assert.deepEqual([answer.status, answer.headers.location], [401, undefined])
    assert.equal(last('refusal')?.reason, 'step_up_in_vain')
    assert.equal((await alice.session()).authenticated, true)
  })

  it('finds the store away leaves the session to its holder', async t => {
    const trouble = { isAway: false }
    const other = await start({ store: brokenStore(createMemoryStore({ now: Date.now }), trouble) })
    t.after(() => other.close())
    const visitor = createVisitor(other)
    await visitor.signIn(idp)
    const handOff = await arriveAtHandOff(visitor)

    trouble.isAway = true
    const answer = await visitor.visit(handOff)
    trouble.isAway = false

    assert.deepEqual([answer.status, answer.headers['sallyport-error']], [503, 'store_unavailable'])
    assert.equal((await visitor.call('/api/orders')).status, 200)
    assert.equal((await stepUp(visitor, '/vault')).status, 303)
  })

  it('is finished after a logout is lost: the logout wins, and the new tokens go back', async () => {
    const handOff = await arriveAtHandOff(alice)
    const revoked = idp.revocations.length
    await alice.call('/auth/logout', { method: 'POST', headers: { accept: 'application/json' } })
    await eventually(() => idp.revocations.length >= revoked + 1)
    const ofLogout = idp.revocations.length

    const answer = await alice.visit(handOff)

    assert.deepEqual([answer.status, answer.headers['sallyport-error']], [401, 'session_revoked'])
    assert.ok(answer.text.includes('href="/auth/login?return_to=%2Fvault"'))
    assert.equal((await alice.session()).authenticated, false)
    await eventually(() => idp.revocations.length > ofLogout)
  })

  it('BCL-11 is finished after the provider signed the person out is lost, and so is the session', async t => {
    const store = createMemoryStore({ now: Date.now })
    const own = await start({ store })
    t.after(() => own.close())
    const visitor = createVisitor(own)
    await visitor.signIn(idp)
    const handOff = await arriveAtHandOff(visitor)
    // What a logout leaves that came before there was anything new to end, and did not find what there was.
    await createSessionIndex({ store, now: () => Date.now() + 1000 }).markLoggedOut({ provider: 'main', sub: 'a1' })

    const answer = await visitor.visit(handOff)

    assert.deepEqual([answer.status, answer.headers['sallyport-error']], [401, 'session_revoked'])
    assert.equal((await visitor.session()).authenticated, false)
  })

  it('is finished after the session ran out begins a new one', async t => {
    const short = await start({ config: { session: sessionConfig({ idleTimeout: '60s' }) } })
    t.after(() => short.close())
    const visitor = createVisitor(short)
    await visitor.signIn(idp)
    const { session_id: id } = (await visitor.session()).session
    const handOff = await arriveAtHandOff(visitor)
    short.clock.advance(61_000)

    const answer = await visitor.visit(handOff)

    assert.equal(answer.status, 303)
    const { session } = await visitor.session()
    assert.notEqual(session.session_id, id)
    assert.equal(session.acr, mfa)
  })

  it('two tabs make, one after the other or both at once, ends with one session and one cookie that opens it', async () => {
    const { session_id: id } = (await alice.session()).session
    const tabs = [await arriveAtHandOff(alice), await arriveAtHandOff(alice), await arriveAtHandOff(alice)]
    await alice.visit(tabs[0] ?? '')

    const known = alice.setCookies.length
    const answers = await Promise.all(tabs.slice(1).map(tab => alice.visit(tab)))

    assert.deepEqual(
      answers.map(answer => [answer.status, answer.headers.location]),
      [
        [303, '/vault'],
        [303, '/vault'],
      ],
    )
    const given = alice.setCookies.slice(known).filter(line => line.startsWith(`${cookieName}=`))
    assert.equal(given.length, 1)
    assert.equal((await alice.session()).session.session_id, id)
    assert.equal((await alice.visit('/vault')).status, 200)
  })

  it('another site finishes in this browser is refused', async () => {
    const before = await state()
    const handOff = await arriveAtHandOff(alice)

    const answer = await alice.visit(handOff, { site: 'same-site' })

    assert.equal(answer.headers['sallyport-error'], 'cross_site_refused')
    await assertUnchanged(before)
  })
})

/** To where the browser has seen the callback's answer and not yet gone on. */
async function arriveAtHandOff(visitor: Visitor): Promise<string> {
  const callback = await begin(visitor, '/vault')
  const response = await visitor.visit(callback.pathname + callback.search, { site: 'cross-site' })
  return refreshOf(response) ?? assert.fail(`no hand-off: ${response.status}`)
}

function withoutClock(session: object): object {
  const { idle_expires_in: _idle, absolute_expires_in: _absolute, ...rest } = session as Record<string, unknown>
  return rest
}
