import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { createMemoryStore } from '../../src/store/memory.ts'
import { brokenStore } from '../support/broken-store.ts'
import { makeSecrets, providerConfig, sessionConfig, startGateway, type TestGateway } from '../support/gateway.ts'
import { type IdentityProvider, startIdentityProvider } from '../support/identity-provider.ts'
import { createVisitor, refreshOf, type Visitor } from '../support/visitor.ts'

const sessionName = '__Host-Http-sallyport'
const cleared = `${sessionName}=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Strict`
const json = { accept: 'application/json' }

describe('POST /auth/logout', () => {
  let idp: IdentityProvider
  let gateway: TestGateway
  before(async () => {
    idp = await startIdentityProvider()
    gateway = await startGateway({ idp })
  })
  after(() => Promise.all([idp.close(), gateway.close()]))

  it('RPL-02 SES-02 ends the session and clears the cookie, before the provider is reached', async () => {
    const visitor = await signedIn()
    const kept = new Map(visitor.jar)

    const response = await visitor.visit('/auth/logout', { method: 'POST' })

    assert.equal(response.status, 200)
    assert.deepEqual(response.headers['set-cookie'], [cleared])
    assert.equal((await createVisitor(gateway, kept).session()).authenticated, false)
    assert.equal((await createVisitor(gateway, kept).call('/api/orders')).status, 401)
    const [line, ...others] = gateway.audit.filter(({ event }) => event === 'logout')
    assert.deepEqual([line?.sub, line?.reason, others.length], ['a1', undefined, 0])
  })

  it('RPL-03 leads a form, by a page, to the end_session address with client, registered return and fresh state', async () => {
    const visitors = [await signedIn(), await signedIn()]

    const urls = []
    for (const visitor of visitors) {
      const page = await visitor.visit('/auth/logout?next=//evil.test', { method: 'POST', headers: { 'x-forwarded-host': 'evil.test' } })
      urls.push(new URL(refreshOf(page) ?? ''))
    }

    const [first, second] = urls as [URL, URL]
    assert.equal(first.origin, idp.issuer)
    assert.equal(first.searchParams.get('client_id'), 'sallyport')
    assert.equal(first.searchParams.get('post_logout_redirect_uri'), 'https://app.example.test/auth/logged-out')
    assert.notEqual(first.searchParams.get('state'), second.searchParams.get('state'))
  })

  it('RPL-05 names the person by a hint that is no token', async () => {
    const visitor = await signedIn()

    const page = await visitor.visit('/auth/logout', { method: 'POST' })

    const { searchParams } = new URL(refreshOf(page) ?? '')
    assert.equal(searchParams.get('logout_hint'), 'a1')
    assert.equal(searchParams.has('id_token_hint'), false)
    for (const token of idp.issued) assert.ok(!page.text.includes(token))
  })

  it('tells a program the address as JSON', async () => {
    const visitor = await signedIn()

    const response = await visitor.call('/auth/logout', { method: 'POST', headers: json })

    assert.equal(response.status, 200)
    assert.equal(new URL(response.body.logout_url).origin, idp.issuer)
    assert.deepEqual(Object.keys(response.body), ['logout_url'])
    assert.deepEqual(response.headers['set-cookie'], [cleared])
  })

  it('RPL-06 has the browser drop what the application kept, but not the cookies of siblings', async () => {
    const response = await (await signedIn()).visit('/auth/logout', { method: 'POST' })

    assert.equal(response.headers['clear-site-data'], '"cache", "storage"')
    assert.equal(response.headers['cache-control'], 'no-store')
  })

  it('RPL-07 answers alike without a session, and a second time', async () => {
    const visitor = await signedIn()
    const kept = new Map(visitor.jar)
    await visitor.call('/auth/logout', { method: 'POST', headers: json })
    const logouts = gateway.events().filter(event => event === 'logout').length

    const again = await createVisitor(gateway, kept).call('/auth/logout', { method: 'POST', headers: json })
    const stranger = await createVisitor(gateway).call('/auth/logout', { method: 'POST', headers: json })
    const form = await createVisitor(gateway).visit('/auth/logout', { method: 'POST' })

    for (const response of [again, stranger, form]) {
      assert.equal(response.status, 200)
      assert.deepEqual(response.headers['set-cookie'], [cleared])
    }
    for (const url of [again.body.logout_url, stranger.body.logout_url, refreshOf(form)])
      assert.match(url, /^\/auth\/logged-out\?state=[\w.-]+$/)
    assert.equal(gateway.events().filter(event => event === 'logout').length, logouts)
  })

  it('RPL-01 CSRF-09 ends nothing by GET or HEAD, nor for a prefetch or an image', async () => {
    const visitor = await signedIn()
    const image = { 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image' }

    const responses = [
      await visitor.visit('/auth/logout'),
      await visitor.visit('/auth/logout', { method: 'HEAD' }),
      await visitor.visit('/auth/logout', { headers: { 'sec-purpose': 'prefetch' } }),
      await visitor.call('/auth/logout', { headers: image }),
      await visitor.call('/auth/logout', { site: 'cross-site', headers: image }),
    ]

    for (const { headers } of responses) assert.equal(headers['set-cookie'], undefined)
    assert.equal((await visitor.session()).authenticated, true)
  })

  it('RPL-01 A-047 refuses what another site, or a sibling, posts', async () => {
    const visitor = await signedIn()

    for (const site of ['cross-site', 'same-site'] as const) {
      const cookie = [...visitor.jar].map(pair => pair.join('=')).join('; ')
      const posted = [
        await visitor.visit('/auth/logout', { method: 'POST', site, headers: { cookie }, body: 'form_token=x' }),
        await visitor.call('/auth/logout', { method: 'POST', site, headers: { cookie } }),
      ]

      for (const response of posted) {
        assert.equal(response.status, 403)
        assert.equal(response.headers['sallyport-error'], 'cross_site_refused')
        assert.equal(response.headers['clear-site-data'], undefined)
        assert.equal(response.headers['set-cookie'], undefined)
      }
    }
    assert.equal((await visitor.session()).authenticated, true)
  })

  it('CSRF-04 CSRF-10 takes Origin: null only with the token of our own form, made for this very session', async () => {
    const [visitor, other] = [await signedIn(), await signedIn()]
    const old = { origin: 'null', 'sec-fetch-site': null, 'sec-fetch-mode': null, 'sec-fetch-dest': null, 'sec-fetch-user': null }
    const [own, foreign] = [await formToken(visitor), await formToken(other)]
    const post = (body: string | undefined) =>
      visitor.visit('/auth/logout', { method: 'POST', headers: old, ...(body === undefined ? {} : { body }) })

    const refused = [
      undefined,
      'form_token=',
      'form_token=x',
      `form_token=${foreign}`,
      `form_token=${own}&form_token=${own}`,
      `token=${own}`,
    ]
    for (const body of refused) assert.equal((await post(body)).status, 403, body)

    assert.equal((await visitor.session()).authenticated, true)
    assert.equal((await post(`form_token=${own}`)).status, 200)
    assert.equal((await visitor.session()).authenticated, false)
  })

  it('CSRF-07 reads a form, JSON or nothing', async () => {
    const send = async (type: string, body: string) => {
      const visitor = await signedIn()
      const response = await visitor.call('/auth/logout', { method: 'POST', headers: { 'content-type': type }, body })
      return { response, isSignedIn: (await visitor.session()).authenticated }
    }

    for (const [type, body] of [
      ['text/plain', 'x'],
      ['multipart/form-data; boundary=x', '--x--'],
      ['application/jsonx', '{}'],
      ['application/json', '{'],
      ['application/json; charset=latin1', '{}'],
    ] as const) {
      const { response, isSignedIn } = await send(type, body)

      assert.equal(response.status, 400, type)
      assert.equal(response.body.code, 'bad_request')
      assert.equal(isSignedIn, true)
    }
    assert.equal((await send('application/json', '{"__proto__":{"x":1}}')).response.status, 200)
    assert.equal((await send('application/x-www-form-urlencoded', 'everywhere=false&_method=DELETE')).response.status, 200)
  })

  it('refuses a body of more than a few lines', async () => {
    const visitor = await signedIn()

    const response = await visitor.call('/auth/logout', { method: 'POST', body: `x=${'a'.repeat(5000)}` })

    assert.equal(response.status, 413)
    assert.equal(response.body.code, 'body_too_large')
    assert.equal((await visitor.session()).authenticated, true)
  })

  it('RPL-02 signs out here when the provider is away, and nothing is known of it', async t => {
    const away = await startIdentityProvider()
    const shared = { idp: away, store: createMemoryStore({ now: Date.now }), secrets: makeSecrets() }
    const [before, restarted] = [await startGateway(shared), await startGateway(shared)]
    t.after(() => Promise.all([before.close(), restarted.close(), away.close()]))
    const visitor = createVisitor(before)
    await visitor.signIn(away)
    await away.stop()

    const response = await createVisitor(restarted, new Map(visitor.jar)).visit('/auth/logout', { method: 'POST' })

    assert.equal(response.status, 200)
    assert.deepEqual(response.headers['set-cookie'], [cleared])
    assert.match(refreshOf(response) ?? '', /^\/auth\/logged-out\?state=/)
    assert.equal((await visitor.session()).authenticated, false)
  })

  it('keeps session and cookie when the store is away: nobody is told that they are signed out when they are not', async t => {
    const state = { isAway: false }
    const own = await startGateway({ idp, store: brokenStore(createMemoryStore({ now: Date.now }), state) })
    t.after(own.close)
    const visitor = createVisitor(own)
    await visitor.signIn(idp)

    state.isAway = true
    const response = await visitor.call('/auth/logout', { method: 'POST', headers: json })
    state.isAway = false

    assert.equal(response.status, 503)
    assert.equal(response.body.code, 'store_unavailable')
    assert.equal(response.headers['set-cookie'], undefined)
    assert.equal(response.headers['clear-site-data'], undefined)
    assert.equal((await visitor.session()).authenticated, true)
  })

  async function signedIn(): Promise<Visitor> {
    const visitor = createVisitor(gateway)
    await visitor.signIn(idp)
    return visitor
  }
})

describe('GET /auth/logout', () => {
  let idp: IdentityProvider
  let gateway: TestGateway
  before(async () => {
    idp = await startIdentityProvider()
    gateway = await startGateway({ idp })
  })
  after(() => Promise.all([idp.close(), gateway.close()]))

  it('RPL-01 asks, with a form that signs out', async () => {
    const visitor = createVisitor(gateway)
    await visitor.signIn(idp)

    const page = await visitor.visit('/auth/logout')
    const token = await formToken(visitor)
    const response = await visitor.visit('/auth/logout', { method: 'POST', body: `form_token=${token}` })

    assert.equal(page.status, 200)
    assert.match(page.text, /<form class="actions" method="post" action="\/auth\/logout">/)
    assert.equal(response.status, 200)
    assert.equal((await visitor.session()).authenticated, false)
  })

  it('says so to whoever is signed out already', async () => {
    const page = await createVisitor(gateway).visit('/auth/logout')

    assert.equal(page.status, 200)
    assert.doesNotMatch(page.text, /<form/)
  })

  it('CKE-05 knows the session of a visit from another site after one bounce', async () => {
    const visitor = createVisitor(gateway)
    await visitor.signIn(idp)

    const bounced = await visitor.visit('/auth/logout', { site: 'cross-site' })
    const page = await visitor.visit(refreshOf(bounced) ?? '')

    assert.equal(refreshOf(bounced), '/auth/logout?bounced=1')
    assert.match(page.text, /<form/)
  })
})

describe('GET /auth/logged-out', () => {
  let idp: IdentityProvider
  before(async () => {
    idp = await startIdentityProvider()
  })
  after(() => idp.close())

  it('RPL-04 leads on to the landing with the state that we gave, once it is back from the provider', async t => {
    const gateway = await startGateway({ idp, config: { logout: { landing: '/goodbye?x=1' } } })
    t.after(gateway.close)
    const visitor = createVisitor(gateway)
    const idpJar = new Map<string, string>()
    await visitor.signIn(idp, { jar: idpJar })
    const page = await visitor.visit('/auth/logout', { method: 'POST' })

    const back = await idp.signOut(refreshOf(page) ?? '', idpJar)
    const response = await visitor.visit(`${back?.pathname}${back?.search}`, { site: 'cross-site' })

    assert.equal(back?.origin, gateway.origin)
    assert.deepEqual([response.status, response.headers.location], [303, '/goodbye?x=1'])
  })

  it('RPL-04 A-038 shows a page that leads nowhere with a wrong, missing or stale state, and never leaves for an address in the query', async t => {
    const gateway = await startGateway({ idp, config: { logout: { landing: '/goodbye' } } })
    t.after(gateway.close)
    const visitor = createVisitor(gateway)
    const { logout_url: url } = (await visitor.call('/auth/logout', { method: 'POST', headers: json })).body
    const state = new URL(url, gateway.origin).searchParams.get('state') ?? ''
    const [random = '', time = '', proof = ''] = state.split('.')
    const wrong = [
      '',
      '?state=',
      '?state=x',
      `?state=${random}.${Number(time) + 1}.${proof}`,
      `?state=${state}x`,
      '?next=//evil.test',
      `?state=..`,
    ]

    const good = await visitor.visit(`${url}&next=//evil.test&post_logout_redirect_uri=https://evil.test`)
    const pages = []
    for (const query of wrong) pages.push(await visitor.visit(`/auth/logged-out${query}`))
    gateway.clock.advance(10 * 60_000)
    pages.push(await visitor.visit(url))

    assert.equal(good.headers.location, '/goodbye')
    for (const page of pages) {
      assert.equal(page.status, 200)
      assert.equal(page.headers.location, undefined)
      assert.equal(refreshOf(page), null)
      assert.equal(page.headers['clear-site-data'], undefined)
      assert.ok(!page.text.includes('evil.test'))
    }
  })

  it('shows a page where no landing is configured', async t => {
    const gateway = await startGateway({ idp })
    t.after(gateway.close)
    const visitor = createVisitor(gateway)
    const { logout_url: url } = (await visitor.call('/auth/logout', { method: 'POST', headers: json })).body

    const page = await visitor.visit(url)

    assert.equal(page.status, 200)
    assert.match(page.text, /href="\/auth\/login"/)
  })

  it('knows a state that was made before the cookie key changed places', async t => {
    const secrets = { ...makeSecrets(), NEW_KEY: makeSecrets().COOKIE_KEY ?? '' }
    const start = async (...names: readonly string[]) => {
      const session = sessionConfig({ cookieKeys: names.map(env => ({ env })) })
      const gateway = await startGateway({
        secrets,
        config: { session, logout: { landing: '/goodbye' }, identityProviders: { main: providerConfig(undefined) } },
      })
      t.after(gateway.close)
      return createVisitor(gateway)
    }
    const [before, after, without] = [await start('COOKIE_KEY'), await start('NEW_KEY', 'COOKIE_KEY'), await start('NEW_KEY')]
    const { logout_url: url } = (await before.call('/auth/logout', { method: 'POST', headers: json })).body

    assert.equal((await after.visit(url)).headers.location, '/goodbye')
    assert.equal((await without.visit(url)).status, 200)
  })
})

async function formToken(visitor: Visitor): Promise<string> {
  const page = await visitor.visit('/auth/logout')
  return /name="form_token" value="([\w-]+)"/.exec(page.text)?.[1] ?? assert.fail('no form')
}
