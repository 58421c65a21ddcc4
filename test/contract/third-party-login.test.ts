import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { makeSecrets, providerConfig, startGateway, type TestGateway } from '../support/gateway.ts'
import { type IdentityProvider, startIdentityProvider } from '../support/identity-provider.ts'
import { createVisitor, refreshOf } from '../support/visitor.ts'

// OpenID Connect Core §4: another site sends the person here, and names the issuer and the page.
describe('a sign-in that another site begins', () => {
  let idp: IdentityProvider
  let other: IdentityProvider
  let gateway: TestGateway
  before(async () => {
    ;[idp, other] = await Promise.all([startIdentityProvider(), startIdentityProvider()])
    const identityProviders = { one: providerConfig(idp), two: providerConfig(other, 'OTHER_SECRET') }
    const secrets = { ...makeSecrets(), CLIENT_SECRET: idp.clientSecret, OTHER_SECRET: other.clientSecret }
    gateway = await startGateway({ config: { identityProviders }, secrets })
    for (const [id, peer] of Object.entries({ one: idp, two: other }))
      peer.register({ redirectUris: [`${gateway.origin}/auth/callback/${id}`] })
  })
  after(() => Promise.all([idp.close(), other.close(), gateway.close()]))

  /** Through the bounce, which a visit from another site gets first. */
  async function arrive(visitor: ReturnType<typeof createVisitor>, query: Record<string, string>) {
    const bounced = await visitor.visit(`/auth/login?${new URLSearchParams(query)}`, { site: 'cross-site' })
    return refreshOf(bounced) === null ? bounced : visitor.visit(refreshOf(bounced) ?? '')
  }

  it('IDT-19 goes to the issuer that is named, with the hint, and ends on the page that is named', async () => {
    const visitor = createVisitor(gateway)

    const begun = await arrive(visitor, {
      iss: other.issuer,
      login_hint: 'bob@example.com',
      target_link_uri: `${gateway.origin}/reports?week=2#top`,
    })
    const done = await visitor.finish(await other.signIn(String(begun.headers.location), { user: 'bob' }))

    const asked = new URL(String(begun.headers.location))
    assert.equal(asked.origin, other.issuer)
    assert.equal(asked.searchParams.get('login_hint'), 'bob@example.com')
    assert.equal(asked.searchParams.get('redirect_uri'), `${gateway.origin}/auth/callback/two`)
    assert.deepEqual([done.status, done.headers.location], [303, '/reports?week=2#top'])
  })

  for (const target of [
    '//evil.test',
    'https://evil.test/reports',
    'javascript:alert(1)',
    'https://app.example.test@evil.test/',
    '/auth/logout',
  ]) {
    it(`IDT-19 ends at / where ${target} is named`, async () => {
      const visitor = createVisitor(gateway)

      const begun = await arrive(visitor, { iss: idp.issuer, target_link_uri: target })
      const done = await visitor.finish(await idp.signIn(String(begun.headers.location)))

      assert.equal(done.headers.location, '/')
    })
  }

  it('IDT-19 is refused for an issuer that is not configured, in whatever spelling', async () => {
    const visitor = createVisitor(gateway)

    for (const iss of ['https://evil.test', `${idp.issuer}/`, idp.issuer.toUpperCase(), `${idp.issuer}#`, 'one']) {
      const response = await arrive(visitor, { iss })

      assert.equal(response.status, 400, iss)
      assert.equal(gateway.audit.at(-1)?.reason, 'unknown_provider')
    }
    assert.deepEqual(visitor.setCookies, [])
  })

  it('IDT-19 goes no further than the page where there is a session', async () => {
    const visitor = createVisitor(gateway)
    const begun = await arrive(visitor, { iss: idp.issuer })
    await visitor.finish(await idp.signIn(String(begun.headers.location)))

    const response = await arrive(visitor, { iss: idp.issuer, target_link_uri: `${gateway.origin}/reports` })

    assert.deepEqual([response.status, response.headers.location], [303, '/reports'])
  })
})
