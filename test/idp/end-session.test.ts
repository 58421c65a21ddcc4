import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import type { ProviderConfig } from '../../src/config/config.ts'
import { startIdentityProvider } from '../support/identity-provider.ts'
import { startLyingProvider } from '../support/lying-provider.ts'
import { createProviderUnderTest, newAttempt, redirectUri } from '../support/provider-under-test.ts'

const postLogoutRedirectUri = 'https://app.example/auth/logged-out'
const request = { idToken: null, logoutHint: null, postLogoutRedirectUri, state: 's1' }

describe('signing out at a real provider', async () => {
  const idp = await startIdentityProvider({ redirectUris: [redirectUri], postLogoutRedirectUris: [postLogoutRedirectUri] })
  after(() => idp.close())

  it('RPL-03 leads back to where we said, with our state, and ends the session there', async () => {
    const { provider } = createProviderUnderTest(idp, { logout: { hint: 'id_token_hint', params: {} } })
    const jar = new Map<string, string>()
    const attempt = newAttempt()
    const callback = await idp.signIn(await provider.authorizationUrl(attempt), { jar })
    const { idToken } = await provider.redeem({ ...attempt, query: callback.searchParams })

    const url = await provider.endSessionUrl({ ...request, idToken: idToken?.token ?? null })
    assert.ok(url !== null)
    const back = await idp.signOut(url, jar)

    assert.equal(back?.href, `${postLogoutRedirectUri}?state=s1`)
    const silent = await idp.signIn(await provider.authorizationUrl(newAttempt({ prompt: 'none' })), { jar })
    assert.equal(silent.searchParams.get('error'), 'login_required')
  })

  it('RPL-02 is not waited for when the IdP is away', async () => {
    const { provider } = createProviderUnderTest(idp, { timeoutMs: 200 })
    await idp.stop()

    assert.equal(await provider.endSessionUrl(request), null)

    await idp.start()
  })
})

describe('the address to sign out at', async () => {
  const idp = await startLyingProvider()
  after(() => idp.close())

  const askWith = async (logout: ProviderConfig['logout']) => {
    const { provider } = createProviderUnderTest(idp, { logout })
    const url = await provider.endSessionUrl({ ...request, idToken: 'the-id-token', logoutHint: 'alice' })
    return Object.fromEntries(url?.searchParams ?? [])
  }
  const always = { client_id: 'sallyport', post_logout_redirect_uri: postLogoutRedirectUri, state: 's1' }

  it('RPL-05 shows the hint that is configured, and no other', async () => {
    assert.deepEqual(await askWith({ hint: 'logout_hint', params: {} }), { ...always, logout_hint: 'alice' })
    assert.deepEqual(await askWith({ hint: 'id_token_hint', params: {} }), { ...always, id_token_hint: 'the-id-token' })
    assert.deepEqual(await askWith({ hint: 'none', params: { federated: '1', state: 'x' } }), { ...always, federated: '1' })
  })

  it('is none where the metadata names none, or nothing that a browser should open', async () => {
    for (const endpoint of [undefined, 7, 'nowhere', 'javascript:alert(1)']) {
      idp.lies = { metadata: truth => ({ ...truth, end_session_endpoint: endpoint }) }
      assert.equal(await createProviderUnderTest(idp).provider.endSessionUrl(request), null, String(endpoint))
    }
  })
})
