import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, describe, it } from 'node:test'
import { decodeJwt } from 'jose'
import { startIdentityProvider } from '../support/identity-provider.ts'
import { startLyingProvider } from '../support/lying-provider.ts'
import { createProviderUnderTest, fetchCallback, gatewayError, newAttempt, redirectUri, signIn } from '../support/provider-under-test.ts'

const redirectUris = [redirectUri]

describe('signing in at a real provider', async () => {
  const idp = await startIdentityProvider({ redirectUris })
  after(() => idp.close())

  it('brings who, when, how, and tokens for the API', async () => {
    const { provider } = createProviderUnderTest(idp, {}, ['groups'])
    const before = Date.now()

    const result = await signIn(provider, idp)

    const { access, refreshToken, authTime, ...rest } = result
    assert.deepEqual(rest, {
      provider: 'main',
      sub: 'a1',
      acr: 'urn:example:pwd',
      amr: ['pwd'],
      sid: null,
      idToken: null,
      grantExpiresAt: null,
      audiences: [],
      scopes: ['openid', 'profile', 'email', 'orders.read'],
      claims: { name: 'Alice Adams', email: 'alice@example.com', email_verified: true, groups: ['ops', 'admin'] },
    })
    assert.ok(Math.abs(authTime - before) < 10_000)
    assert.ok(idp.issued.has(access.token) && refreshToken !== null && idp.issued.has(refreshToken))
    assert.deepEqual(access.scopes, ['orders.read'])
  })

  it('FLOW-02 authenticates the token request with client_secret_basic, the secret form-encoded first', async () => {
    const { provider } = createProviderUnderTest(idp)

    await signIn(provider, idp)

    const { authorization, params } = lastOf(idp.tokenRequests)
    assert.match(authorization, /^Basic /)
    const secret = new URLSearchParams(`v=${Buffer.from(authorization.slice(6), 'base64').toString().split(':')[1]}`).get('v')
    assert.equal(secret, idp.clientSecret)
    assert.equal(params.client_secret, undefined)
  })

  it('FLOW-02 authenticates the token request with client_secret_post where that is configured', async () => {
    const posting = await startIdentityProvider({ redirectUris, clientAuth: 'client_secret_post', alg: 'RS256' })
    after(() => posting.close())
    const { provider } = createProviderUnderTest(posting, { clientAuth: { method: 'client_secret_post', secret: posting.clientSecret } })

    await signIn(provider, posting)

    const { authorization, params } = lastOf(posting.tokenRequests)
    assert.equal(authorization, '')
    assert.equal(params.client_secret, posting.clientSecret)
  })

  it('FLOW-01 asks for a code and nothing else', async () => {
    const { provider } = createProviderUnderTest(idp)

    const url = await provider.authorizationUrl(newAttempt())

    assert.deepEqual(url.searchParams.getAll('response_type'), ['code'])
    assert.equal(url.searchParams.get('response_mode'), null)
  })

  it('FLOW-03 sends the same redirect URI, byte for byte, in both requests', async () => {
    const { provider } = createProviderUnderTest(idp)
    const attempt = newAttempt()

    const url = await provider.authorizationUrl(attempt)
    await provider.redeem({ ...attempt, query: (await idp.signIn(url)).searchParams })

    assert.equal(url.searchParams.get('redirect_uri'), redirectUri)
    assert.equal(lastOf(idp.tokenRequests).params.redirect_uri, redirectUri)
  })

  it('FLOW-03 takes no redirect URI that would be rewritten on its way', async () => {
    const { provider } = createProviderUnderTest(idp)

    for (const changed of [
      'https://APP.example/cb',
      'https://app.example:443/cb',
      'https://app.example/cb?x=1',
      'https://app.example/a/../cb',
    ]) {
      await assert.rejects(provider.authorizationUrl({ ...newAttempt(), redirectUri: changed }), TypeError, changed)
    }
  })

  it('FLOW-04 lets no parameter of one sign-in change what the protocol needs', async () => {
    const { provider } = createProviderUnderTest(idp, {
      authorizationParams: { audience: 'https://orders.example', scope: 'admin', prompt: 'login' },
    })
    const hostile = { scope: 'admin', redirect_uri: 'https://evil.test', state: 'x', nonce: 'x', code_challenge: 'x', client_id: 'x' }
    const injected = {
      response_mode: 'fragment',
      request: 'x',
      request_uri: 'urn:x',
      claims: '{}',
      resource: 'https://evil.test',
      audience: 'x',
    }
    const attempt = newAttempt({ ...hostile, ...injected, prompt: 'consent', login_hint: 'a&scope=admin' })

    const { searchParams } = await provider.authorizationUrl(attempt)

    assert.deepEqual(searchParams.getAll('scope'), ['openid profile email orders.read'])
    assert.deepEqual(searchParams.getAll('redirect_uri'), [redirectUri])
    assert.deepEqual(searchParams.getAll('state'), [attempt.state])
    assert.deepEqual(searchParams.getAll('nonce'), [attempt.nonce])
    assert.deepEqual(searchParams.getAll('client_id'), [idp.clientId])
    assert.deepEqual(searchParams.getAll('prompt'), ['consent'])
    assert.deepEqual(searchParams.getAll('login_hint'), ['a&scope=admin'])
    assert.deepEqual(searchParams.getAll('audience'), ['https://orders.example'])
    for (const name of ['response_mode', 'request', 'request_uri', 'claims', 'resource']) assert.equal(searchParams.has(name), false, name)
  })

  it('PKCE-01 and PKCE-02 send an S256 challenge, and the verifier it was made of', async () => {
    const { provider } = createProviderUnderTest(idp)
    const attempt = newAttempt()

    const { searchParams } = await provider.authorizationUrl(attempt)
    await signIn(provider, idp, attempt)

    assert.equal(searchParams.get('code_challenge_method'), 'S256')
    assert.match(searchParams.get('code_challenge') ?? '', /^[A-Za-z0-9_-]{43}$/)
    const verifier = lastOf(idp.tokenRequests).params.code_verifier ?? ''
    assert.match(verifier, /^[A-Za-z0-9._~-]{43,128}$/)
    assert.equal(createHash('sha256').update(verifier).digest('base64url'), searchParams.get('code_challenge'))
  })

  it('PKCE-04 sends nothing when the verifier, state or nonce of the attempt is gone', async () => {
    const { provider } = createProviderUnderTest(idp)
    const callback = await fetchCallback(provider, idp)
    const requests = idp.troubles.count('token')

    for (const lost of ['verifier', 'state', 'nonce']) {
      await assert.rejects(provider.redeem({ ...callback, [lost]: '' }), gatewayError('bad_request', 'attempt_incomplete'), lost)
    }

    assert.equal(idp.troubles.count('token'), requests)
  })

  it('A-004 does not redeem a code of another attempt', async () => {
    const { provider } = createProviderUnderTest(idp)
    const stolen = await fetchCallback(provider, idp)
    const own = await fetchCallback(provider, idp)
    own.query.set('code', stolen.query.get('code') ?? '')

    await assert.rejects(provider.redeem(own), gatewayError('bad_request', 'code_refused'))
  })

  it('makes one push and one token request for each sign-in, asks for metadata and keys once, and for UserInfo where claims need it', async () => {
    const fresh = await startIdentityProvider({ redirectUris, par: 'offered', accessTokens: 'opaque' })
    after(() => fresh.close())
    const { provider } = createProviderUnderTest(fresh)
    const asking = createProviderUnderTest(fresh, { claims: { groups: { from: ['userinfo'], path: ['groups'] } } })
    const counts = () => (['push', 'token', 'discovery', 'jwks', 'userinfo'] as const).map(endpoint => fresh.troubles.count(endpoint))

    for (let index = 0; index < 3; index += 1) await signIn(provider, fresh)
    const without = counts()
    for (let index = 0; index < 2; index += 1) await signIn(asking.provider, fresh)

    assert.deepEqual(without, [3, 3, 1, 1, 0])
    assert.deepEqual(counts(), [5, 5, 2, 2, 2])
  })

  it('NIST-05 lets the access token decide how long it lives, not the ID token', async () => {
    const { provider, clock } = createProviderUnderTest(idp)
    idp.setAccessTokenSeconds(77)
    after(() => idp.setAccessTokenSeconds(300))
    const before = Date.now() + clock.aheadMs

    const { access } = await signIn(provider, idp)

    assert.ok(access.expiresAt >= before + 77_000 && access.expiresAt <= before + 87_000)
  })

  it('IDT-09, A-023: tells two people apart by subject, whatever their address', async () => {
    const { provider } = createProviderUnderTest(idp)
    idp.people.bob.claims.email = 'alice@example.com'
    const attempt = newAttempt()
    const callback = await idp.signIn(await provider.authorizationUrl(attempt), { user: 'bob' })

    const bob = await provider.redeem({ ...attempt, query: callback.searchParams })

    assert.deepEqual([bob.provider, bob.sub, bob.claims.email], ['main', 'b2', 'alice@example.com'])
  })

  it('IDT-11 takes a fresh authentication where max_age was asked for', async () => {
    const { provider } = createProviderUnderTest(idp)
    const callback = await fetchCallback(provider, idp, newAttempt({ max_age: '0', acr_values: 'urn:example:mfa' }))

    const { acr, amr } = await provider.redeem({ ...callback, maxAge: 0 })

    assert.deepEqual([acr, amr], ['urn:example:mfa', ['pwd', 'otp']])
  })

  it('keeps the ID token only where signing out needs it', async () => {
    const { provider } = createProviderUnderTest(idp, { logout: { hint: 'id_token_hint', params: {} } })

    const { idToken } = await signIn(provider, idp)

    assert.ok(idToken !== null && idp.issued.has(idToken.token))
    assert.equal(idToken.expiresAt, Number(decodeJwt(idToken.token).exp) * 1000)
  })
})

