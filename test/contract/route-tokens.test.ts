import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, it } from 'node:test'
import { decodeJwt } from 'jose'
import { createMemoryStore } from '../../src/store/memory.ts'
import type { Store } from '../../src/store/store.ts'
import { eventually } from '../support/eventually.ts'
import { makeSecrets, providerConfig, startGateway, type TestGateway, type TestGatewayOptions } from '../support/gateway.ts'
import { type IdentityProvider, startIdentityProvider } from '../support/identity-provider.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'
import { createVisitor, type Visitor } from '../support/visitor.ts'

const exchangeGrant = 'urn:ietf:params:oauth:grant-type:token-exchange'
const apis = { orders: 'https://orders.example', invoices: 'https://invoices.example', stock: 'https://stock.example' }

let idp: IdentityProvider
let upstream: Upstream
let gateway: TestGateway
let alice: Visitor
let store: Store
let asked: number

function start(options: TestGatewayOptions = {}): Promise<TestGateway> {
  const to = upstream.origin
  const scopes = ['openid', 'profile', 'email', 'offline_access', 'orders.read']
  const routes = [
    { path: '/own', upstream: to, token: 'access' },
    { path: '/id', upstream: to, token: 'id_token' },
    { path: '/orders', upstream: to, token: { audience: apis.orders, scopes: ['orders.read'] } },
    { path: '/invoices', upstream: to, token: { exchange: { audience: apis.invoices, scopes: ['invoices.read'] } } },
    { path: '/invoices/all', upstream: to, token: { exchange: { audience: apis.invoices } } },
    { path: '/invoices/admin', upstream: to, token: { exchange: { audience: apis.invoices } }, require: { scopes: ['invoices.admin'] } },
    { path: '/wrong', upstream: to, token: { exchange: { audience: 'https://nobody.example' } } },
    { path: '/stock', upstream: to, token: { client: { provider: 'main', audience: apis.stock, scopes: ['stock.read'] } } },
    { path: '/stock/other', upstream: to, token: { client: { provider: 'main', audience: 'https://nobody.example' } } },
    { path: '/hooks', upstream: to, access: 'anyone', token: 'passthrough' },
    { path: '/', upstream: to, access: 'anyone' },
  ]
  const config = { identityProviders: { main: { ...providerConfig(idp), scopes } }, routes, ...options.config }
  return startGateway({ idp, ...options, config })
}

before(async () => {
  idp = await startIdentityProvider({ accessTokens: 'opaque', audiences: Object.values(apis) })
  upstream = await startUpstream()
})

after(async () => {
  await upstream.close()
  await idp.close()
})

beforeEach(async t => {
  idp.troubles.clear()
  idp.setAccessTokenSeconds(300)
  store = createMemoryStore({ now: () => gateway.clock.now() })
  gateway = await start({ store })
  alice = createVisitor(gateway)
  await alice.signIn(idp)
  upstream.requests.length = 0
  asked = idp.tokenRequests.length
  if ('after' in t) t.after(() => gateway.close())
})

const grants = () => idp.tokenRequests.slice(asked).map(({ params }) => params.grant_type)
const bearers = () => upstream.requests.map(request => String(request.headers.authorization ?? '').replace('Bearer ', ''))
const lastBearer = () => bearers().at(-1) ?? ''
const claimsOf = (token: string) => decodeJwt(token)

