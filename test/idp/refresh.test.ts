import assert from 'node:assert/strict'
import { after, afterEach, describe, it } from 'node:test'
import { startIdentityProvider } from '../support/identity-provider.ts'
import { type Lies, startLyingProvider } from '../support/lying-provider.ts'
import { createProviderUnderTest, gatewayError, redirectUri, signIn } from '../support/provider-under-test.ts'

const scopes = ['orders.read']

describe('a refresh at a real provider', async () => {
  const idp = await startIdentityProvider({ redirectUris: [redirectUri] })
  after(() => idp.close())
  afterEach(() => idp.troubles.clear())

  async function signedIn(overrides: Parameters<typeof createProviderUnderTest>[1] = {}) {
    const underTest = createProviderUnderTest(idp, overrides)
    const { refreshToken, access, sub } = await signIn(underTest.provider, idp)
    assert.ok(refreshToken !== null)
    return { ...underTest, access, request: { refreshToken, sub, scopes } }
  }

  it('brings a new access token, the rotated refresh token and the claims of now', async () => {
    const { provider, request, access } = await signedIn()
    idp.people.alice.claims.name = 'Alice Miller'

    const refreshed = await provider.refresh(request)

    assert.notEqual(refreshed.access.token, access.token)
    assert.notEqual(refreshed.refreshToken, request.refreshToken)
    assert.ok(idp.issued.has(refreshed.access.token) && idp.issued.has(refreshed.refreshToken))
    assert.deepEqual(refreshed.access.scopes, ['orders.read'])
    assert.deepEqual(refreshed.claims, { name: 'Alice Miller', email: 'alice@example.com', email_verified: true })
    assert.equal(refreshed.idToken, null)
  })

  it('RTK-03 keeps the old refresh token where the provider returns none', async () => {
    const { provider, request } = await signedIn()
    idp.troubles.set('token', (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).end('{"access_token":"a","token_type":"Bearer","expires_in":60}')
    })

    const refreshed = await provider.refresh(request)

    assert.equal(refreshed.refreshToken, request.refreshToken)
    assert.deepEqual([refreshed.claims, refreshed.idToken], [null, null])
  })

  it('FAPI-03 works where the provider does not rotate', async () => {
    const steady = await startIdentityProvider({ redirectUris: [redirectUri], rotate: false })
    after(() => steady.close())
    const { provider } = createProviderUnderTest(steady)
    const { refreshToken, sub } = await signIn(provider, steady)

    const first = await provider.refresh({ refreshToken: refreshToken ?? '', sub, scopes })
    const second = await provider.refresh({ refreshToken: first.refreshToken, sub, scopes })

    assert.ok(idp !== steady && steady.issued.has(second.access.token))
  })

  it('RTK-06 asks for no scope at all', async () => {
    const { provider, request } = await signedIn()

    await provider.refresh(request)

    const { params, authorization } = idp.tokenRequests.at(-1) ?? {}
    assert.deepEqual(Object.keys(params ?? {}).sort(), ['grant_type', 'refresh_token'])
    assert.match(authorization ?? '', /^Basic /)
  })

  it('RTK-04 ends the session when the grant is over', async () => {
    const { provider, request } = await signedIn()
    idp.endGrants()

    await assert.rejects(provider.refresh(request), gatewayError('session_expired', 'invalid_grant'))
  })

  it('RTK-05 is an outage, not the end, when the IdP is away, slow, in trouble or answers with a page', async () => {
    const { provider, request } = await signedIn({ timeoutMs: 1_000 })
    for (const [trouble, reason] of [
      ['error', 'token_response_invalid'],
      ['html', 'not_json'],
      ['hang', 'timeout'],
    ] as const) {
      idp.troubles.set('token', trouble)
      await assert.rejects(provider.refresh(request), gatewayError('idp_unavailable', reason))
    }
    idp.troubles.clear()
    await idp.stop()
    await assert.rejects(provider.refresh(request), gatewayError('idp_unavailable', 'unreachable'))
    await idp.start()

    assert.ok((await provider.refresh(request)).access.token)
  })

  it('loses no rotated token because the key set cannot be had: it does without the claims', async () => {
    const { request } = await signedIn()
    // A gateway that has just been started: it holds no keys from before.
    const { provider, events, clock } = createProviderUnderTest(idp)
    idp.troubles.set('jwks', 'error')

    const refreshed = await provider.refresh(request)
    idp.troubles.clear()
    clock.aheadMs += 1_000
    const next = await provider.refresh({ ...request, refreshToken: refreshed.refreshToken })

    assert.equal(refreshed.claims, null)
    assert.deepEqual(next.claims, { name: 'Alice Miller', email: 'alice@example.com', email_verified: true })
    assert.deepEqual(
      events.map(({ event }) => event),
      ['provider_keys_unavailable'],
    )
  })

  it('applies the allow rules to the claims of now', async () => {
    const { provider, request } = await signedIn({ allow: { emailDomains: ['example.com'] } })
    idp.people.alice.claims.email_verified = false

    await assert.rejects(provider.refresh(request), gatewayError('access_denied', 'not_allowed'))
  })
})

