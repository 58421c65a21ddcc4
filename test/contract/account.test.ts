import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { Response } from 'supertest'
import { createMemoryStore } from '../../src/store/memory.ts'
import { brokenStore } from '../support/broken-store.ts'
import { providerConfig, sessionConfig, startGateway, type TestGateway } from '../support/gateway.ts'
import { type IdentityProvider, startIdentityProvider } from '../support/identity-provider.ts'
import { idOf, refused, signIn } from '../support/sessions.ts'
import { createVisitor, refreshOf } from '../support/visitor.ts'

const safari =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1'

describe('GET /auth/account', () => {
  let idp: IdentityProvider
  let gateway: TestGateway
  before(async () => {
    idp = await startIdentityProvider()
    gateway = await startGateway({ idp })
  })
  after(() => Promise.all([idp.close(), gateway.close()]))

  it('SES-13 shows each session of the person, with a form that ends it', async t => {
    const scopes = ['openid', 'profile', 'email', 'orders.read', 'orders.write']
    const gateway = await startGateway({ idp, config: { identityProviders: { main: { ...providerConfig(idp), scopes } } } })
    t.after(gateway.close)
    const phone = await signIn(gateway, idp, { userAgent: safari })
    gateway.clock.advance(60_000)
    const visitor = await signIn(gateway, idp)
    await signIn(gateway, idp, { user: 'bob' })

    const page = await visitor.visit('/auth/account')

    assert.equal(page.status, 200)
    assert.match(page.text, /<strong>Alice Adams<\/strong>/)
    const [, newest = '', oldest = '', ...more] = page.text.split('<li>')
    assert.deepEqual(more, [])
    assert.match(newest, /Unknown device.*This browser/)
    assert.match(oldest, /Safari on iOS/)
    assert.doesNotMatch(oldest, /This browser/)
    for (const item of [newest, oldest]) {
      assert.match(item, /<dd>Browser<\/dd>/)
      assert.match(item, / UTC<\/time><\/span> from 127\.0\.0\.1</)
      assert.match(item, /<dd>orders\.read, orders\.write<\/dd>/)
    }
    assert.deepEqual(actions(page), ['/auth/logout', `/auth/sessions/${await idOf(phone)}/revoke`, '/auth/sessions/revoke-others'])
  })

  it('works without a script: its forms end another session, all others, and the own one', async () => {
    const [visitor, second, third] = [await signIn(gateway, idp), await signIn(gateway, idp), await signIn(gateway, idp)]
    const submit = async (pick: (actions: readonly string[]) => string | undefined) => {
      const page = await visitor.visit('/auth/account')
      const token = /name="form_token" value="([^"]+)"/.exec(page.text)?.[1]
      return visitor.visit(pick(actions(page)) ?? assert.fail('no such form'), { method: 'POST', body: `form_token=${token}` })
    }
    const secondId = await idOf(second)

    const one = await submit(found => found.find(action => action.includes(secondId)))
    const others = await submit(found => found.at(-1))
    const own = await submit(found => found.find(action => action === '/auth/logout'))

    for (const answer of [one, others]) assert.deepEqual([answer.status, answer.headers.location], [303, '/auth/account'])
    assert.equal(new URL(refreshOf(own) ?? '').origin, idp.issuer)
    for (const { session } of [visitor, second, third]) assert.equal((await session()).authenticated, false)
  })

  it('tells the sites apart where there are several', async t => {
    const origins = ['https://one.example.test', 'https://two.example.test']
    const own = await startGateway({ idp, host: 'one.example.test', config: { origins } })
    t.after(own.close)
    idp.register({ redirectUris: origins.map(origin => `${origin}/auth/callback/main`) })
    const [one, two] = [await signIn(own, idp), await signIn({ port: own.port, host: 'two.example.test' }, idp)]

    const pages = [await one.visit('/auth/account'), await two.visit('/auth/account', { headers: { host: 'two.example.test' } })]

    for (const page of pages)
      assert.deepEqual([...page.text.matchAll(/<dt>Site<\/dt><dd>([^<]+)/g)].map(([, site]) => site).sort(), [
        'one.example.test',
        'two.example.test',
      ])
  })

  it('UI-04 names the person only as the configuration lets it', async t => {
    for (const [claims, shown] of [
      [['email'], '<strong>alice@example.com</strong>'],
      [['groups'], '<p>If you do not know'],
    ] as const) {
      const own = await startGateway({ idp, config: { session: sessionConfig({ claims }) } })
      t.after(own.close)
      const { text } = await (await signIn(own, idp)).visit('/auth/account')

      assert.ok(text.includes(shown))
      assert.ok(!text.includes('Alice Adams'))
    }
  })

  it('RTK-01 holds no token and none of the credential', async () => {
    const visitor = await signIn(gateway, idp)

    const { text } = await visitor.visit('/auth/account')

    const [, , secret = ''] = decodeURIComponent(visitor.jar.get('__Host-Http-sallyport') ?? '').split('.')
    assert.equal(secret.length, 43)
    for (const hidden of [...idp.issued, secret]) assert.ok(!text.includes(hidden))
  })

  it('is no activity: it pushes no idle clock', async t => {
    const own = await startGateway({ idp })
    t.after(own.close)
    const visitor = await signIn(own, idp)
    const { idle_expires_at: before } = (await visitor.session()).session

    own.clock.advance(10 * 60_000)
    await visitor.visit('/auth/account')

    assert.equal((await visitor.session()).session.idle_expires_at, before)
  })

  it('is a 401 page with a way to sign in for whoever is signed out: it leads nowhere by itself', async t => {
    const own = await startGateway({ idp })
    t.after(own.close)
    const [idle, stranger] = [await signIn(own, idp), createVisitor(own)]
    own.clock.advance(31 * 60_000)

    const answers = [await stranger.visit('/auth/account'), await idle.visit('/auth/account')]
    const scripted = await stranger.call('/auth/account')

    for (const answer of answers) {
      assert.match(String(answer.headers['content-type']), /^text\/html/)
      assert.match(answer.text, /<a class="button" href="\/auth\/login">/)
      assert.equal(refreshOf(answer), null)
    }
    refused(answers[0] ?? assert.fail(), 401, 'not_signed_in')
    refused(answers[1] ?? assert.fail(), 401, 'session_idle')
    refused(scripted, 401, 'not_signed_in')
    assert.equal(scripted.body.login_url, '/auth/login')
  })

  it('CKE-05 knows the session of a visit from another site after one bounce, and of one from a sibling at once', async () => {
    const visitor = await signIn(gateway, idp)

    const bounced = await visitor.visit('/auth/account', { site: 'cross-site' })
    const page = await visitor.visit(refreshOf(bounced) ?? '')
    const fromSibling = await visitor.visit('/auth/account', { site: 'same-site' })
    const stranger = await createVisitor(gateway).visit('/auth/account?bounced=1', { site: 'cross-site' })

    assert.equal(refreshOf(bounced), '/auth/account?bounced=1')
    for (const { status, text } of [page, fromSibling]) assert.deepEqual([status, text.includes('This browser')], [200, true])
    refused(stranger, 401, 'not_signed_in')
  })

  it('CSRF-01 is refused to a script, a frame or an image of another site or a sibling', async () => {
    const visitor = await signIn(gateway, idp)
    const cookie = [...visitor.jar].map(pair => pair.join('=')).join('; ')
    const frame = { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'iframe' }
    const image = { 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image' }

    for (const site of ['cross-site', 'same-site'] as const)
      for (const headers of [{}, frame, image])
        refused(await visitor.call('/auth/account', { site, headers: { cookie, ...headers } }), 403, 'cross_site_refused')
  })

  it('is a 503 page while the store is away, and keeps the cookie', async t => {
    const state = { isAway: false }
    const own = await startGateway({ idp, store: brokenStore(createMemoryStore({ now: Date.now }), state) })
    t.after(own.close)
    const visitor = await signIn(own, idp)

    state.isAway = true
    const page = await visitor.visit('/auth/account')
    state.isAway = false

    refused(page, 503, 'store_unavailable')
    assert.match(page.text, /<a class="button" href="\/auth\/account">/)
    assert.equal((await visitor.visit('/auth/account')).status, 200)
  })
})

/** Where the forms of a page go, in their order. */
function actions(page: Response): string[] {
  return [...page.text.matchAll(/<form method="post" action="([^"]+)">/g)].map(([, action = '']) => action)
}
