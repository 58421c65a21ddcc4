import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { providerConfig, startGateway } from '../support/gateway.ts'
import { startIdentityProvider } from '../support/identity-provider.ts'
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