describe('a refresh answered by a provider that lies', async () => {
  const idp = await startLyingProvider()
  after(() => idp.close())
  afterEach(() => {
    idp.lies = {}
  })

  const refreshWith = (lies: Lies, overrides: Parameters<typeof createProviderUnderTest>[1] = {}) => {
    idp.lies = lies
    return createProviderUnderTest(idp, overrides).provider.refresh({ refreshToken: 'r', sub: 'a1', scopes })
  }
  const withClaims = (claims: Record<string, unknown>) => refreshWith({ claims: truth => ({ ...truth, ...claims }) })

  it('is taken when it is about the same person', async () => {
    assert.deepEqual((await refreshWith({})).claims, {})
  })

  it('IDT-14, A-022: about somebody else, from elsewhere or for others, it ends the session', async () => {
    const swaps = [{ sub: 'b2' }, { iss: 'https://other.example' }, { aud: 'other' }, { aud: ['sallyport', 'other'] }, { azp: 'other' }]
    for (const swap of swaps)
      await assert.rejects(withClaims(swap), gatewayError('session_expired', 'id_token_changed'), JSON.stringify(swap))
  })

  it('IDT-02 with an ID token that is not the provider’s, it ends the session', async () => {
    const flip = (token: string) => token.slice(0, -5) + (token.at(-5) === 'A' ? 'B' : 'A') + token.slice(-4)
    const as = (alg: string) => (token: string) =>
      [Buffer.from(JSON.stringify({ alg })).toString('base64url'), token.split('.')[1], ''].join('.')
    const takesAnything: Lies = { metadata: truth => ({ ...truth, id_token_signing_alg_values_supported: ['none', 'HS256', 'ES256'] }) }

    await assert.rejects(refreshWith({ idToken: flip }), gatewayError('session_expired', 'id_token_invalid'))
    for (const alg of ['none', 'HS256']) {
      await assert.rejects(refreshWith({ idToken: as(alg) }), gatewayError('session_expired', 'id_token_invalid'))
      await assert.rejects(refreshWith({ ...takesAnything, idToken: as(alg) }), gatewayError('session_expired', 'id_token_invalid'))
    }
    await assert.rejects(withClaims({ exp: 1 }), gatewayError('session_expired', 'id_token_invalid'))
    await assert.rejects(withClaims({ at_hash: 'x' }), gatewayError('session_expired', 'id_token_invalid'))
  })

  it('does not widen a grant: an answer without scope means the scopes of before', async () => {
    const refreshed = await refreshWith({}, { scopes: ['openid', 'orders.read', 'orders.write'] })

    assert.deepEqual(refreshed.access.scopes, scopes)
  })

  it('says which of our mistakes it is that the provider complains about', async () => {
    const refused = (status: number, body: string, headers = {}): Lies => ({
      token: (_request, response) => response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body),
    })
    const challenge = { 'www-authenticate': 'Basic realm="x"' }

    await assert.rejects(
      refreshWith(refused(401, '{"error":"invalid_client"}', challenge)),
      gatewayError('idp_unavailable', 'invalid_client'),
    )
    await assert.rejects(refreshWith(refused(401, '{"error":"invalid_client"}')), gatewayError('idp_unavailable', 'invalid_client'))
    await assert.rejects(refreshWith(refused(400, '{"error":"invalid_scope"}')), gatewayError('idp_unavailable', 'invalid_scope'))
    await assert.rejects(refreshWith(refused(400, '{"error":"invalid_grant"}')), gatewayError('session_expired', 'invalid_grant'))
  })
})