describe('a route with token: { exchange }', () => {
  it('TEX-01 gets a token that was given for the session’s own, for its audience and scopes', async () => {
    await alice.call('/own')
    const own = lastBearer()
    assert.equal((await alice.call('/invoices')).status, 200)

    const { sub, aud, scope } = claimsOf(lastBearer())
    assert.deepEqual([sub, aud, scope], ['a1', apis.invoices, 'invoices.read'])
    assert.deepEqual(grants(), [exchangeGrant])
    assert.equal(idp.tokenRequests.at(-1)?.params.subject_token, own)
  })

  it('TEX-01 lets no client choose whom or what for', async () => {
    const headers = {
      audience: apis.stock,
      scope: 'stock.write',
      'x-actor-token': 'x',
      'content-type': 'application/x-www-form-urlencoded',
    }
    const query = `audience=${apis.stock}&scope=stock.write&actor_token=x&subject_token=y&resource=${apis.stock}`

    await alice.call(`/invoices?${query}`, { method: 'POST', headers, body: query })

    const { params } = idp.tokenRequests.at(-1) ?? assert.fail()
    assert.deepEqual(
      [params.audience, params.scope, params.resource, params.actor_token],
      [apis.invoices, 'invoices.read', undefined, undefined],
    )
    assert.equal(claimsOf(lastBearer()).aud, apis.invoices)
  })

  it('TEX-04 RES-02 keeps it, apart from those of other scopes and of other people', async () => {
    const bob = createVisitor(gateway)
    await bob.signIn(idp, { user: 'bob' })
    asked = idp.tokenRequests.length
    for (const visitor of [alice, bob, alice, bob]) {
      await visitor.call('/invoices')
      await visitor.call('/invoices/all')
    }

    assert.deepEqual(
      grants(),
      Array.from({ length: 4 }, () => exchangeGrant),
    )
    const seen = bearers().map(token => `${claimsOf(token).sub} ${claimsOf(token).scope}`)
    assert.deepEqual(new Set(seen).size, 4)
    assert.deepEqual(seen.slice(0, 4), seen.slice(4))
    assert.equal(new Set(bearers()).size, 4)
  })

  it('TEX-04 is kept where only the holder can open it, and gone with the session', async () => {
    await alice.call('/invoices')
    const { session_id: id } = (await alice.session()).session
    const { vault } = await store.readFamily(id, '0')
    assert.ok(vault !== null && !vault.includes(lastBearer()) && !Buffer.from(vault, 'base64url').includes(lastBearer()))

    await alice.call('/auth/logout', { method: 'POST', headers: { accept: 'application/json' } })

    assert.equal((await store.readFamily(id, '0')).vault, null)
    assert.equal((await alice.call('/invoices')).status, 401)
  })

  it('RTK-02 is fetched once for fifty calls, and again ahead of its end, with an own token that works', async () => {
    await Promise.all(Array.from({ length: 50 }, () => alice.call('/invoices')))
    const [first] = bearers()
    assert.deepEqual(grants(), [exchangeGrant])
    gateway.clock.advance(295_000)

    await Promise.all(Array.from({ length: 50 }, () => alice.call('/invoices')))

    // The own token runs out at the same time, and comes first.
    assert.deepEqual(grants(), [exchangeGrant, 'refresh_token', exchangeGrant])
    assert.notEqual(lastBearer(), first)
    assert.equal(new Set(bearers()).size, 2)
  })

  it('TEX-03 RES-02 is closed when the provider refuses: the upstream sees nothing, the session and other tokens go on', async () => {
    const refused = await alice.call('/wrong')
    const again = await alice.call('/wrong')

    for (const answer of [refused, again]) {
      assert.deepEqual(
        [answer.status, answer.headers['sallyport-error'], answer.body.code],
        [403, 'insufficient_scope', 'insufficient_scope'],
      )
    }
    assert.deepEqual(upstream.requests, [])
    assert.deepEqual(grants(), [exchangeGrant], 'what is refused is not asked for with every request')
    assert.equal(gateway.audit.findLast(line => line.event === 'refusal')?.reason, 'invalid_target')
    for (const path of ['/own', '/orders', '/invoices', '/stock']) assert.equal((await alice.call(path)).status, 200, path)
    assert.equal((await alice.session()).authenticated, true)
  })

  it('TEX-03 is 503 while the provider is away, with nothing sent upstream, and works again afterwards', async () => {
    idp.troubles.set('token', 'error')

    const answer = await alice.call('/invoices')

    assert.deepEqual([answer.status, answer.headers['sallyport-error']], [503, 'idp_unavailable'])
    assert.deepEqual(upstream.requests, [])
    idp.troubles.clear()
    gateway.clock.advance(5_001)
    assert.equal((await alice.call('/invoices')).status, 200)
  })

  it('PXY-06 is held to the scopes of that very token', async () => {
    const answer = await alice.call('/invoices/admin')

    assert.deepEqual([answer.status, answer.headers['sallyport-error']], [403, 'insufficient_scope'])
    assert.equal(answer.headers['www-authenticate'], 'Bearer error="insufficient_scope", scope="invoices.admin"')
    assert.deepEqual(upstream.requests, [])
  })

  it('RTK-10 is fetched anew when the upstream does not take it any more', async t => {
    let refused = ''
    const picky = await startUpstream((req, res) => void res.writeHead(req.headers.authorization === refused ? 401 : 200).end())
    const own = await start({
      config: { routes: [{ path: '/invoices', upstream: picky.origin, token: { exchange: { audience: apis.invoices } } }] },
    })
    t.after(() => Promise.all([own.close(), picky.close()]))
    const visitor = createVisitor(own)
    await visitor.signIn(idp)
    await visitor.call('/invoices')
    refused = String(picky.requests[0]?.headers.authorization)
    own.clock.advance(11_000)
    asked = idp.tokenRequests.length

    assert.equal((await visitor.call('/invoices')).status, 200)
    assert.deepEqual(grants(), [exchangeGrant])
  })

  it('needs no refresh token as long as the own token works', async t => {
    const plain = await startIdentityProvider({ accessTokens: 'opaque', audiences: Object.values(apis), refreshTokens: 'offline_access' })
    const own = await startGateway({
      idp: plain,
      config: { routes: [{ path: '/invoices', upstream: upstream.origin, token: { exchange: { audience: apis.invoices } } }] },
    })
    t.after(() => Promise.all([own.close(), plain.close()]))
    const visitor = createVisitor(own)
    await visitor.signIn(plain)

    assert.equal((await visitor.call('/invoices')).status, 200)
    own.clock.advance(301_000)
    const late = await visitor.call('/invoices')
    assert.deepEqual([late.status, late.headers['sallyport-error']], [401, 'session_expired'])
  })
})

