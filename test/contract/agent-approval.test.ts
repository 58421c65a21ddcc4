import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { createMemoryStore } from '../../src/store/memory.ts'
import { handleOn, makeAgent, reachAgentApproval, sendAgentForm } from '../support/agent-session.ts'
import { postLogout } from '../support/back-channel.ts'
import { brokenStore } from '../support/broken-store.ts'
import { makeSecrets, startGateway, type TestGateway } from '../support/gateway.ts'
import { type IdentityProvider, startIdentityProvider } from '../support/identity-provider.ts'
import { arrive, call, decide, nativeClients, tickedScopes } from '../support/native-client.ts'
import { createVisitor, refreshOf } from '../support/visitor.ts'

const origin = 'https://login.example.test'
const limits = { name: 'nightly', scopes: ['openid', 'email'], routes: 'GET /api/orders/*\r\n\r\n POST /api/orders ', max_calls: '20' }

describe('the approval of an agent session', () => {
  const state: { isAway: boolean; verbs?: readonly string[] } = { isAway: false }
  const store = brokenStore(createMemoryStore({ now: Date.now }), state)
  const secrets = makeSecrets()
  const cli = { ...nativeClients.cli, scopes: ['openid', 'email', 'sessions'] }
  let idp: IdentityProvider
  let gateway: TestGateway
  let login: { port: number; host: string }
  before(async () => {
    idp = await startIdentityProvider()
    gateway = await start()
    login = at(gateway)
  })
  after(() => Promise.all([idp.close(), gateway.close()]))

  /** All of them are replicas of one deployment. */
  async function start(client: object = cli): Promise<TestGateway> {
    const routes = [
      { path: '/api/orders', token: 'access', require: { scopes: ['openid'] } },
      { path: '/', access: 'anyone' },
    ].map(route => ({ ...route, upstream: 'http://127.0.0.1:9' }))
    const own = await startGateway({ idp, store, secrets, config: { native: { origin, clients: { cli: client } }, routes } })
    idp.register({ redirectUris: [`${own.origin}/auth/callback/main`, `${origin}/auth/callback/main`] })
    return own
  }
  const at = ({ port }: TestGateway) => ({ port, host: 'login.example.test' })
  const codeOf = ({ status, headers }: { status: number; headers: Record<string, string> }) => [status, headers['sallyport-error']]
  const plain = (text: string) =>
    text
      .slice(text.indexOf('<main>'))
      .replace(/<[^>]+>/g, ' ')
      .replace(/\s+/g, ' ')
  /** How many agents alice has. */
  async function agents(): Promise<number> {
    const visitor = createVisitor(gateway)
    await visitor.signIn(idp)
    const { sessions } = (await visitor.call('/auth/sessions')).body as { sessions: { kind: string }[] }
    return sessions.filter(({ kind }) => kind === 'agent').length
  }

  it('NAT-15 A-088 says in full what the agent gets, for whom, of which program, and for how long', async () => {
    const { page } = await reachAgentApproval(createVisitor(login), idp, { ...limits, expires_in: '14400' })

    const text = plain(page.text)
    for (const shown of [
      'nightly will act here for Alice Adams',
      'only if you yourself have just asked for it',
      'Orders CLI (cli)',
      'GET /api/orders/*, POST /api/orders',
      '20 calls',
      '4 hours after your yes, used or not',
      'Not you?',
    ]) {
      assert.ok(text.includes(shown), `${shown} in ${text}`)
    }
    assert.deepEqual(tickedScopes(page), ['openid', 'email'])
    assert.equal(handleOn(page), null)
    assert.equal(refreshOf(page), null)
  })

  it('says of no limit that there is none', async () => {
    const { page } = await reachAgentApproval(createVisitor(login), idp, { expires_in: '3600' })

    const text = plain(page.text)
    for (const shown of ['May do openid', 'Calls all that it may do', 'At most any number of calls', '1 hour after']) {
      assert.ok(text.includes(shown), shown)
    }
  })

  it('NAT-16 A-052 cannot be framed, and neither can the page with the handle', async () => {
    const visitor = createVisitor(login)
    const approval = await reachAgentApproval(visitor, idp)
    const shown = await decide(visitor, approval, 'approve')

    for (const { headers, text } of [approval.page, shown]) {
      assert.match(String(headers['content-security-policy']), /default-src 'none'.*form-action 'self'.*frame-ancestors 'none'/)
      assert.deepEqual([headers['x-frame-options'], headers['cross-origin-opener-policy']], ['DENY', 'same-origin'])
      assert.ok(!text.includes('<script'))
    }
  })

  it('NHI-02 shows the handle in a field, once, kept by nobody, in no address and in no line', async () => {
    const visitor = createVisitor(login)
    const approval = await reachAgentApproval(visitor, idp, { ...limits, expires_in: '3600' })

    const shown = await decide(visitor, approval, 'approve')
    const handle = handleOn(shown) ?? ''

    assert.equal(shown.status, 200)
    assert.match(handle, /^spt_[\w-]{22}\.0\.[\w-]{43}[0-9A-Za-z]{6}$/)
    assert.equal(shown.text.split(handle).length, 2)
    assert.match(shown.text, /<label for="handle">Handle of nightly<\/label>/)
    assert.match(
      shown.text,
      /<textarea class="field handle" id="handle" rows="5" readonly autocomplete="off" autocapitalize="off" spellcheck="false">/,
    )
    assert.deepEqual(
      ['cache-control', 'referrer-policy', 'location', 'refresh', 'set-cookie'].map(name => [shown.headers[name]].flat().length),
      [1, 1, 1, 1, 1],
    )
    assert.deepEqual([shown.headers['cache-control'], shown.headers['referrer-policy']], ['no-store', 'no-referrer'])
    assert.deepEqual([shown.headers.location, refreshOf(shown)], [undefined, null])
    for (const text of [
      JSON.stringify(shown.headers),
      JSON.stringify(gateway.audit),
      JSON.stringify(gateway.lines),
      visitor.setCookies.join(),
    ]) {
      assert.ok(!text.includes(handle.split('.')[2] ?? 'none'))
    }
    const text = plain(shown.text)
    for (const told of [
      'openid, email',
      'GET /api/orders/*, POST /api/orders',
      '20 calls',
      'At the longest until',
      `POST ${origin}/oauth/revoke`,
    ]) {
      assert.ok(text.includes(told), told)
    }
    assert.match(shown.text, /<a href="https:\/\/app\.example\.test\/auth\/account">/)
    assert.equal((await call(gateway, '/auth/session', handle)).body.session.kind, 'agent')
    assert.deepEqual([...visitor.jar.keys()], [])
  })

  it('NAT-16 makes one session of any number of answers, and shows nothing to whoever loads the page again', async () => {
    const before = await agents()
    const visitor = createVisitor(login)
    const approval = await reachAgentApproval(visitor, idp)
    const jar = new Map(visitor.jar)

    const answers = await Promise.all(Array.from({ length: 20 }, () => decide(createVisitor(login, new Map(jar)), approval, 'approve')))
    const reloaded = await decide(createVisitor(login, new Map(jar)), approval, 'approve')
    const looked = await createVisitor(login, new Map(jar)).visit(approval.path)

    assert.equal(answers.filter(answer => handleOn(answer) !== null).length, 1)
    for (const answer of [reloaded, looked]) {
      assert.deepEqual(codeOf(answer), [400, 'attempt_replayed'])
      assert.ok(!answer.text.includes('spt_'))
    }
    assert.equal(await agents(), before + 1)
  })

  it('NAT-14 A-014 goes on only in the browser that began it', async () => {
    const [one, other] = [createVisitor(login), createVisitor(login)]
    const begun = await sendAgentForm(one)
    const callback = await idp.signIn(refreshOf(begun) ?? '')

    const elsewhere = await other.visit(callback.pathname + callback.search, { site: 'cross-site' })
    const approval = await arrive(one, callback)
    const refused = [elsewhere, await other.visit(approval.path), await decide(other, approval, 'approve')]

    for (const answer of refused) assert.deepEqual(codeOf(answer), [400, 'attempt_unknown'])
    assert.notEqual(handleOn(await decide(one, approval, 'approve')), null)
  })

  it('NAT-16 is answered by its own page alone, with the token of its form', async () => {
    const visitor = createVisitor(login)
    const approval = await reachAgentApproval(visitor, idp)
    const [, token = ''] = /name="form_token" value="([^"]*)"/.exec(approval.page.text) ?? []
    const send = (form_token: string, options = {}) =>
      visitor.visit(approval.path, {
        method: 'POST',
        body: new URLSearchParams({ form_token, decision: 'approve', scope: 'openid' }).toString(),
        ...options,
      })

    const refused = [
      await send(token, { site: 'cross-site' }),
      await send(token, { site: 'same-site', headers: { origin: gateway.origin } }),
      await send(token, { headers: { origin: 'https://evil.example' } }),
      await send('a'.repeat(43)),
      await send(''),
    ]

    // The cookie is Lax: from another site the browser sends none, and then there is nothing to approve.
    for (const answer of refused) assert.ok([400, 403].includes(answer.status) && handleOn(answer) === null)
    assert.notEqual(handleOn(await send(token)), null)
  })

  it('lets the person take scopes away, gives none that was not asked for, and asks again for none', async () => {
    const visitor = createVisitor(login)
    const approval = await reachAgentApproval(visitor, idp, { scopes: ['openid', 'email'] })

    const widened = await decide(visitor, approval, 'approve', ['openid', 'sessions'])
    const none = await decide(visitor, approval, 'approve', [])
    const narrowed = await decide(visitor, approval, 'approve', ['email'])

    assert.deepEqual(codeOf(widened), [400, 'bad_request'])
    assert.equal(none.status, 400)
    assert.match(none.text, /role="alert"/)
    assert.ok(plain(none.text).includes('nightly will act here for'))
    const { body } = await call(gateway, '/auth/session', handleOn(narrowed))
    assert.deepEqual(body.session.scopes, ['email'])
  })

  it('makes nothing of a no, and says so', async () => {
    const before = await agents()
    for (const decision of ['deny', 'Approve', '']) {
      const visitor = createVisitor(login)

      const said = await decide(visitor, await reachAgentApproval(visitor, idp), decision)

      assert.equal(said.status, 200)
      assert.match(said.text, /there is no agent session/)
      assert.deepEqual([...visitor.jar.keys()], [])
    }
    assert.equal(await agents(), before)
    const line = gateway.audit.findLast(({ event }) => event === 'approval')
    assert.deepEqual([line?.outcome, line?.client_id, line?.act], ['refused', 'cli', ['nightly', 'cli']])
  })

  it('tells the person, and nobody else, when the provider says no', async () => {
    const visitor = createVisitor(login)
    const callback = await idp.signIn(refreshOf(await sendAgentForm(visitor)) ?? '', { deny: true })

    const answer = await visitor.visit(callback.pathname + callback.search, { site: 'cross-site' })

    assert.deepEqual(codeOf(answer), [403, 'access_denied'])
    assert.equal(refreshOf(answer), null)
  })

  it('goes on as another person, for the same agent', async () => {
    const visitor = createVisitor(login)
    const first = await reachAgentApproval(visitor, idp, limits)

    const begun = await visitor.visit(`${first.path}/other-account`)
    const location = new URL(refreshOf(begun) ?? '')
    assert.equal(location.searchParams.get('prompt'), 'select_account')
    // The provider of the tests knows no such prompt.
    location.searchParams.delete('prompt')
    const second = await arrive(visitor, await idp.signIn(location, { user: 'bob' }))

    assert.ok(plain(second.page.text).includes('nightly will act here for Bob'))
    assert.ok(plain(second.page.text).includes('20 calls'))
  })

  it('is 503 while the store is away, and works when it is back', async () => {
    const visitor = createVisitor(login)
    const approval = await reachAgentApproval(visitor, idp)

    state.isAway = true
    const away = [await visitor.visit(approval.path), await decide(visitor, approval, 'approve')]
    state.isAway = false

    for (const answer of away) assert.deepEqual(codeOf(answer), [503, 'store_unavailable'])
    assert.notEqual(handleOn(await decide(visitor, approval, 'approve')), null)
  })

  it('makes nothing, and says so, where the store goes away in the very moment: the person begins anew', async () => {
    const before = await agents()
    const visitor = createVisitor(login)
    const approval = await reachAgentApproval(visitor, idp)

    Object.assign(state, { isAway: true, verbs: ['createFamily'] })
    const away = await decide(visitor, approval, 'approve')
    Object.assign(state, { isAway: false, verbs: undefined })

    assert.deepEqual([...codeOf(away), handleOn(away)], [503, 'store_unavailable', null])
    assert.doesNotMatch(away.text, /class="button"/, 'nothing leads back to what is used up')
    assert.equal(await agents(), before)
    assert.notEqual(handleOn(await decide(visitor, await reachAgentApproval(visitor, idp), 'approve')), null)
  })

  it('goes on after a restart, at another replica, with the same limits', async t => {
    const visitor = createVisitor(login)
    const approval = await reachAgentApproval(visitor, idp, limits)
    const next = await start()
    t.after(() => next.close())

    const handle = handleOn(await decide(createVisitor(at(next), visitor.jar), approval, 'approve'))

    const { session } = (await call(next, '/auth/session', handle)).body
    assert.deepEqual(
      [session.agent.routes, session.agent.max_calls, session.scopes],
      [['GET /api/orders/*', 'POST /api/orders'], 20, ['openid', 'email']],
    )
    assert.equal((await call(gateway, '/auth/session', handle)).status, 200)
  })

  it('NHI-03 gives what the configuration still lets its client have: less, or nothing where that may not hand on any more', async t => {
    const begin = async () => {
      const visitor = createVisitor(login)
      return { visitor, approval: await reachAgentApproval(visitor, idp, { scopes: ['openid', 'email'] }) }
    }
    const waiting = [await begin(), await begin(), await begin()]
    const others = [
      await start({ ...cli, scopes: ['email'] }),
      await start({ ...cli, scopes: ['sessions'] }),
      await start({ ...cli, delegate: false }),
    ]
    t.after(() => Promise.all(others.map(one => one.close())))

    const [less, nothing, off] = await Promise.all(
      waiting.map(({ visitor, approval }, n) => decide(createVisitor(at(others[n] ?? gateway), visitor.jar), approval, 'approve')),
    )

    assert.ok(less !== undefined && nothing !== undefined && off !== undefined)
    assert.deepEqual((await call(gateway, '/auth/session', handleOn(less))).body.session.scopes, ['email'])
    for (const answer of [nothing, off]) assert.deepEqual([...codeOf(answer), handleOn(answer)], [400, 'attempt_unknown', null])
    assert.deepEqual(
      others.slice(1).map(({ audit }) => audit.findLast(({ event }) => event === 'refusal')?.reason),
      ['scopes_taken_away', 'may_not_delegate'],
    )
  })

  it('BCL-11 hands nothing out when the provider has logged the person out during the sign-in', async () => {
    const visitor = createVisitor(login)
    const approval = await reachAgentApproval(visitor, idp, {}, { user: 'bob' })
    const token = await idp.logoutToken({ claims: { sub: 'b2', sid: undefined } })
    assert.equal((await postLogout(gateway, token)).status, 200)

    const answer = await decide(visitor, approval, 'approve')

    assert.deepEqual([...codeOf(answer), handleOn(answer)], [401, 'session_revoked', null])
  })

  it('is shown to nobody ten minutes after the sign-in began', async t => {
    const own = await start()
    t.after(() => own.close())
    const visitor = createVisitor(at(own))
    const approval = await reachAgentApproval(visitor, idp)

    own.clock.advance(10 * 60_000)

    assert.deepEqual(codeOf(await visitor.visit(approval.path)), [400, 'attempt_unknown'])
    assert.equal(handleOn(await decide(visitor, approval, 'approve')), null)
  })

  it('NHI-10 is in the audit: who said yes to what, and the session that came of it', async () => {
    const handle = await makeAgent(login, idp, { name: 'weekly report' })
    const [approval, signIn, ...more] = gateway.audit.slice(gateway.events().lastIndexOf('approval'))
    const { session_id } = (await call(gateway, '/auth/session', handle)).body.session

    const who = { provider: 'main', sub: 'a1', client_id: 'cli', act: ['weekly report', 'cli'], outcome: 'ok' }
    for (const [name, value] of Object.entries(who)) assert.deepEqual([approval?.[name], signIn?.[name]], [value, value], name)
    assert.deepEqual([approval?.event, signIn?.event, signIn?.kind, signIn?.session_id], ['approval', 'sign_in', 'agent', session_id])
    assert.equal(signIn?.origin, origin)
    // The yes was the person's, and no call of the agent.
    assert.deepEqual(more, [])
  })
})
