import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { createMemoryStore } from '../../src/store/memory.ts'
import { handleOn, reachAgentApproval, sendAgentForm } from '../support/agent-session.ts'
import { brokenStore } from '../support/broken-store.ts'
import { providerConfig, startGateway, type TestGateway } from '../support/gateway.ts'
import { type IdentityProvider, startIdentityProvider } from '../support/identity-provider.ts'
import { arrive, authorizePath, createRun, decide, nativeClients, tickedScopes } from '../support/native-client.ts'
import { createVisitor, refreshOf } from '../support/visitor.ts'

const origin = 'https://login.example.test'

describe('GET, POST /oauth/agent', () => {
  const state = { isAway: false }
  let idp: IdentityProvider
  let gateway: TestGateway
  let login: { port: number; host: string }
  before(async () => {
    idp = await startIdentityProvider()
    gateway = await start({ cli: { ...nativeClients.cli, scopes: ['openid', 'email', 'sessions'] }, other: nativeClients.other })
    login = at(gateway)
  })
  after(() => Promise.all([idp.close(), gateway.close()]))

  async function start(clients: object, config: object = {}, native: object = {}): Promise<TestGateway> {
    const store = brokenStore(createMemoryStore({ now: Date.now }), state)
    const own = await startGateway({ idp, store, config: { native: { origin, clients, ...native }, ...config } })
    idp.register({ redirectUris: [`${own.origin}/auth/callback/main`, `${origin}/auth/callback/main`] })
    return own
  }
  const at = ({ port }: TestGateway) => ({ port, host: 'login.example.test' })
  const codeOf = ({ status, headers }: { status: number; headers: Record<string, string> }) => [status, headers['sallyport-error']]
  const account = async (own: TestGateway) => {
    const visitor = createVisitor(own)
    await visitor.signIn(idp)
    return (await visitor.visit('/auth/account')).text
  }

  it('is a form without a script, that nobody frames, with nothing ticked and each field named and explained', async () => {
    const page = await createVisitor(login).visit('/oauth/agent', { site: 'cross-site' })

    assert.equal(page.status, 200)
    assert.match(String(page.headers['content-security-policy']), /default-src 'none'.*form-action 'self'.*frame-ancestors 'none'/)
    assert.equal(page.headers['cache-control'], 'no-store')
    assert.ok(!page.text.includes('<script'))
    for (const [field, label] of Object.entries({ name: 'Name', routes: 'Calls', maxCalls: 'How many calls', life: 'How long' })) {
      assert.ok(page.text.includes(`<label for="${field}">${label}</label>`), field)
      assert.match(page.text, new RegExp(`id="${field}"[^>]* aria-describedby="${field}-hint"`))
    }
    assert.deepEqual(
      [...page.text.matchAll(/<option value="(\d+)"/g)].map(([, seconds]) => Number(seconds)),
      [900, 3600, 14_400, 28_800],
    )
    assert.deepEqual(tickedScopes(page), [])
    assert.deepEqual(
      [...page.text.matchAll(/type="checkbox" name="scope" value="([^"]+)"/g)].map(([, scope]) => scope),
      ['openid', 'email', 'sessions'],
    )
    assert.equal(page.headers['set-cookie'], undefined)
  })

  it('is led to from the account page, there and nowhere else', async () => {
    assert.match(await account(gateway), /<a href="https:\/\/login\.example\.test\/oauth\/agent">New agent session<\/a>/)
    // On the applications' origin it is a path like any other, which their upstream may have.
    const elsewhere = await createVisitor(gateway).visit('/oauth/agent')
    assert.equal(elsewhere.headers['sallyport-error'], 'upstream_unreachable')
  })

  it('is not there, nor a link to it, where the server has no origin of its own, or no client hands on', async t => {
    const shared = await startGateway({ idp, config: { native: { clients: nativeClients } } })
    t.after(() => shared.close())
    const none = await start({ other: nativeClients.other })
    t.after(() => none.close())

    const answers = [
      await createVisitor(shared).visit('/oauth/agent'),
      await sendAgentForm(createVisitor(shared), { scopes: ['orders.read'] }),
      await createVisitor(at(none)).visit('/oauth/agent'),
      await sendAgentForm(createVisitor(at(none)), { client_id: 'other', scopes: ['orders.read'] }),
    ]

    for (const answer of answers) assert.deepEqual(codeOf(answer), [404, 'no_route'])
    for (const own of [shared, none]) {
      idp.register({ redirectUris: [`${own.origin}/auth/callback/main`, `${origin}/auth/callback/main`] })
      assert.doesNotMatch(await account(own), /agent/)
    }
  })

  it('asks first of which program, where there are several', async t => {
    const second = { ...nativeClients.cli, name: 'Second', scopes: ['email'] }
    const own = await start({ cli: nativeClients.cli, second, other: nativeClients.other })
    t.after(() => own.close())
    const visitor = createVisitor(at(own))

    const choice = await visitor.visit('/oauth/agent')
    const form = await visitor.visit('/oauth/agent?client_id=second')

    assert.deepEqual(
      [...choice.text.matchAll(/href="(\/oauth\/agent[^"]*)">([^<]+)</g)].map(([, href, label]) => [href, label]),
      [
        ['/oauth/agent?client_id=cli', 'Orders CLI'],
        ['/oauth/agent?client_id=second', 'Second'],
      ],
    )
    assert.match(form.text, /name="client_id" value="second"/)
    assert.match(form.text, /type="checkbox" name="scope" value="email"/)
    assert.doesNotMatch(form.text, /orders\.read/)
  })

  it('NAT-31 takes no client that may not hand on, none that is none, and none that describes itself', async () => {
    const visitor = createVisitor(login)
    for (const client_id of ['other', 'nobody', 'https://tool.example/client.json', '']) {
      const refused = [
        await visitor.visit(`/oauth/agent?client_id=${encodeURIComponent(client_id)}`),
        await sendAgentForm(visitor, { client_id }),
      ]

      // Without one named, there is only one.
      for (const answer of client_id === '' ? refused.slice(1) : refused) assert.deepEqual(codeOf(answer), [400, 'bad_request'], client_id)
    }
    assert.deepEqual([...visitor.jar.keys()], [])
    assert.ok(gateway.audit.some(({ reason }) => reason === 'may_not_delegate'))
  })

  it('NHI-05 NAT-31 A-097 refuses scopes that the client may not have, and gives nothing of such a form', async () => {
    const visitor = createVisitor(login)
    const refused = [
      await sendAgentForm(visitor, { scopes: ['openid', 'admin'] }),
      await sendAgentForm(visitor, { scopes: ['orders.read'] }),
    ]
    const approval = await reachAgentApproval(visitor, idp, { scopes: ['openid', 'email'] })
    // What the client may have, and the person has not ticked, is as good as made up.
    const widened = await decide(visitor, approval, 'approve', ['openid', 'sessions'])

    for (const answer of [...refused, widened]) {
      assert.deepEqual(codeOf(answer), [400, 'bad_request'])
      assert.equal(handleOn(answer), null)
    }
    assert.equal(gateway.audit.filter(({ reason }) => reason === 'scope_not_asked').length, 3)
  })

  const wrong: Readonly<Record<string, readonly [field: string, fields: Parameters<typeof sendAgentForm>[1]]>> = {
    'no name': ['name', { name: '' }],
    'a name of blanks': ['name', { name: '   ' }],
    'a name that is too long': ['name', { name: 'a'.repeat(65) }],
    'a control character in the name': ['name', { name: 'night\u0007ly' }],
    'a line in the name': ['name', { name: 'night\nly' }],
    'a name that turns text around': ['name', { name: 'a\u202eb' }],
    'markup in the name': ['name', { name: '<b>a</b>' }],
    'nothing ticked': ['scopes', { scopes: [] }],
    'a call without a method': ['routes', { routes: '/api/orders' }],
    'a method that there is not': ['routes', { routes: 'GET /api/orders/*\r\nFETCH /api' }],
    'a path that climbs': ['routes', { routes: 'GET /api/../admin' }],
    'too many calls to name': ['routes', { routes: Array.from({ length: 51 }, (_, n) => `GET /api/${n}`).join('\n') }],
    'no calls at all': ['maxCalls', { max_calls: '0' }],
    'half a call': ['maxCalls', { max_calls: '1.5' }],
    'calls in another writing': ['maxCalls', { max_calls: '1e3' }],
    'more calls than can be counted': ['maxCalls', { max_calls: '1000001' }],
    'a longer life than is offered': ['life', { expires_in: '28801' }],
    'a life without end': ['life', { expires_in: '9999999' }],
    'another life than is offered': ['life', { expires_in: '1000' }],
    'no life': ['life', { expires_in: '' }],
  }
  for (const [what, [field, fields]] of Object.entries(wrong)) {
    it(`asks once more for ${what}, says what is wrong, and keeps the rest`, async () => {
      const visitor = createVisitor(login)

      const page = await sendAgentForm(visitor, { routes: 'GET /api/orders/*', max_calls: '7', scopes: ['email'], ...fields })

      assert.equal(page.status, 400)
      assert.equal(page.text.match(/role="alert"/g)?.length, 1)
      assert.ok(page.text.includes(field === 'scopes' ? 'id="scope-fault"' : `id="${field}-fault"`))
      if (field !== 'scopes')
        assert.match(page.text, new RegExp(`id="${field}"[^>]* aria-describedby="${field}-hint ${field}-fault" aria-invalid="true"`))
      if (field !== 'name') assert.match(page.text, /id="name" name="name" value="nightly"/)
      if (field !== 'maxCalls') assert.match(page.text, /name="max_calls" value="7"/)
      if (field !== 'scopes') assert.deepEqual(tickedScopes(page), ['email'])
      assert.ok(!page.text.includes('<b>'))
      assert.deepEqual([...visitor.jar.keys()], [])
    })
  }

  // What an attacker's page would hold: <form method="post" action="https://login.example/oauth/agent">
  it('NAT-16 is taken from its own page alone', async () => {
    const visitor = createVisitor(login)
    const old = { 'sec-fetch-site': null, 'sec-fetch-mode': null, 'sec-fetch-dest': null }
    const refused = [
      await sendAgentForm(visitor, {}, { site: 'cross-site' }),
      await sendAgentForm(visitor, {}, { site: 'same-site', headers: { origin: gateway.origin } }),
      await sendAgentForm(visitor, {}, { headers: { origin: gateway.origin } }),
      await sendAgentForm(visitor, {}, { headers: { ...old, origin: 'https://evil.example' } }),
    ]
    const framed = await sendAgentForm(visitor, {}, { headers: { 'sec-fetch-dest': 'iframe' } })
    const scripted = await visitor.call('/oauth/agent')

    for (const answer of refused) assert.deepEqual(codeOf(answer), [403, 'cross_site_refused'])
    for (const answer of [framed, scripted]) assert.equal(answer.status, 400)
    assert.deepEqual([...visitor.jar.keys()], [])
  })

  it('is for those who speak plainly: a field that stands twice is refused, scopes aside', async () => {
    const body = 'client_id=cli&client_id=cli&name=a&scope=openid&expires_in=900'
    const answers = [
      await createVisitor(login).visit('/oauth/agent', { method: 'POST', body }),
      await createVisitor(login).visit('/oauth/agent?client_id=cli&client_id=cli'),
      await createVisitor(login).visit('/oauth/agent', { method: 'POST', body: '{}', headers: { 'content-type': 'application/json' } }),
    ]

    for (const answer of answers) assert.equal(answer.status, 400)
    assert.equal((await createVisitor(login).visit('/oauth/agent', { method: 'PUT' })).status, 405)
  })

  it('begins a sign-in of its own, whoever is signed in here: no session is read, made or ended', async () => {
    const visitor = createVisitor(gateway)
    await visitor.signIn(idp)
    const before = await visitor.session()
    const listed = async () => (await visitor.call('/auth/sessions')).body.sessions.length
    const count = await listed()
    const there = createVisitor(login)

    const begun = await sendAgentForm(there)
    const approval = await arrive(there, await idp.signIn(refreshOf(begun) ?? ''))
    await decide(there, approval, 'deny')

    assert.equal(new URL(refreshOf(begun) ?? '').searchParams.get('redirect_uri'), `${origin}/auth/callback/main`)
    assert.equal(approval.page.status, 200)
    assert.equal((await visitor.session()).session.session_id, before.session.session_id)
    assert.equal(await listed(), count)
  })

  it('lets the person choose the provider, where there are several', async t => {
    const main = providerConfig(idp)
    const own = await start(
      { cli: nativeClients.cli },
      { identityProviders: { main: { ...main, label: 'Staff' }, partner: { ...main, clientId: 'partner', label: 'Partners' } } },
    )
    t.after(() => own.close())

    const page = await createVisitor(at(own)).visit('/oauth/agent')
    const form = 'client_id=cli&name=a&scope=orders.read&expires_in=900'
    const begun = await createVisitor(at(own)).visit('/oauth/agent', { method: 'POST', body: `${form}&provider=partner` })
    const unknown = await createVisitor(at(own)).visit('/oauth/agent', { method: 'POST', body: `${form}&provider=nobody` })

    assert.match(page.text, /name="provider" value="main">Staff<\/button>\n.*name="provider" value="partner">Partners</)
    assert.equal(new URL(refreshOf(begun) ?? '').searchParams.get('client_id'), 'partner')
    assert.equal(unknown.status, 400)
  })

  it('offers no longer life than the operator lets programs have', async t => {
    for (const [absoluteTimeout, lives] of [['2h', ['900', '3600']] as const, ['5m', ['300']] as const]) {
      const own = await start({ cli: nativeClients.cli }, {}, { idleTimeout: '1m', absoluteTimeout })
      t.after(() => own.close())

      const page = await createVisitor(at(own)).visit('/oauth/agent')
      const longer = await sendAgentForm(createVisitor(at(own)), { scopes: ['orders.read'], expires_in: '14400' })

      assert.deepEqual(
        [...page.text.matchAll(/<option value="(\d+)"/g)].map(([, seconds]) => seconds),
        lives,
      )
      assert.match(longer.text, /id="life-fault"/)
    }
  })

  it('NAT-32 counts as every sign-in does', async t => {
    const limited = {
      session: {
        store: { kind: 'memory' },
        cookieKeys: [{ env: 'COOKIE_KEY' }],
        sealingKeys: [{ id: 'k1', env: 'SEALING_KEY' }],
        attempts: { perMinute: { address: 2, all: 100 } },
      },
    }
    const own = await start({ cli: nativeClients.cli }, limited)
    t.after(() => own.close())
    const visitor = createVisitor(at(own))
    const fields = { scopes: ['orders.read'] }

    const begun = [await sendAgentForm(visitor, fields), await visitor.visit(authorizePath(createRun()), { site: 'none' })]
    const over = await sendAgentForm(visitor, fields)

    assert.deepEqual(
      begun.map(({ status }) => status),
      [200, 302],
    )
    assert.deepEqual(codeOf(over), [429, 'too_many_requests'])
  })

  it('is 503 while the store is away, leaves no cookie, and works when it is back', async () => {
    const visitor = createVisitor(login)
    state.isAway = true
    const away = await sendAgentForm(visitor)
    state.isAway = false

    assert.deepEqual(codeOf(away), [503, 'store_unavailable'])
    assert.deepEqual([...visitor.jar.keys()], [])
    assert.notEqual(refreshOf(await sendAgentForm(visitor)), null)
  })
})