describe('a sign-in that the provider refuses', async () => {
  const idp = await startIdentityProvider({ redirectUris })
  after(() => idp.close())

  it('FLOW-11 is access_denied, without a token request', async () => {
    const { provider } = createProviderUnderTest(idp)
    const attempt = newAttempt()
    const callback = await idp.signIn(await provider.authorizationUrl(attempt), { deny: true })

    await assert.rejects(provider.redeem({ ...attempt, query: callback.searchParams }), gatewayError('access_denied', 'denied_by_provider'))

    assert.equal(idp.troubles.count('token'), 0)
  })

  it('IDT-17 says so when a silent sign-in needs the person', async () => {
    const { provider } = createProviderUnderTest(idp)
    const callback = await fetchCallback(provider, idp, newAttempt({ prompt: 'none' }))

    await assert.rejects(provider.redeem(callback), gatewayError('access_denied', 'login_required'))
  })

  it('is idp_unavailable when it refuses us rather than the person', async () => {
    const { provider } = createProviderUnderTest(idp, { clientAuth: { method: 'client_secret_basic', secret: 'wrong' } })

    await assert.rejects(signIn(provider, idp), gatewayError('idp_unavailable', 'invalid_client'))
  })
})

describe('the way to the provider', () => {
  it('META-03 believes the configured certificate authority and no other', async () => {
    const idp = await startIdentityProvider({ https: true, redirectUris })
    after(() => idp.close())

    const { sub } = await signIn(createProviderUnderTest(idp).provider, idp)
    const { ca: _unknown, ...stranger } = idp

    assert.equal(sub, 'a1')
    await assert.rejects(
      createProviderUnderTest(stranger).provider.authorizationUrl(newAttempt()),
      gatewayError('idp_unavailable', 'unreachable'),
    )
  })

  it('leads back-channel requests to connectTo under the issuer’s name, and the browser to the issuer', async () => {
    // Nobody listens on this address.
    const idp = await startLyingProvider({ issuer: 'http://id.localhost:9' })
    after(() => idp.close())
    const { provider } = createProviderUnderTest(idp, {
      connectTo: idp.address,
      claims: { email: { from: ['userinfo'], path: ['email'] } },
    })

    const url = await provider.authorizationUrl(newAttempt())
    const { sub } = await signIn(provider, idp)

    assert.equal(url.origin, idp.issuer)
    assert.equal(sub, 'a1')
    const asked = idp.requests.filter(({ path }) => path !== '/auth')
    assert.deepEqual(new Set(asked.map(({ path }) => path)), new Set(['/.well-known/openid-configuration', '/token', '/jwks', '/me']))
    assert.deepEqual(new Set(asked.map(({ host }) => host)), new Set(['id.localhost:9']))
  })
})

function lastOf<T>(items: readonly T[]): T {
  const item = items.at(-1)
  assert.ok(item !== undefined)
  return item
}
