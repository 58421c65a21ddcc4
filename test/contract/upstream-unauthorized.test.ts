import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, it } from 'node:test'
import { eventually } from '../support/eventually.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { type IdentityProvider, startIdentityProvider } from '../support/identity-provider.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'
import { createVisitor, type VisitOptions, type Visitor } from '../support/visitor.ts'

const invalidToken = 'Bearer error="invalid_token", error_description="the first answer"'

let idp: IdentityProvider
let upstream: Upstream
let gateway: TestGateway
let visitor: Visitor
/** Whether the upstream takes a token. */
let takes: (authorization: string | undefined) => boolean
let challenge: string
let refreshesBefore: number

before(async () => {
  idp = await startIdentityProvider()
  upstream = await startUpstream((req, res) => {
    if (takes(req.headers.authorization)) return void res.end('welcome')
    res.writeHead(401, { 'www-authenticate': challenge, 'set-cookie': 'trace=first' }).end('of the refusal')
  })
})

after(async () => {
  await upstream.close()
  await idp.close()
})

beforeEach(async t => {
  idp.troubles.clear()
  takes = () => true
  challenge = invalidToken
  gateway = await startGateway({
    idp,
    config: {
      routes: [
        { path: '/api/orders', upstream: upstream.origin, token: 'access' },
        { path: '/api/plain', kind: 'api', upstream: upstream.origin },
        { path: '/public', upstream: upstream.origin, access: 'anyone' },
      ],
    },
  })
  visitor = createVisitor(gateway)
  await visitor.signIn(idp)
  await visitor.call('/api/orders')
  // So old that nobody takes its refusal for a matter of the last seconds.
  gateway.clock.advance(20_000)
  upstream.requests.length = 0
  refreshesBefore = idp.refreshes()
  if ('after' in t) t.after(() => gateway.close())
})

const refreshes = () => idp.refreshes() - refreshesBefore
const tokensSeen = () => upstream.requests.map(request => request.headers.authorization)

/** From now on the upstream takes no token that was handed out so far. */
async function revokeToken(): Promise<void> {
  await visitor.call('/api/orders')
  const [revoked] = tokensSeen()
  upstream.requests.length = 0
  takes = authorization => authorization !== revoked
}

