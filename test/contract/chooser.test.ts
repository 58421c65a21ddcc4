import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { makeSecrets, providerConfig, startGateway, type TestGateway } from '../support/gateway.ts'
import { type IdentityProvider, startIdentityProvider } from '../support/identity-provider.ts'
import { createVisitor } from '../support/visitor.ts'

describe('GET /auth/login with several providers', () => {
  let idp: IdentityProvider
  let other: IdentityProvider
  let gateway: TestGateway
  before(async () => {
    ;[idp, other] = await Promise.all([startIdentityProvider(), startIdentityProvider()])
    const identityProviders = {
      staff: { ...providerConfig(idp), label: 'Staff & <friends>' },
      guests: providerConfig(other, 'OTHER_SECRET'),
      partners: { ...providerConfig(other, 'OTHER_SECRET'), label: 'Partners' },
    }
    gateway = await startGateway({
      config: { identityProviders },
      secrets: { ...makeSecrets(), CLIENT_SECRET: idp.clientSecret, OTHER_SECRET: other.clientSecret },
    })
    idp.register({ redirectUris: [`${gateway.origin}/auth/callback/staff`] })
  })
  after(() => Promise.all([idp.close(), other.close(), gateway.close()]))

  it('asks which, in the order of the configuration, and starts nothing yet', async () => {
    const visitor = createVisitor(gateway)

    const response = await visitor.visit('/auth/login')

    assert.equal(response.status, 200)
    assert.deepEqual(choicesOf(response.text), [
      ['/auth/login?provider=staff', 'Staff &amp; &lt;friends&gt;'],
      ['/auth/login?provider=guests', 'guests'],
      ['/auth/login?provider=partners', 'Partners'],
    ])
    assert.deepEqual(visitor.setCookies, [])
  })

  it('keeps what was asked for, and escapes it', async () => {
    const response = await createVisitor(gateway).visit('/auth/login?return_to=/reports%3Fa=1%26b=2&login_hint=%22%3E%3Cscript%3E')

    const [[href = ''] = []] = choicesOf(response.text)
    assert.equal(href, '/auth/login?return_to=%2Freports%3Fa%3D1%26b%3D2&amp;login_hint=%22%3E%3Cscript%3E&amp;provider=staff')
  })

  it('goes on with the one that was chosen', async () => {
    const visitor = createVisitor(gateway)

    const response = await visitor.signIn(idp, { query: 'provider=staff', returnTo: '/reports' })

    assert.equal(response.headers.location, '/reports')
    assert.equal((await visitor.session()).user.provider, 'staff')
  })

  it('takes an issuer for its provider, and asks where two share it', async () => {
    const visitor = createVisitor(gateway)

    const one = await visitor.visit(`/auth/login?iss=${encodeURIComponent(idp.issuer)}&target_link_uri=https://app.example.test/reports`)
    const two = await visitor.visit(`/auth/login?iss=${encodeURIComponent(other.issuer)}`)

    assert.equal(new URL(String(one.headers.location)).origin, idp.issuer)
    assert.deepEqual(
      choicesOf(two.text).map(([href]) => href),
      ['/auth/login?provider=guests', '/auth/login?provider=partners'],
    )
  })

  it('does not ask whoever has a session', async () => {
    const visitor = createVisitor(gateway)
    await visitor.signIn(idp, { query: 'provider=staff' })

    const response = await visitor.visit('/auth/login?return_to=/reports')

    assert.deepEqual([response.status, response.headers.location], [303, '/reports'])
  })
})

function choicesOf(page: string): readonly (readonly string[])[] {
  return [...page.matchAll(/<li><a class="button wide" href="([^"]*)">([^<]*)<\/a><\/li>/g)].map(([, href = '', label = '']) => [
    href,
    label,
  ])
}
