import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { makeSecrets, providerConfig, startGateway } from '../support/gateway.ts'
import { startIdentityProvider } from '../support/identity-provider.ts'
import { startLyingProvider } from '../support/lying-provider.ts'
import { createVisitor, refreshOf } from '../support/visitor.ts'

describe('the callbacks of two providers', () => {
  it('A-010 A-013 ISS-06 do not take answers to each other, and the attempt is burned', async t => {
    const idp = await startIdentityProvider()
    t.after(idp.close)
    const one = providerConfig(idp)
    const gateway = await startGateway({ idp, config: { identityProviders: { one, two: { ...one } } } })
    t.after(gateway.close)
    idp.register({ redirectUris: ['one', 'two'].map(id => `${gateway.origin}/auth/callback/${id}`) })
    const visitor = createVisitor(gateway)
    const callback = await visitor.begin(idp, { query: 'provider=one' })
    const swapped = new URL(callback.href.replace('/callback/one', '/callback/two'))

    const refused = await visitor.finish(swapped)
    const late = await visitor.finish(callback)

    assert.equal(refused.status, 400)
    assert.equal(gateway.audit.find(({ reason }) => reason === 'provider_mismatch')?.code, 'bad_request')
    assert.equal(idp.tokenRequests.length, 0)
    assert.equal(late.status, 400)
  })
})

describe('of two providers, one of which is hostile', () => {
  /** An honest provider `one` and a liar `two`, both of which know alice as a1. */
  async function start(t: TestContext) {
    const [idp, liar] = await Promise.all([startIdentityProvider(), startLyingProvider()])
    const identityProviders = { one: providerConfig(idp), two: providerConfig(liar, 'LIAR_SECRET') }
    const secrets = { ...makeSecrets(), CLIENT_SECRET: idp.clientSecret, LIAR_SECRET: liar.clientSecret }
    const gateway = await startGateway({ config: { identityProviders }, secrets })
    idp.register({ redirectUris: [`${gateway.origin}/auth/callback/one`] })
    t.after(() => Promise.all([idp.close(), liar.close(), gateway.close()]))
    return { idp, liar, gateway, visitor: createVisitor(gateway) }
  }

  it('A-010 ISS-05 the hostile one gets no code by sending the browser on to the other', async t => {
    const { idp, liar, gateway, visitor } = await start(t)
    const login = await visitor.visit('/auth/login?provider=two')
    const asked = new URL(String(login.headers.location))

    // The request for the liar, sent on to the honest provider, which sends the browser to the callback it knows.
    const forwarded = new URL(`${idp.issuer}/auth${asked.search}`)
    forwarded.searchParams.set('redirect_uri', `${gateway.origin}/auth/callback/one`)
    const callback = await idp.signIn(forwarded)
    const refused = await visitor.finish(callback)

    assert.ok(callback.searchParams.has('code'))
    assert.equal(refused.status, 400)
    assert.equal(gateway.audit.at(-1)?.reason, 'provider_mismatch')
    assert.equal(idp.tokenRequests.length, 0)
    assert.ok(!liar.asked().includes('token'))
    assert.ok(!JSON.stringify(liar.requests.map(({ body }) => `${body}`)).includes(callback.searchParams.get('code') ?? ''))
  })

  it('A-010 ISS-01 nor by handing a code of the other to its own callback', async t => {
    const { idp, liar, gateway, visitor } = await start(t)
    const stolen = await visitor.begin(idp, { query: 'provider=one' })
    liar.lies = {
      callback(params) {
        params.set('code', stolen.searchParams.get('code') ?? '')
        params.set('iss', idp.issuer)
      },
    }

    const refused = await visitor.signIn(liar, { query: 'provider=two' })

    assert.equal(refused.status, 400)
    assert.equal(gateway.audit.at(-1)?.reason, 'issuer_mismatch')
    assert.deepEqual([idp.tokenRequests.length, liar.asked().includes('token')], [0, false])
  })

  it('A-011 ISS-04 an error in the name of the other is taken for a mix-up and ends the attempt', async t => {
    const { idp, liar, gateway, visitor } = await start(t)
    liar.lies = {
      callback(params) {
        params.delete('code')
        params.set('error', 'access_denied')
        params.set('iss', idp.issuer)
      },
    }
    const callback = await visitor.begin(liar, { query: 'provider=two' })

    const refused = await visitor.finish(callback)
    const again = await visitor.finish(callback)

    assert.equal(refused.headers['sallyport-error'], 'bad_request')
    assert.deepEqual(
      gateway.audit.map(({ reason }) => reason),
      ['issuer_mismatch', 'no_ticket'],
    )
    assert.equal(again.status, 400)
  })

  it('A-023 IDT-09 somebody with the sub and e-mail address of another provider’s user is somebody else', async t => {
    const { idp, liar, gateway, visitor } = await start(t)
    liar.lies = { claims: truth => ({ ...truth, email: 'alice@example.com', email_verified: true }) }

    await visitor.finish(await visitor.begin(idp, { query: 'provider=one' }))
    const alice = await visitor.session()
    await visitor.signIn(liar, { query: 'provider=two&prompt=login' })
    const impostor = await visitor.session()

    assert.deepEqual([alice.user.sub, impostor.user.sub], ['a1', 'a1'])
    assert.deepEqual([alice.user.provider, impostor.user.provider], ['one', 'two'])
    assert.equal(alice.user.email, impostor.user.email)
    assert.notEqual(alice.session.session_id, impostor.session.session_id)
    assert.ok(gateway.events().includes('subject_changed'))
  })

  it('CAUTH-08 each gets the secret that is its own', async t => {
    const { idp, liar, visitor } = await start(t)

    await visitor.finish(await visitor.begin(idp, { query: 'provider=one' }))
    await visitor.signIn(liar, { query: 'provider=two&prompt=login' })

    const sent = (header = '') => decodeURIComponent(Buffer.from(header.replace('Basic ', ''), 'base64').toString().replaceAll('+', ' '))
    assert.equal(sent(idp.tokenRequests[0]?.authorization), `sallyport:${idp.clientSecret}`)
    assert.equal(sent(liar.requests.find(({ path }) => path === '/token')?.authorization), `sallyport:${liar.clientSecret}`)
  })
})