describe('an upstream that answers 401', () => {
  it('RTK-10 because the token was revoked is asked once more with a new one, and the client sees that answer alone', async () => {
    await revokeToken()

    const answer = await visitor.call('/api/orders?page=2')

    assert.deepEqual([answer.status, answer.text], [200, 'welcome'])
    assert.equal(answer.headers['www-authenticate'], undefined)
    assert.equal(answer.headers['set-cookie'], undefined)
    assert.deepEqual(
      upstream.requests.map(({ method, url }) => `${method} ${url}`),
      ['GET /api/orders?page=2', 'GET /api/orders?page=2'],
    )
    assert.equal(refreshes(), 1)
  })

  it('RTK-10 to every token is asked twice, by one refresh, and its second 401 is passed on as its own', async () => {
    takes = () => false

    const answer = await visitor.call('/api/orders')

    assert.deepEqual([answer.status, answer.text], [401, 'of the refusal'])
    assert.equal(answer.headers['www-authenticate'], challenge)
    assert.equal(answer.headers['sallyport-error'], undefined)
    assert.equal(new Set(tokensSeen()).size, 2)
    assert.deepEqual([upstream.requests.length, refreshes()], [2, 1])
    assert.equal((await visitor.session()).authenticated, true)
  })

  it('RTK-10 again and again costs one refresh for each token, not for each request', async () => {
    takes = () => false
    for (let call = 0; call < 8; call += 1) {
      assert.equal((await visitor.call('/api/orders')).status, 401)
      gateway.clock.advance(11_000)
    }

    assert.equal(refreshes(), 1)
    assert.equal(upstream.requests.length, 9)
  })

  it('RTK-10 to a token of a few seconds is believed', async () => {
    await revokeToken()
    await visitor.call('/api/orders')
    takes = () => false
    upstream.requests.length = 0

    assert.equal((await visitor.call('/api/orders')).status, 401)
    assert.deepEqual([upstream.requests.length, refreshes()], [1, 1])
  })

  it('RTK-02 to fifty calls at once costs one refresh, and each is repeated once', async () => {
    await revokeToken()

    const answers = await Promise.all(Array.from({ length: 50 }, () => visitor.call('/api/orders')))

    assert.deepEqual(new Set(answers.map(answer => answer.status)), new Set([200]))
    assert.equal(refreshes(), 1)
    assert.ok(upstream.requests.length <= 100)
    assert.equal(new Set(tokensSeen()).size, 2)
  })

  for (const method of ['HEAD', 'PUT', 'DELETE', 'OPTIONS'] as const) {
    it(`RTK-10 to ${method} without a body is asked once more`, async () => {
      await revokeToken()

      assert.equal((await visitor.call('/api/orders', { method })).status, 200)
      assert.deepEqual([upstream.requests.length, refreshes()], [2, 1])
    })
  }

  const notRepeated: Record<string, VisitOptions> = {
    'a request that changes something each time': { method: 'POST' },
    'a request with a body': { method: 'PUT', body: 'amount=1' },
  }
  for (const [what, options] of Object.entries(notRepeated)) {
    it(`RTK-10 PXY-13 to ${what} is not asked again; the token is renewed behind it, once`, async () => {
      await revokeToken()

      const answer = await visitor.call('/api/orders', options)

      assert.deepEqual([answer.status, answer.text, answer.headers['sallyport-error']], [401, 'of the refusal', undefined])
      assert.equal(upstream.requests.length, 1)
      await eventually(() => gateway.events().includes('renewal'))
      assert.equal((await visitor.call('/api/orders', options)).status, 200)
      takes = () => false
      gateway.clock.advance(11_000)
      assert.equal((await visitor.call('/api/orders', options)).status, 401)
      assert.equal(refreshes(), 1)
    })
  }

  it('RTK-10 where the route attaches no token, or reads no session, is passed on', async () => {
    takes = () => false

    for (const path of ['/api/plain', '/public']) {
      const answer = await visitor.call(path)
      assert.deepEqual([answer.status, answer.text, answer.headers['www-authenticate']], [401, 'of the refusal', challenge])
    }

    assert.deepEqual([upstream.requests.length, refreshes()], [2, 0])
  })

  it('META-11 and names another authorization server leads nobody there', async t => {
    const other = await startIdentityProvider()
    t.after(() => other.close())
    await revokeToken()
    const place = `${other.issuer}/.well-known/oauth-protected-resource`
    challenge = `Bearer resource_metadata="${place}", authorization_uri="${other.issuer}"`

    await visitor.call('/api/orders')

    assert.equal(refreshes(), 1)
    assert.deepEqual([other.troubles.count('other'), other.troubles.count('discovery'), other.tokenRequests], [0, 0, []])
  })
})

describe('an upstream that answers 401 while', () => {
  it('RTK-04 the provider has ended the grant ends the session, and nothing of its answer is passed on', async () => {
    await revokeToken()
    idp.endGrants()

    const answer = await visitor.call('/api/orders')

    assert.equal(answer.status, 401)
    assert.equal(answer.headers['sallyport-error'], 'session_expired')
    assert.equal(answer.text.includes('of the refusal'), false)
    assert.equal(upstream.requests.length, 1)
    assert.equal((await visitor.session()).reason, 'expired')
  })

  it('RTK-05 the provider is away says it once more for itself, and the session lives', async () => {
    await revokeToken()
    idp.troubles.set('token', 'error')

    const answer = await visitor.call('/api/orders')

    assert.deepEqual([answer.status, answer.text, answer.headers['sallyport-error']], [401, 'of the refusal', undefined])
    assert.equal(upstream.requests.length, 2)
    assert.equal((await visitor.session()).authenticated, true)
  })

  it('the grant has no refresh token is passed on, and the session lives', async t => {
    const plain = await startIdentityProvider({ refreshTokens: 'offline_access' })
    const own = await startGateway({ idp: plain, upstream: upstream.origin })
    t.after(() => Promise.all([plain.close(), own.close()]))
    const guest = createVisitor(own)
    await guest.signIn(plain)
    own.clock.advance(20_000)
    takes = () => false

    const answer = await guest.call('/api/orders')

    assert.deepEqual([answer.status, answer.text], [401, 'of the refusal'])
    assert.equal((await guest.session()).authenticated, true)
  })
})
