import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, it, type TestContext } from 'node:test'
import { providerConfig, sessionConfig, startGateway, type TestGateway } from '../support/gateway.ts'
import { type IdentityProvider, startIdentityProvider } from '../support/identity-provider.ts'
import { type Lies, startLyingProvider } from '../support/lying-provider.ts'
import { createVisitor, type Visitor } from '../support/visitor.ts'

const cookieName = '__Host-Http-sallyport'

describe('GET /auth/login after a session has run out', () => {
  let idp: IdentityProvider
  let gateway: TestGateway
  let visitor: Visitor
  before(async () => {
    idp = await startIdentityProvider()
  })
  after(() => idp.close())

  beforeEach(async t => {
    gateway = await startGateway({ idp, config: { session: sessionConfig({ idleTimeout: '60s', absoluteTimeout: '100s' }) } })
    visitor = createVisitor(gateway)
    await visitor.signIn(idp)
    if ('after' in t) t.after(() => gateway.close())
  })

  const maxAge = async (query = '', who = visitor) =>
    new URL(String((await who.visit(`/auth/login?${query}`)).headers.location)).searchParams.get('max_age')

  it('SES-09 asks for a person who authenticated within the idle timeout', async () => {
    gateway.clock.advance(70_000)

    assert.equal(await maxAge(), '60')
    assert.equal(await maxAge('max_age=10'), '10')
    assert.equal(await maxAge('max_age=300'), '60')
  })

  it('SES-09 asks for one who authenticated within the absolute timeout, when that was what ran out', async () => {
    gateway.clock.advance(50_000)
    await visitor.call('/api/orders')
    gateway.clock.advance(51_000)
    assert.equal((await visitor.session()).reason, 'expired')

    assert.equal(await maxAge(), '100')
  })

  it('SES-09 still asks when nobody remembers why the session is over', async () => {
    gateway.clock.advance(2 * 3_600_000)

    assert.equal((await visitor.session()).reason, undefined)
    assert.equal(await maxAge(), '60')
  })

  it('lets in who has just authenticated', async () => {
    gateway.clock.advance(70_000)
    const callback = await visitor.begin(idp)
    // The provider has the real clock.
    gateway.clock.advance(-70_000)

    assert.equal((await visitor.finish(callback)).status, 303)
    assert.equal((await visitor.session()).authenticated, true)
  })

  it('asks for nothing of a browser that has signed out, that never signed in, or whose cookie is made up', async () => {
    const stranger = createVisitor(gateway)
    const forger = createVisitor(gateway, new Map([[cookieName, `${visitor.jar.get(cookieName)?.slice(0, -3)}abc`]]))
    await visitor.call('/auth/logout', { method: 'POST', headers: { accept: 'application/json' } })

    assert.deepEqual([await maxAge(), await maxAge('', stranger), await maxAge('', forger)], [null, null, null])
  })
})

describe('a provider that does not keep to the max_age', () => {
  const start = async (t: TestContext, lies: Lies = {}) => {
    const liar = await startLyingProvider()
    liar.lies = lies
    const gateway = await startGateway({
      config: {
        identityProviders: { main: providerConfig({ issuer: liar.issuer, clientId: liar.clientId }) },
        session: sessionConfig({ idleTimeout: '60s' }),
      },
    })
    t.after(() => Promise.all([liar.close(), gateway.close()]))
    const visitor = createVisitor(gateway)
    await visitor.finish(await visitor.begin(liar))
    gateway.clock.advance(70_000)
    return { liar, gateway, visitor }
  }

  it('SES-09 lets nobody in silently whose session has run out', async t => {
    const { liar, gateway, visitor } = await start(t)
    liar.lies = { claims: truth => ({ ...truth, auth_time: Math.floor(Date.now() / 1000) - 70 }) }

    const response = await visitor.finish(await visitor.begin(liar))

    assert.deepEqual([response.status, (await visitor.session()).authenticated], [400, false])
    assert.equal(gateway.audit.findLast(line => line.event === 'refusal')?.reason, 'id_token_invalid')
  })

  it('is not asked where its metadata says that it tells no time', async t => {
    const { visitor } = await start(t, { metadata: truth => ({ ...truth, claims_supported: ['sub', 'iss'] }) })

    const login = await visitor.visit('/auth/login')

    assert.equal(new URL(String(login.headers.location)).searchParams.get('max_age'), null)
  })
})