describe('the callbacks of two origins', () => {
  it('FLOW-06 do not take answers to each other either', async t => {
    const idp = await startIdentityProvider()
    t.after(idp.close)
    const origins = ['https://one.example.test', 'https://two.example.test']
    const gateway = await startGateway({ idp, host: 'one.example.test', config: { origins } })
    t.after(gateway.close)
    const visitor = createVisitor(gateway)
    const callback = await visitor.begin(idp)

    const response = await visitor.visit(callback.pathname + callback.search, { site: 'cross-site', headers: { host: 'two.example.test' } })

    assert.equal(response.status, 400)
    assert.equal(gateway.audit.at(-1)?.reason, 'origin_mismatch')
    assert.equal(idp.tokenRequests.length, 0)
  })
  it('FLOW-06 are not finished on another origin than the one they came to', async t => {
    const idp = await startIdentityProvider()
    t.after(idp.close)
    const origins = ['https://one.example.test', 'https://two.example.test']
    const gateway = await startGateway({ idp, host: 'one.example.test', config: { origins } })
    t.after(gateway.close)
    const visitor = createVisitor(gateway)
    const callback = await visitor.begin(idp)
    const handOff = await visitor.visit(callback.pathname + callback.search, { site: 'cross-site' })

    const response = await visitor.visit(refreshOf(handOff) ?? '', { headers: { host: 'two.example.test' } })

    assert.equal(response.status, 400)
    assert.deepEqual([...visitor.jar.keys()], [])
    assert.equal(gateway.events().includes('sign_in'), false)
  })
})