describe('a route with token: { client }', () => {
  it('gets the gateway’s own token, the same for everybody who is signed in', async () => {
    const bob = createVisitor(gateway)
    await bob.signIn(idp, { user: 'bob' })
    asked = idp.tokenRequests.length

    for (const visitor of [alice, bob, alice]) assert.equal((await visitor.call('/stock')).status, 200)

    const { sub, aud, scope } = claimsOf(lastBearer())
    assert.deepEqual([sub, aud, scope], ['sallyport', apis.stock, 'stock.read'])
    assert.equal(new Set(bearers()).size, 1)
    assert.deepEqual(grants(), ['client_credentials'])
  })

  it('is for nobody who is not signed in', async () => {
    const answer = await createVisitor(gateway).call('/stock')

    assert.deepEqual([answer.status, answer.headers['sallyport-error']], [401, 'not_signed_in'])
    assert.deepEqual([upstream.requests.length, grants().length], [0, 0])
  })

  it('fetches it once for many calls, and ahead of its end behind them', async () => {
    await Promise.all(Array.from({ length: 50 }, () => alice.call('/stock')))
    assert.deepEqual(grants(), ['client_credentials'])
    const first = lastBearer()
    gateway.clock.advance(275_000)
    const release = idp.troubles.hold('token')

    assert.equal((await alice.call('/stock')).status, 200)
    assert.equal(lastBearer(), first)
    release()
    await eventually(async () => {
      await alice.call('/stock')
      return lastBearer() !== first
    })
    assert.deepEqual(grants(), ['client_credentials', 'client_credentials'])
  })

  it('RTK-05 goes on with one that works while the provider is away, and says 503 when it has run out', async () => {
    await alice.call('/stock')
    idp.troubles.set('token', 'error')
    gateway.clock.advance(295_000)
    assert.equal((await alice.call('/stock')).status, 200)
    gateway.clock.advance(6_000)

    const answer = await alice.call('/stock')

    assert.deepEqual([answer.status, answer.headers['sallyport-error']], [503, 'idp_unavailable'])
    assert.equal((await alice.session()).authenticated, true)
  })

  it('is 403 where the provider refuses it, and other tokens go on', async () => {
    const answers = [await alice.call('/stock/other'), await alice.call('/stock/other')]

    for (const answer of answers) assert.deepEqual([answer.status, answer.headers['sallyport-error']], [403, 'insufficient_scope'])
    assert.deepEqual(grants(), ['client_credentials'])
    assert.equal((await alice.call('/stock')).status, 200)
  })
})

