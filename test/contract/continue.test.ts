import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { createMemoryStore } from '../../src/store/memory.ts'
import { brokenStore } from '../support/broken-store.ts'
import { makeSecrets, startGateway, type TestGateway } from '../support/gateway.ts'
import { type IdentityProvider, startIdentityProvider } from '../support/identity-provider.ts'
import { createVisitor, refreshOf, type Visitor } from '../support/visitor.ts'

const sessionName = '__Host-Http-sallyport'

describe('GET /auth/continue/{attempt}', () => {
  let idp: IdentityProvider
  let gateway: TestGateway
  before(async () => {
    idp = await startIdentityProvider()
    gateway = await startGateway({ idp })
  })
  after(() => Promise.all([idp.close(), gateway.close()]))

  it('begins a session, forgets the attempt, and leads to where the sign-in was asked for, its fragment too', async () => {
    const visitor = createVisitor(gateway)

    const response = await visitor.signIn(idp, { returnTo: '/reports?year=2026#totals' })

    assert.equal(response.status, 303)
    assert.equal(response.headers.location, '/reports?year=2026#totals')
    assert.deepEqual([...visitor.jar.keys()], [sessionName])
    assert.equal((await visitor.session()).user.sub, 'a1')
  })

  it('CKE-01 CKE-02 CKE-03 CKE-11 sets the session cookie Secure, HttpOnly, Strict, for the host alone and for this browser session', async () => {
    const visitor = createVisitor(gateway)

    await visitor.signIn(idp)

    const [line = '', ...others] = visitor.setCookies.filter(text => text.startsWith(`${sessionName}=`))
    assert.deepEqual(others, [])
    assert.deepEqual(attributesOf(line), ['HttpOnly', 'Path=/', 'SameSite=Strict', 'Secure'])
  })

  it('CKE-04 takes the attempt cookie away with the attributes that it was given with', async () => {
    const visitor = createVisitor(gateway)

    await visitor.signIn(idp)

    const [given = '', taken = ''] = visitor.setCookies.filter(text => text.includes('.attempt.'))
    assert.equal(given.split('=')[0], taken.split('=')[0])
    assert.deepEqual(attributesOf(given), ['HttpOnly', 'Max-Age=600', 'Path=/', 'SameSite=Lax', 'Secure'])
    assert.deepEqual(attributesOf(taken), ['HttpOnly', 'Max-Age=0', 'Path=/', 'SameSite=Lax', 'Secure'])
  })

  it('CKE-06 CKE-07 puts random characters into the cookie: no token, no name, nothing that unpacks', async () => {
    const visitor = createVisitor(gateway)

    await visitor.signIn(idp)

    const value = decodeURIComponent(visitor.jar.get(sessionName) ?? '')
    assert.match(value, /^s:[\w-]{22}\.0\.[\w-]{43}\.[\w+/]{43}$/)
    assert.ok(sessionName.length + value.length < 256)
    for (const part of value.slice(2).split('.'))
      assert.doesNotMatch(Buffer.from(part, 'base64').toString('latin1'), /alice|"sub"|eyJ|JWT/i)
  })

  it('SES-02 FLOW-17 gives a new session at every sign-in, and the old one ends at once', async () => {
    const visitor = createVisitor(gateway)
    await visitor.signIn(idp)
    const old = new Map(visitor.jar)
    const before = await visitor.session()

    await visitor.signIn(idp, { query: 'prompt=login' })

    const after = await visitor.session()
    assert.notEqual(after.session.session_id, before.session.session_id)
    assert.notEqual(visitor.jar.get(sessionName), old.get(sessionName))
    assert.equal((await createVisitor(gateway, old).session()).authenticated, false)
    assert.equal((await createVisitor(gateway, old).call('/api/orders')).status, 401)
  })

  it('FLOW-17 says in the audit that a session was replaced, and when by another person', async t => {
    const own = await startGateway({ idp })
    t.after(own.close)
    const visitor = createVisitor(own)
    await visitor.signIn(idp, { user: 'alice' })
    const { session_id: first } = (await visitor.session()).session

    await visitor.signIn(idp, { user: 'alice', query: 'prompt=login' })
    await visitor.signIn(idp, { user: 'bob', query: 'prompt=login', jar: new Map() })

    assert.deepEqual(own.events(), ['sign_in', 'session_ended', 'sign_in', 'session_ended', 'subject_changed', 'sign_in'])
    assert.deepEqual(pick(own.audit[0]), { provider: 'main', sub: 'a1', session_id: first, reason: undefined })
    assert.deepEqual(pick(own.audit[1]), { provider: 'main', sub: 'a1', session_id: first, reason: 'replaced' })
    assert.equal(own.audit[4]?.sub, 'b2')
  })

  it('A-040 ends the session that an attacker planted before the victim signs in', async () => {
    const [attacker, victim] = [createVisitor(gateway), createVisitor(gateway)]
    await attacker.signIn(idp, { user: 'bob' })
    victim.jar.set(sessionName, attacker.jar.get(sessionName) ?? '')

    await victim.signIn(idp, { user: 'alice', query: 'prompt=login' })

    assert.equal((await victim.session()).user.sub, 'a1')
    assert.notEqual(victim.jar.get(sessionName), attacker.jar.get(sessionName))
    assert.equal((await attacker.session()).authenticated, false)
  })

  it('SES-03 never takes over a session id that it did not make', async () => {
    const visitor = createVisitor(gateway)
    const made = `s:${'A'.repeat(22)}.0.${'B'.repeat(43)}.${'C'.repeat(43)}`
    visitor.jar.set(sessionName, encodeURIComponent(made))

    await visitor.signIn(idp)

    const { session_id: id } = (await visitor.session()).session
    assert.notEqual(id, 'A'.repeat(22))
    assert.ok(!decodeURIComponent(visitor.jar.get(sessionName) ?? '').includes('BBBB'))
  })

  it('CKE-08 begins one session where two session cookies came, whichever they are', async () => {
    const [attacker, victim] = [createVisitor(gateway), createVisitor(gateway)]
    await attacker.signIn(idp, { user: 'bob' })
    const handOff = await arriveAtHandOff(victim)
    const two = [...victim.jar, [sessionName, attacker.jar.get(sessionName)], [sessionName, 'x']].map(pair => pair.join('=')).join('; ')

    const response = await victim.visit(handOff, { headers: { cookie: two } })

    assert.equal(response.status, 303)
    assert.equal((await victim.session()).user.sub, 'a1')
    assert.equal((await attacker.session()).authenticated, true)
  })

  it('leads somebody with a session to the start page when the hand-off comes again', async () => {
    const visitor = createVisitor(gateway)
    const handOff = await arriveAtHandOff(visitor)
    const attempt = new Map(visitor.jar)
    await visitor.visit(handOff)
    const before = visitor.jar.get(sessionName)
    const signIns = gateway.events().filter(event => event === 'sign_in').length

    const reloaded = await visitor.visit(handOff)
    for (const [name, value] of attempt) visitor.jar.set(name, value)
    const replayed = await visitor.visit(handOff)

    for (const response of [reloaded, replayed]) assert.deepEqual([response.status, response.headers.location], [303, '/'])
    assert.equal(visitor.jar.get(sessionName), before)
    assert.equal(gateway.events().filter(event => event === 'sign_in').length, signIns)
  })

  it('A-001 refuses a hand-off that comes again without a session', async () => {
    const visitor = createVisitor(gateway)
    const handOff = await arriveAtHandOff(visitor)
    const attempt = new Map(visitor.jar)
    await visitor.visit(handOff)

    const replayed = await createVisitor(gateway, attempt).visit(handOff)
    const withoutTicket = await createVisitor(gateway).visit(handOff)

    assert.equal(replayed.headers['sallyport-error'], 'attempt_replayed')
    assert.equal(withoutTicket.headers['sallyport-error'], 'attempt_unknown')
  })

  it('A-008 refuses to finish a sign-in that another site or a sibling finishes in this browser', async () => {
    for (const site of ['cross-site', 'same-site'] as const) {
      const visitor = createVisitor(gateway)
      const handOff = await arriveAtHandOff(visitor)

      const response = await visitor.visit(handOff, { site })

      assert.equal(response.status, 403)
      assert.equal(response.headers['sallyport-error'], 'cross_site_refused')
      assert.equal((await visitor.visit(handOff)).status, 303, 'the sign-in can still be finished here')
    }
  })

  it('A-008 refuses to finish a sign-in of another browser', async () => {
    const [attacker, victim] = [createVisitor(gateway), createVisitor(gateway)]
    const handOff = await arriveAtHandOff(attacker)
    await arriveAtHandOff(victim)

    const response = await victim.visit(handOff)

    assert.equal(response.headers['sallyport-error'], 'attempt_unknown')
    assert.equal((await victim.session()).authenticated, false)
  })

  it('FLOW-09 refuses to go on before the callback, after ten minutes, and for what is no attempt', async () => {
    const visitor = createVisitor(gateway)
    await visitor.begin(idp)
    const id = [...visitor.jar.values()][0]?.slice(0, 22) ?? ''
    const early = await visitor.visit(`/auth/continue/${id}`)
    const handOff = await arriveAtHandOff(visitor)
    gateway.clock.advance(10 * 60_000)
    const late = await visitor.visit(handOff)
    const strange = await Promise.all(
      ['x', '__proto__', 'A'.repeat(22), `${'A'.repeat(21)}%41`].map(name => visitor.visit(`/auth/continue/${name}`)),
    )

    for (const response of [early, late, ...strange]) {
      assert.equal(response.status, 400)
      assert.equal(response.headers['sallyport-error'], 'attempt_unknown')
    }
  })

  it('FLOW-15 judges the destination once more when it is used', async t => {
    const shared = { idp, store: createMemoryStore({ now: Date.now }), secrets: makeSecrets() }
    const routes = (kind: string) => ({ routes: [{ path: '/reports', upstream: 'http://127.0.0.1:9', kind, access: 'anyone' }] })
    const [before, after] = [
      await startGateway({ ...shared, config: routes('page') }),
      await startGateway({ ...shared, config: routes('api') }),
    ]
    t.after(() => Promise.all([before.close(), after.close()]))
    const visitor = createVisitor(before)
    const handOff = await arriveAtHandOff(visitor, '/reports')

    const response = await createVisitor(after, visitor.jar).visit(handOff)

    assert.deepEqual([response.status, response.headers.location], [303, '/'])
  })

  it('FLOW-16 is for navigations', async () => {
    const visitor = createVisitor(gateway)
    const handOff = await arriveAtHandOff(visitor)

    const response = await visitor.call(handOff)

    assert.equal(response.status, 400)
    assert.equal(response.headers['sallyport-error'], 'navigation_required')
  })

  it('sets no session cookie when the store goes away before the session is kept', async t => {
    const state = { isAway: false }
    const other = await startGateway({ idp, store: brokenStore(createMemoryStore({ now: Date.now }), state) })
    t.after(other.close)
    const visitor = createVisitor(other)
    const handOff = await arriveAtHandOff(visitor)

    state.isAway = true
    const response = await visitor.visit(handOff)

    assert.equal(response.status, 503)
    assert.equal(response.headers['sallyport-error'], 'store_unavailable')
    assert.ok(!visitor.jar.has(sessionName))
  })

  /** To where the browser has seen the callback's answer and not yet gone on. */
  async function arriveAtHandOff(visitor: Visitor, returnTo = '/'): Promise<string> {
    const callback = await visitor.begin(idp, { returnTo })
    const response = await visitor.visit(callback.pathname + callback.search, { site: 'cross-site' })
    return refreshOf(response) ?? assert.fail(`no hand-off: ${response.status}`)
  }
})

function attributesOf(line: string): readonly string[] {
  return line.split('; ').slice(1).sort()
}

function pick(line: Readonly<Record<string, unknown>> | undefined) {
  return { provider: line?.provider, sub: line?.sub, session_id: line?.session_id, reason: line?.reason }
}
