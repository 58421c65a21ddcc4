import assert from 'node:assert/strict'
import { request } from 'node:http'
import { after, before, beforeEach, describe, it } from 'node:test'
import { eventually } from '../support/eventually.ts'
import { providerConfig, startGateway, type TestGateway } from '../support/gateway.ts'
import { type IdentityProvider, startIdentityProvider } from '../support/identity-provider.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'
import { createVisitor, type Visitor } from '../support/visitor.ts'

// The provider rotates refresh tokens and takes the second use of one for theft, as strict ones do.

let idp: IdentityProvider
let upstream: Upstream
let gateway: TestGateway
let visitor: Visitor

before(async () => {
  idp = await startIdentityProvider({ rotate: true })
  upstream = await startUpstream()
})

after(async () => {
  await upstream.close()
  await idp.close()
})

beforeEach(async t => {
  idp.setAccessTokenSeconds(60)
  idp.troubles.clear()
  gateway = await startGateway({
    idp,
    upstream: upstream.origin,
    config: { identityProviders: { main: { ...providerConfig(idp), timeout: '2s' } } },
  })
  visitor = createVisitor(gateway)
  await visitor.signIn(idp)
  upstream.requests.length = 0
  if ('after' in t) t.after(() => gateway.close())
})

const tokensSeen = () => [...new Set(upstream.requests.map(request => request.headers.authorization))]

describe('an access token that runs out', () => {
  it('is renewed behind the requests while it is good for a while, and nobody waits', async () => {
    const refreshes = idp.refreshes()
    gateway.clock.advance(35_000)
    const release = idp.troubles.hold('token')

    assert.equal((await visitor.call('/api/orders')).status, 200)
    const [before] = tokensSeen()
    release()
    await eventually(() => gateway.events().includes('renewal'))
    await visitor.call('/api/orders')

    assert.equal(idp.refreshes() - refreshes, 1)
    assert.notEqual(tokensSeen()[1], before)
  })

  it('RTK-02 A-062 is renewed once for fifty calls at that moment, and all get the new one', async () => {
    await visitor.call('/api/orders')
    const [before] = tokensSeen()
    const refreshes = idp.refreshes()
    gateway.clock.advance(51_000)
    upstream.requests.length = 0

    const answers = await Promise.all(Array.from({ length: 50 }, () => visitor.call('/api/orders')))

    assert.deepEqual(new Set(answers.map(answer => answer.status)), new Set([200]))
    assert.equal(idp.refreshes() - refreshes, 1)
    assert.equal(tokensSeen().length, 1)
    assert.notEqual(tokensSeen()[0], before)
  })

  it('RTK-03 is renewed again and again, each time with the newest refresh token', async () => {
    const refreshes = idp.refreshes()
    for (let round = 0; round < 3; round += 1) {
      gateway.clock.advance(50_000)
      assert.equal((await visitor.call('/api/orders')).status, 200)
    }

    assert.equal(idp.refreshes() - refreshes, 3)
    assert.equal(tokensSeen().length, 3)
  })

  it('RTK-02 is renewed though the client that caused it leaves', async () => {
    const release = idp.troubles.hold('token')
    const refreshes = idp.refreshes()
    gateway.clock.advance(55_000)
    const cookie = [...visitor.jar].map(([name, value]) => `${name}=${value}`).join('; ')
    const leaving = request({
      port: gateway.port,
      host: '127.0.0.1',
      path: '/api/orders',
      headers: { host: gateway.host, cookie, 'sec-fetch-site': 'same-origin' },
    })
    leaving.on('error', () => undefined).end()
    await reached('token')
    const gone = new Promise(resolve => leaving.once('close', resolve))
    leaving.destroy()
    await gone
    release()

    assert.equal((await visitor.call('/api/orders')).status, 200)
    assert.equal(idp.refreshes() - refreshes, 1)
  })

  it('RTK-05 META-07 goes on being used while it works when the provider is away', async () => {
    idp.troubles.set('token', 'error')
    gateway.clock.advance(40_000)

    assert.equal((await visitor.call('/api/orders')).status, 200)
  })

  for (const trouble of ['error', 'html', 'hang'] as const) {
    it(`RTK-05 gives 503 once it is over and the provider answers with ${trouble}, and ends no session`, async () => {
      idp.troubles.set('token', trouble)
      gateway.clock.advance(61_000)

      const answer = await visitor.call('/api/orders')

      assert.equal(answer.status, 503)
      assert.equal(answer.headers['sallyport-error'], 'idp_unavailable')
      assert.ok(Number(answer.headers['retry-after']) > 0)
      assert.deepEqual(upstream.requests, [])
      assert.equal((await visitor.session()).authenticated, true)
      idp.troubles.clear()
      // An answer that does not come is waited for three times as long, by nobody: it may spend the refresh token.
      await eventually(async () => {
        gateway.clock.advance(5_001)
        return (await visitor.call('/api/orders')).status === 200
      })
    })
  }

  it('RTK-02 does not lose what the provider answers after nobody waits for it any more', async () => {
    const release = idp.troubles.holdAnswers('token')
    const refreshes = idp.refreshes()
    gateway.clock.advance(61_000)

    assert.equal((await visitor.call('/api/orders')).headers['sallyport-error'], 'idp_unavailable')
    assert.equal((await visitor.call('/api/orders')).headers['sallyport-error'], 'idp_unavailable')
    release()
    await eventually(async () => (await visitor.call('/api/orders')).status === 200)

    assert.equal(idp.refreshes() - refreshes, 1)
  })

  it('RTK-04 ends the session when the provider has ended the grant, and says so once', async () => {
    idp.endGrants()
    gateway.clock.advance(61_000)

    const answer = await visitor.call('/api/orders')

    assert.equal(answer.status, 401)
    assert.equal(answer.body.code, 'session_expired')
    assert.equal((await visitor.session()).reason, 'expired')
    const events = gateway.events().filter(event => event !== 'revocation')
    assert.deepEqual(events.slice(1), ['renewal', 'session_ended'])
  })

  it('RTK-07 moves no deadline of the session when it is renewed', async () => {
    const before = (await visitor.session()).session
    gateway.clock.advance(50_000)
    await visitor.call('/api/orders', { headers: { 'sallyport-background': '1' } })

    const { session, tokens } = await visitor.session()

    assert.ok(tokens.access_expires_in > 50)
    assert.equal(session.absolute_expires_at, before.absolute_expires_at)
    assert.equal(session.idle_expires_at, before.idle_expires_at)
  })
})

/** Resolves when the next request has reached the endpoint. */
async function reached(endpoint: 'token'): Promise<void> {
  const before = idp.troubles.count(endpoint)
  while (idp.troubles.count(endpoint) === before) await new Promise(resolve => setTimeout(resolve, 5))
}