describe('a route with token: id_token', () => {
  it('gets the ID token of the sign-in', async () => {
    await alice.call('/id')

    const { sub, aud, iss } = claimsOf(lastBearer())
    assert.deepEqual([sub, aud, iss], ['a1', 'sallyport', idp.issuer])
    assert.ok(idp.issued.has(lastBearer()))
  })

  it('RPL-05 shows it to no browser: signing out names the person by a hint that is no token', async () => {
    const { body } = await alice.call('/auth/logout', { method: 'POST', headers: { accept: 'application/json' } })

    assert.equal(String(body.logout_url).includes('id_token_hint'), false)
  })

  it('gets the new one that a refresh brings', async () => {
    await alice.call('/id')
    const first = lastBearer()
    gateway.clock.advance(295_000)

    assert.equal((await alice.call('/id')).status, 200)

    assert.notEqual(lastBearer(), first)
    assert.deepEqual(grants(), ['refresh_token'])
    assert.equal(claimsOf(lastBearer()).sub, 'a1')
  })

  it('is closed once it has run out and refreshes bring none, which costs no refresh for each request; the rest goes on', async () => {
    idp.troubles.set('token', (request, response) => withoutIdToken(request, response))
    gateway.clock.advance(301_000)
    upstream.requests.length = 0

    const answers = [await alice.call('/id'), await alice.call('/id'), await alice.call('/id')]

    for (const answer of answers) assert.deepEqual([answer.status, answer.headers['sallyport-error']], [403, 'insufficient_scope'])
    assert.equal(gateway.audit.findLast(line => line.event === 'refusal')?.reason, 'id_token_not_renewed')
    assert.deepEqual([upstream.requests, refreshesWithout], [[], 1])
    assert.equal((await alice.call('/own')).status, 200)
  })
})

describe('a route with token: passthrough', () => {
  it('leaves the client’s own Authorization as it is, with and without a session', async () => {
    const header = 'Custom  key="a b", sig=\u00e9'
    const stranger = createVisitor(gateway)

    for (const visitor of [alice, stranger]) await visitor.call('/hooks', { headers: { authorization: header } })
    await stranger.call('/hooks')

    assert.deepEqual(
      upstream.requests.map(request => request.all('authorization')),
      [[header], [header], []],
    )
  })

  it('PXY-10 is the only one that does: elsewhere what the client sends is dropped', async () => {
    for (const path of ['/', '/own', '/id', '/stock']) await alice.call(path, { headers: { authorization: 'Bearer of-the-client' } })

    assert.equal(bearers().includes('of-the-client'), false)
  })

  it('RTK-01 hands on no handle of ours, and passes the upstream’s 401 on', async t => {
    const refusing = await startUpstream((_req, res) => void res.writeHead(401, { 'www-authenticate': 'Custom' }).end())
    const own = await start({ config: { routes: [{ path: '/', upstream: refusing.origin, access: 'anyone', token: 'passthrough' }] } })
    t.after(() => Promise.all([own.close(), refusing.close()]))

    const answer = await createVisitor(own).call('/', { headers: { authorization: 'bearer spt_of-somebody' } })

    assert.deepEqual([answer.status, answer.headers['www-authenticate'], answer.headers['sallyport-error']], [401, 'Custom', undefined])
    assert.equal(refusing.requests[0]?.headers.authorization, undefined)
  })
})

describe('tokens of all kinds, side by side', () => {
  it('RES-02 PXY-10 reach the routes that ask for them, and no other, in two replicas', async t => {
    const secrets = makeSecrets()
    const [one, other] = [await start({ store, secrets }), await start({ store, secrets })]
    t.after(() => Promise.all([one.close(), other.close()]))
    const here = createVisitor(one)
    await here.signIn(idp)
    const there = createVisitor(other, here.jar)
    upstream.requests.length = 0
    const paths = ['/own', '/id', '/orders', '/invoices', '/invoices/all', '/stock', '/']

    await Promise.all(Array.from({ length: 70 }, (_, at) => (at % 2 === 0 ? here : there).call(paths[at % paths.length] ?? '/')))

    const seen = new Map<string, Set<string>>()
    for (const { url, headers } of upstream.requests) seen.set(url, (seen.get(url) ?? new Set()).add(headers.authorization ?? ''))
    assert.deepEqual([...seen.keys()].toSorted(), paths.toSorted())
    const all = [...seen.values()].flatMap(tokens => [...tokens])
    assert.equal(new Set(all).size, all.length, 'no token is seen on two routes')
    // Each process has a token of the gateway's own.
    assert.deepEqual(
      paths.map(path => seen.get(path)?.size),
      [1, 1, 1, 1, 1, 2, 1],
    )
  })
})

let refreshesWithout = 0

/** Answers a refresh as providers do that give an ID token at the sign-in alone. */
function withoutIdToken(...[request, response]: Parameters<Exclude<Parameters<IdentityProvider['troubles']['set']>[1], string>>): void {
  request.resume()
  refreshesWithout += 1
  const answer = { access_token: 'still-good', token_type: 'Bearer', expires_in: 300, refresh_token: `rotated-${refreshesWithout}` }
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer))
}
