import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import request from 'supertest'
import { createMemoryStore } from '../../src/store/memory.ts'
import { brokenStore } from '../support/broken-store.ts'
import { providerConfig, startGateway, type TestGateway } from '../support/gateway.ts'
import { type IdentityProvider, startIdentityProvider } from '../support/identity-provider.ts'
import { createVisitor, refreshOf } from '../support/visitor.ts'

const attemptCookie =
  /^__Host-Http-sallyport\.attempt\.([\w-]{8})=([\w-]{22})\.([\w-]{43}); Path=\/; Max-Age=600; HttpOnly; Secure; SameSite=Lax$/

describe('GET /auth/login', () => {
  let idp: IdentityProvider
  let gateway: TestGateway
  before(async () => {
    idp = await startIdentityProvider()
    gateway = await startGateway({ idp })
  })
  after(() => Promise.all([idp.close(), gateway.close()]))

  it('FLOW-14 PKCE-01 sends the browser to the provider by 302, with state, nonce and a challenge of S256', async () => {
    const response = await createVisitor(gateway).visit('/auth/login')

    const url = new URL(String(response.headers.location))
    assert.equal(response.status, 302)
    assert.equal(url.origin, idp.issuer)
    assert.equal(url.searchParams.get('response_type'), 'code')
    assert.equal(url.searchParams.get('code_challenge_method'), 'S256')
    assert.match(url.searchParams.get('code_challenge') ?? '', /^[\w-]{43}$/)
    assert.match(url.searchParams.get('nonce') ?? '', /^[\w-]{43}$/)
    assert.match(url.searchParams.get('state') ?? '', /^[\w-]{22}\.[\w-]{43}$/)
  })

  it('CKE-01 CKE-02 CKE-04 CKE-06 binds the attempt to the browser by a cookie of its own, opaque and for ten minutes', async () => {
    const visitor = createVisitor(gateway)

    const response = await visitor.visit('/auth/login')

    const [line = '', ...others] = visitor.setCookies
    const [, short = '', id = '', secret = ''] = attemptCookie.exec(line) ?? []
    const state = new URL(String(response.headers.location)).searchParams.get('state')
    assert.match(line, attemptCookie)
    assert.deepEqual(others, [])
    assert.ok(id.startsWith(short) && state?.startsWith(`${id}.`))
    // What binds the browser must not be in the address that others get to see.
    assert.ok(!String(response.headers.location).includes(secret))
  })

  it('PKCE-03 FLOW-06 makes state, nonce and challenge anew each time', async () => {
    const visitor = createVisitor(gateway)
    const seen = new Set<string>()

    for (let round = 0; round < 100; round += 1) {
      const { searchParams } = new URL(String((await visitor.visit('/auth/login')).headers.location))
      for (const name of ['state', 'nonce', 'code_challenge']) seen.add(searchParams.get(name) ?? '')
    }

    assert.equal(seen.size, 300)
  })

  it('FLOW-05 asks for the scopes of the configuration, each once, and no others', async () => {
    const { headers } = await createVisitor(gateway).visit('/auth/login?scope=admin')

    const scope = new URL(String(headers.location)).searchParams.getAll('scope')
    assert.deepEqual(scope, ['openid profile email offline_access'])
  })

  it('FLOW-03 takes redirect_uri from the configuration, whatever Host and X-Forwarded-Host say', async () => {
    const visitor = createVisitor(gateway)

    const forwarded = await visitor.visit('/auth/login', { headers: { 'x-forwarded-host': 'evil.test', 'x-forwarded-proto': 'http' } })
    const foreign = await visitor.visit('/auth/login', { headers: { host: 'evil.test' } })

    const url = new URL(String(forwarded.headers.location))
    assert.equal(url.searchParams.get('redirect_uri'), 'https://app.example.test/auth/callback/main')
    assert.equal(foreign.status, 421)
  })

  it('FLOW-04 A-025 passes on what is on the list, each as one value, and nothing else', async () => {
    const asked = new URLSearchParams({
      scope: 'admin',
      redirect_uri: 'https://evil.test',
      request_uri: 'urn:x',
      request: 'x',
      client_id: 'x',
    })
    for (const name of [
      'response_type',
      'response_mode',
      'state',
      'nonce',
      'claims',
      'resource',
      'audience',
      'code_challenge',
      '__proto__',
    ]) {
      asked.set(name, 'evil')
    }
    asked.set('login_hint', 'alice@example.com&scope=admin#x')
    asked.set('ui_locales', 'de-CH en')
    asked.set('prompt', 'login consent')

    const { searchParams } = new URL(String((await createVisitor(gateway).visit(`/auth/login?${asked}`)).headers.location))

    const names = ['client_id', 'code_challenge', 'code_challenge_method', 'login_hint', 'nonce', 'prompt', 'redirect_uri', 'response_type']
    assert.deepEqual([...searchParams.keys()].sort(), [...names, 'scope', 'state', 'ui_locales'])
    assert.equal(searchParams.get('login_hint'), 'alice@example.com&scope=admin#x')
    assert.equal(searchParams.get('scope'), 'openid profile email offline_access')
    assert.notEqual(searchParams.get('state'), 'evil')
  })

  it('passes on what loginParams lists', async t => {
    const main = { ...providerConfig(idp), loginParams: ['domain_hint'] }
    const other = await startGateway({ idp, config: { identityProviders: { main } } })
    t.after(other.close)

    const response = await createVisitor(other).visit('/auth/login?domain_hint=example.com&other=1')

    const { searchParams } = new URL(String(response.headers.location))
    assert.equal(searchParams.get('domain_hint'), 'example.com')
    assert.equal(searchParams.has('other'), false)
  })

  for (const [query, why] of [
    ['prompt=evil', 'an unknown prompt'],
    ['prompt=none%20login', 'none beside another'],
    ['max_age=-1', 'a negative age'],
    ['max_age=1e9', 'an age that is no plain number'],
    ['max_age=999999999', 'an age of decades'],
    ['acr_values=a%0d%0ab', 'line breaks'],
    [`acr_values=${'a'.repeat(513)}`, 'an endless list'],
    ['login_hint=a%00b', 'NUL'],
    [`login_hint=${'a'.repeat(513)}`, 'an endless hint'],
    ['ui_locales=%3Cb%3E', 'a locale that is none'],
    ['provider=nobody', 'an unknown provider'],
    ['provider=__proto__', 'a provider with a name of JavaScript'],
    ['iss=https%3A%2F%2Fevil.test', 'an unknown issuer'],
    ['provider=main&iss=https%3A%2F%2Fevil.test', 'a provider and the issuer of another'],
    ['return_to=/a&return_to=/b', 'FLOW-10 a repeated parameter'],
    ['provider=main&provider=main', 'FLOW-10 a parameter repeated alike'],
  ] as const) {
    it(`refuses ${why}, without a cookie`, async () => {
      const visitor = createVisitor(gateway)

      const response = await visitor.visit(`/auth/login?${query}`)

      assert.equal(response.status, 400)
      assert.equal(response.headers['sallyport-error'], 'bad_request')
      assert.deepEqual(visitor.setCookies, [])
    })
  }

  for (const [what, headers] of [
    ['fetch', { 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty' }],
    ['an image', { 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image', 'sec-fetch-site': 'cross-site' }],
    ['a frame', { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'iframe' }],
    ['a prefetch', { 'sec-purpose': 'prefetch' }],
    ['a prerender', { 'sec-purpose': 'prefetch;prerender' }],
    ['an old prefetch', { purpose: 'prefetch' }],
  ] as const) {
    it(`FLOW-16 starts nothing for ${what}`, async () => {
      const visitor = createVisitor(gateway)

      const response = await visitor.visit('/auth/login', { headers })

      assert.equal(response.status, 400)
      assert.equal(response.headers['sallyport-error'], 'navigation_required')
      assert.deepEqual(visitor.setCookies, [])
    })
  }

  it('FLOW-16 starts for a plain GET without Fetch Metadata', async () => {
    const response = await request(gateway.app).get('/auth/login').set('host', gateway.host)

    assert.equal(response.status, 302)
  })

  it('FLOW-18 keeps at most five open attempts in a browser and drops the oldest', async () => {
    const visitor = createVisitor(gateway)
    const seen: string[] = []

    for (let round = 0; round < 20; round += 1) {
      await visitor.visit('/auth/login')
      seen.push([...visitor.jar.keys()].at(-1) ?? '')
    }

    assert.deepEqual([...visitor.jar.keys()], seen.slice(-5))
    assert.ok([...visitor.jar].join('; ').length < 1024)
  })

  it('A-043 CKE-07 clears what somebody planted, a bounded number at a time, and starts all the same', async () => {
    const names = Array.from({ length: 200 }, (_, index) => `__Host-Http-sallyport.attempt.${String(index).padStart(8, 'x')}`)
    const cookie = [...names, '__Host-Http-sallyport.attempt.<b>'].map(name => `${name}=junk`).join('; ')
    const visitor = createVisitor(gateway)

    const response = await visitor.visit('/auth/login', { headers: { cookie } })

    assert.equal(response.status, 302)
    assert.deepEqual(
      visitor.setCookies.slice(0, -1).map(line => line.split('=')[0]),
      names.slice(0, 20),
    )
    assert.match(visitor.setCookies.at(-1) ?? '', attemptCookie)
  })

  it('FLOW-18 lets the tabs that are open finish in any order', async () => {
    const visitor = createVisitor(gateway)
    const tabs = [await visitor.begin(idp, { returnTo: '/reports' }), await visitor.begin(idp, { returnTo: '/other' })]

    const second = await visitor.finish(tabs[1] as URL)
    const first = await visitor.finish(tabs[0] as URL)

    assert.deepEqual([second.headers.location, first.headers.location], ['/other', '/reports'])
    assert.equal((await visitor.session()).authenticated, true)
  })

  it('leads back at once when there is a session, unless the person is to be asked again', async () => {
    const visitor = createVisitor(gateway)
    await visitor.signIn(idp)

    const back = await visitor.visit('/auth/login?return_to=/reports%3Fa=1%23b')
    const again = await Promise.all(['prompt=login', 'max_age=0', 'acr_values=x'].map(query => visitor.visit(`/auth/login?${query}`)))

    assert.equal(back.status, 303)
    assert.equal(back.headers.location, '/reports?a=1#b')
    assert.deepEqual(
      again.map(response => response.status),
      [302, 302, 302],
    )
  })

  it('CKE-05 bounces a visit from another site once, to learn whether there is a session', async () => {
    const [signedIn, stranger] = [createVisitor(gateway), createVisitor(gateway)]
    await signedIn.signIn(idp)

    const bounced = await signedIn.visit('/auth/login?return_to=/reports', { site: 'cross-site' })
    const found = await signedIn.visit(refreshOf(bounced) ?? '')
    const strangersBounce = await stranger.visit('/auth/login', { site: 'cross-site' })
    const begun = await stranger.visit(refreshOf(strangersBounce) ?? '', { site: 'cross-site' })

    assert.equal(bounced.status, 200)
    assert.equal(refreshOf(bounced), '/auth/login?return_to=/reports&bounced=1')
    assert.deepEqual([found.status, found.headers.location], [303, '/reports'])
    assert.equal(refreshOf(strangersBounce), '/auth/login?bounced=1')
    // From another site even so, as after a redirect there and back: never a second time.
    assert.equal(begun.status, 302)
    assert.deepEqual(stranger.setCookies.length, 1)
  })

  for (const [what, break_] of [
    ['is gone', (broken: IdentityProvider) => broken.stop()],
    ['answers 500', (broken: IdentityProvider) => broken.troubles.set('discovery', 'error')],
    ['answers a page', (broken: IdentityProvider) => broken.troubles.set('discovery', 'html')],
  ] as const) {
    it(`says so when the provider ${what}, and leaves no cookie behind`, async t => {
      const broken = await startIdentityProvider()
      t.after(broken.close)
      const other = await startGateway({ idp: broken })
      t.after(other.close)
      await break_(broken)
      const visitor = createVisitor(other)

      const response = await visitor.visit('/auth/login')

      assert.equal(response.status, 503)
      assert.equal(response.headers['sallyport-error'], 'idp_unavailable')
      assert.equal(response.headers['retry-after'], '5')
      assert.match(String(response.headers['content-type']), /^text\/html/)
      assert.deepEqual(visitor.setCookies, [])
    })
  }

  it('says so when the store is away, and leaves no cookie behind', async t => {
    const other = await startGateway({ idp, store: brokenStore(createMemoryStore({ now: Date.now })) })
    t.after(other.close)
    const visitor = createVisitor(other)

    const response = await visitor.visit('/auth/login')

    assert.equal(response.status, 503)
    assert.equal(response.headers['sallyport-error'], 'store_unavailable')
    assert.deepEqual(visitor.setCookies, [])
  })
})
