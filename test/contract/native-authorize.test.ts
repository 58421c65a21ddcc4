import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import request from 'supertest'
import { makeSecrets, providerConfig, startGateway, type TestGateway } from '../support/gateway.ts'
import { type IdentityProvider, startIdentityProvider } from '../support/identity-provider.ts'
import { answerOf, authorizePath, call, createRun, decide, nativeClients, post, reachApproval, redeem } from '../support/native-client.ts'
import { createVisitor, refreshOf } from '../support/visitor.ts'

describe('GET /oauth/authorize', () => {
  let idp: IdentityProvider
  let gateway: TestGateway
  before(async () => {
    idp = await startIdentityProvider()
    const routes = [
      { path: '/api/orders', upstream: 'http://127.0.0.1:9', token: 'access', require: { scopes: ['openid'] } },
      { path: '/', upstream: 'http://127.0.0.1:9', access: 'anyone' },
    ]
    gateway = await startGateway({ idp, config: { native: { clients: nativeClients }, routes } })
  })
  after(() => Promise.all([idp.close(), gateway.close()]))

  const ask = (changes: Record<string, string | null>, options = {}) =>
    createVisitor(gateway).visit(authorizePath(createRun(changes)), { site: 'none', ...options })

  it('NAT-09 shows an error of its own, and redirects nowhere, while nobody knows where an answer may go', async () => {
    const wrong = [
      { client_id: null },
      { client_id: 'nobody' },
      { client_id: '__proto__' },
      { redirect_uri: null },
      { redirect_uri: 'http://127.0.0.1:51004@evil.test/cb' },
      { redirect_uri: 'https://evil.test/cb' },
      { client_id: 'other', redirect_uri: 'http://127.0.0.1:51004/callback' },
      { request_uri: 'urn:ietf:params:oauth:request_uri:x' },
    ]
    for (const changes of wrong) {
      const response = await ask(changes)

      assert.deepEqual([response.status, response.headers.location], [400, undefined], JSON.stringify(changes))
      assert.match(String(response.headers['content-type']), /text\/html/)
      assert.equal(refreshOf(response), null)
      assert.ok(!response.text.includes('evil.test'))
      assert.equal(response.headers['set-cookie'], undefined)
    }
  })

  it('NAT-06 refuses a request with two values for one parameter', async () => {
    const path = `${authorizePath(createRun())}&redirect_uri=${encodeURIComponent('http://127.0.0.1:1/other')}`

    const response = await createVisitor(gateway).visit(path, { site: 'none' })

    assert.deepEqual([response.status, response.headers.location], [400, undefined])
  })

  const told: Readonly<Record<string, readonly Record<string, string | null>[]>> = {
    'NAT-10 A-085 invalid_request without PKCE by S256': [
      { code_challenge: null },
      { code_challenge_method: null },
      { code_challenge_method: 'plain' },
      { code_challenge_method: 's256' },
      { code_challenge_method: 'S512' },
    ],
    'NAT-11 invalid_request for a challenge that is none': [
      'a'.repeat(42),
      'a'.repeat(44),
      `${'a'.repeat(42)}=`,
      `${'a'.repeat(42)}+`,
      '',
    ].map(code_challenge => ({ code_challenge })),
    'NHI-04 unsupported_response_type for any but code': [
      { response_type: null },
      { response_type: 'token' },
      { response_type: 'code id_token' },
    ],
    'invalid_request for another way to answer': [{ response_mode: 'fragment' }, { request: 'eyJhbGciOiJub25lIn0.e30.' }],
    'NAT-31 invalid_scope for what the client may not have': [{ scope: 'orders.read admin' }, { scope: 'openid' }, { scope: ' ' }],
    'invalid_target for a resource that is none of ours': [
      { resource: 'https://elsewhere.example/api' },
      { resource: 'https://app.example.test/nowhere' },
      { resource: 'https://app.example.test/api/orders/../x' },
      { resource: 'https://app.example.test/api/orders?x=1' },
      { resource: 'https://app.example.test.evil.test/api/orders' },
    ],
  }
  for (const [name, cases] of Object.entries(told)) {
    it(`${name}, told to the client with its state and our name`, async () => {
      for (const changes of cases) {
        const response = await ask(changes)

        assert.equal(response.status, 303, JSON.stringify(changes))
        const to = new URL(String(response.headers.location))
        assert.equal(to.origin + to.pathname, 'http://127.0.0.1:51004/callback')
        assert.equal(
          to.searchParams.get('error'),
          / (\w+)|^(\w+)/
            .exec(name.replace(/^([A-Z]+-\d+ )*/, ' '))
            ?.slice(1)
            .find(Boolean),
        )
        assert.equal(to.searchParams.get('iss'), gateway.origin)
        assert.ok((to.searchParams.get('state') ?? '').length > 0)
        assert.equal(response.headers['set-cookie'], undefined)
      }
    })
  }

  it('NAT-12 NAT-13 gives the state back to the byte, with its name, on success and on error; one that is too long is refused', async () => {
    const state = `&=+%#é"<'${'x'.repeat(2000)}`
    const visitor = createVisitor(gateway)

    const granted = answerOf(await decide(visitor, await reachApproval(visitor, idp, createRun({ state })), 'approve'))
    const failed = new URL(String((await ask({ state, scope: 'admin' })).headers.location))
    const none = new URL(String((await ask({ state: null, scope: 'admin' })).headers.location))
    const tooLong = await ask({ state: 'x'.repeat(2049) })

    assert.deepEqual(
      [granted, failed].map(url => url.searchParams.get('state')),
      [state, state],
    )
    assert.deepEqual(
      [granted, failed, none].map(url => url.searchParams.get('iss')),
      [gateway.origin, gateway.origin, gateway.origin],
    )
    assert.equal(none.searchParams.has('state'), false)
    assert.equal(tooLong.status, 400)
  })

  it('NAT-02 sends the answer to the address as it was written, brackets and all', async () => {
    const visitor = createVisitor(gateway)
    const run = createRun({ redirect_uri: 'http://[::1]:51004/cb' })

    const response = await decide(visitor, await reachApproval(visitor, idp, run), 'approve')

    assert.match(refreshOf(response) ?? '', /^http:\/\/\[::1\]:51004\/cb\?code=/)
  })

  it('takes a request by POST as well, and tells what the provider is to ask of the person', async () => {
    const { params } = createRun({ prompt: 'login', login_hint: 'alice', acr_values: 'urn:x', nonce: 'mine', claims: '{}' })

    const response = await createVisitor(gateway).visit('/oauth/authorize', {
      method: 'POST',
      site: 'cross-site',
      body: new URLSearchParams(params).toString(),
    })

    const url = new URL(String(response.headers.location))
    assert.equal(url.origin, idp.issuer)
    assert.deepEqual(
      ['prompt', 'login_hint', 'acr_values', 'claims'].map(name => url.searchParams.get(name)),
      ['login', 'alice', 'urn:x', null],
    )
    assert.notEqual(url.searchParams.get('nonce'), 'mine')
    assert.notEqual(url.searchParams.get('state'), params.state)
    assert.equal(url.searchParams.get('redirect_uri'), `${gateway.origin}/auth/callback/main`)
  })

  it('is for people: a script, a frame and a prefetch begin nothing', async () => {
    const visitor = createVisitor(gateway)
    const path = authorizePath(createRun())

    const answers = [
      await visitor.call(path),
      await visitor.visit(path, { headers: { 'sec-fetch-dest': 'iframe' } }),
      await visitor.visit(path, { headers: { 'sec-purpose': 'prefetch' } }),
    ]

    assert.deepEqual(
      answers.map(({ status, headers }) => [status, headers['sallyport-error'], headers['set-cookie']]),
      answers.map(() => [400, 'navigation_required', undefined]),
    )
  })

  it('NAT-30 NAT-33 sends no CORS permission, and never connects to the redirect URI', async () => {
    const sent = await ask({}, { headers: { origin: 'https://evil.example' } })
    const preflight = await request(`http://127.0.0.1:${gateway.port}`)
      .options('/oauth/token')
      .set({ host: gateway.host, origin: 'https://evil.example', 'access-control-request-method': 'POST' })

    for (const { headers } of [sent, preflight]) assert.equal(headers['access-control-allow-origin'], undefined)
    assert.equal(preflight.status, 405)
  })

  it('tells the client when the provider is away, and when the person says no there', async t => {
    const own = await startGateway({ config: { native: { clients: nativeClients } } })
    t.after(() => own.close())
    const away = await createVisitor(own).visit(authorizePath(createRun()), { site: 'none' })
    const visitor = createVisitor(gateway)

    const begun = await visitor.visit(authorizePath(createRun()), { site: 'none' })
    const callback = await idp.signIn(String(begun.headers.location), { deny: true })
    const denied = answerOf(await visitor.visit(callback.pathname + callback.search, { site: 'cross-site' }))

    assert.equal(new URL(String(away.headers.location)).searchParams.get('error'), 'temporarily_unavailable')
    assert.deepEqual([denied.searchParams.get('error'), denied.searchParams.get('iss')], ['access_denied', gateway.origin])
    assert.deepEqual([...visitor.jar.keys()], [])
  })

  it('asks which provider where there are several', async t => {
    const second = { ...providerConfig(idp, 'OTHER_SECRET'), issuer: 'http://127.0.0.1:10' }
    const config = { native: { clients: nativeClients }, identityProviders: { main: providerConfig(idp), second } }
    const own = await startGateway({ idp, config, secrets: { ...makeSecrets(), OTHER_SECRET: 'another-secret-of-no-use' } })
    t.after(() => own.close())
    const visitor = createVisitor(own)
    const pushed = (await post(own, '/oauth/par', createRun().params)).body

    for (const path of [authorizePath(createRun()), `/oauth/authorize?client_id=cli&request_uri=${pushed.request_uri}`]) {
      const page = await visitor.visit(path, { site: 'none' })
      const link = /href="([^"]*provider=main)"/.exec(page.text)?.[1]?.replaceAll('&amp;', '&') ?? ''

      assert.equal((await visitor.visit(link)).status, 302)
    }
  })
})

describe('POST /oauth/par', () => {
  let idp: IdentityProvider
  let gateway: TestGateway
  before(async () => {
    idp = await startIdentityProvider()
    gateway = await startGateway({ idp, config: { native: { clients: nativeClients } } })
  })
  after(() => Promise.all([idp.close(), gateway.close()]))

  it('takes the request ahead of the browser, which carries its name, once', async () => {
    const run = createRun()
    const pushed = await post(gateway, '/oauth/par', run.params)
    const named = createRun({ request_uri: pushed.body.request_uri })
    named.params = { client_id: 'cli', request_uri: pushed.body.request_uri }
    const visitor = createVisitor(gateway)

    const code = answerOf(await decide(visitor, await reachApproval(visitor, idp, named), 'approve')).searchParams.get('code') ?? ''
    const again = await createVisitor(gateway).visit(authorizePath(named), { site: 'none' })

    assert.equal(pushed.status, 201)
    assert.match(pushed.body.request_uri, /^urn:ietf:params:oauth:request_uri:[\w.-]+$/)
    assert.equal(pushed.body.expires_in, 300)
    assert.equal((await redeem(gateway, run, code)).status, 200)
    assert.deepEqual([again.status, again.headers.location], [400, undefined])
  })

  it('is another client’s for nobody, and too old after five minutes', async t => {
    const own = await startGateway({ idp, config: { native: { clients: nativeClients } } })
    t.after(() => own.close())
    const { request_uri } = (await post(own, '/oauth/par', createRun().params)).body
    const visit = (client_id: string) =>
      createVisitor(own).visit(`/oauth/authorize?${new URLSearchParams({ client_id, request_uri })}`, { site: 'none' })

    const foreign = await visit('other')
    own.clock.advance(300_000)
    const late = await visit('cli')

    assert.deepEqual([foreign.status, late.status], [400, 400])
  })

  it('judges it at once', async () => {
    const answers = [
      await post(gateway, '/oauth/par', createRun({ redirect_uri: 'https://evil.test/' }).params),
      await post(gateway, '/oauth/par', createRun({ scope: 'admin' }).params),
      await post(gateway, '/oauth/par', createRun({ client_id: 'nobody' }).params),
      await post(gateway, '/oauth/par', createRun({ request_uri: 'urn:x' }).params),
      await call(gateway, '/oauth/par', null),
    ]

    assert.deepEqual(
      answers.map(({ status, body }) => [status, body.error]),
      [
        [400, 'invalid_request'],
        [400, 'invalid_scope'],
        [401, 'invalid_client'],
        [400, 'invalid_request'],
        [405, 'invalid_request'],
      ],
    )
  })
})
