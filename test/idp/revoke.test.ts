import assert from 'node:assert/strict'
import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, describe, it } from 'node:test'
import type { ProviderConfig } from '../../src/config/config.ts'
import { makeCertificate } from '../support/certificate.ts'
import { type IdentityProviderOptions, startIdentityProvider } from '../support/identity-provider.ts'
import { type Lies, startLyingProvider } from '../support/lying-provider.ts'
import { createProviderUnderTest, gatewayError, redirectUri, signIn } from '../support/provider-under-test.ts'

const redirectUris = [redirectUri]

describe('a revocation at a real provider', async () => {
  const idp = await startIdentityProvider({ redirectUris, accessTokens: 'opaque' })
  after(() => idp.close())
  afterEach(() => idp.troubles.clear())

  async function signedIn(overrides: Partial<ProviderConfig> = {}) {
    const { provider } = createProviderUnderTest(idp, overrides)
    const { refreshToken, access, sub } = await signIn(provider, idp)
    assert.ok(refreshToken !== null)
    return { provider, refreshToken, access, sub }
  }

  it('REV-02 is authenticated as the token request is, with the token in its body, and ends the grant', async () => {
    const { provider, refreshToken, sub } = await signedIn()

    assert.equal(await provider.revoke({ token: refreshToken, hint: 'refresh_token' }), 'done')

    const { authorization, ...seen } = idp.revocations.at(-1) ?? {}
    assert.deepEqual(seen, { token: refreshToken, hint: 'refresh_token', status: 200 })
    assert.equal(authorization, idp.tokenRequests.at(-1)?.authorization)
    assert.match(authorization ?? '', /^Basic /)
    await assert.rejects(provider.refresh({ refreshToken, sub, scopes: [] }), gatewayError('session_expired', 'invalid_grant'))
  })

  it('may be of an access token', async () => {
    const { provider, access } = await signedIn()

    assert.equal(await provider.revoke({ token: access.token, hint: 'access_token' }), 'done')

    assert.deepEqual([idp.revocations.at(-1)?.token, idp.revocations.at(-1)?.hint], [access.token, 'access_token'])
  })

  it('is done when the provider does not know the token, or not any more', async () => {
    const { provider, refreshToken } = await signedIn()

    for (const token of [refreshToken, refreshToken, 'never-heard-of'])
      assert.equal(await provider.revoke({ token, hint: 'refresh_token' }), 'done')
  })

  it('is not supported where the provider says so: for JWTs here, and elsewhere for all', async () => {
    const jwts = await startIdentityProvider({ redirectUris })
    const none = await startIdentityProvider({ redirectUris, revocation: false })
    after(() => Promise.all([jwts.close(), none.close()]))
    const atJwts = createProviderUnderTest(jwts).provider
    const { access } = await signIn(atJwts, jwts)

    assert.equal(await atJwts.revoke({ token: access.token, hint: 'access_token' }), 'unsupported')
    assert.equal(await createProviderUnderTest(none).provider.revoke({ token: 't', hint: 'refresh_token' }), 'unsupported')

    assert.deepEqual([jwts.revocations.length, none.troubles.count('revoke')], [1, 0])
  })

  it('is to be tried again when the provider is in trouble, away, slow or answers with a page', async () => {
    const { provider, refreshToken } = await signedIn({ timeoutMs: 1_000 })
    const revoke = () => provider.revoke({ token: refreshToken, hint: 'refresh_token' })
    for (const [trouble, reason] of [
      ['error', 'revocation_failed'],
      ['html', 'not_json'],
      ['hang', 'timeout'],
      [(_request, response) => response.writeHead(503, { 'retry-after': '5' }).end(), 'revocation_failed'],
      [(_request, response) => response.writeHead(502, { 'content-type': 'text/html' }).end('<h1>Bad gateway</h1>'), 'revocation_failed'],
      [(_request, response) => response.writeHead(302, { location: 'https://elsewhere.example/' }).end(), 'revocation_failed'],
    ] as const satisfies readonly (readonly [Parameters<typeof idp.troubles.set>[1], string])[]) {
      idp.troubles.set('revoke', trouble)
      await assert.rejects(revoke(), gatewayError('idp_unavailable', reason), reason)
    }
    idp.troubles.clear()
    await idp.stop()
    await assert.rejects(revoke(), gatewayError('idp_unavailable', 'unreachable'))
    await idp.start()

    assert.equal(await revoke(), 'done')
  })

  it('tells the operator when the provider does not take us for who we are', async () => {
    const { provider } = await signedIn({ clientAuth: { method: 'client_secret_basic', secret: idp.clientSecret } })
    const stranger = createProviderUnderTest(idp, { clientAuth: { method: 'client_secret_basic', secret: 'another' } }).provider

    await assert.rejects(stranger.revoke({ token: 't', hint: 'refresh_token' }), gatewayError('idp_unavailable', 'invalid_client'))
    assert.equal(await provider.revoke({ token: 't', hint: 'refresh_token' }), 'done')
  })
})

describe('a revocation proves who we are by each method', () => {
  const signingKey = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
  const clientKey = { ...createPublicKey(signingKey).export({ format: 'jwk' }), kid: 'c1', alg: 'ES256', use: 'sig' }

  async function revokeAt(options: IdentityProviderOptions, overrides: (secret: string) => Partial<ProviderConfig>) {
    const idp = await startIdentityProvider({ redirectUris, ...options })
    after(() => idp.close())
    const config = overrides(idp.clientSecret)
    const tls = { ...(idp.ca === undefined ? {} : { ca: Buffer.from(idp.ca) }), ...config.tls }
    const { provider } = createProviderUnderTest(idp, { ...config, ...(idp.ca === undefined ? {} : { tls }) })
    assert.equal(await provider.revoke({ token: 'never-heard-of', hint: 'refresh_token' }), 'done')
    return { idp, authorization: idp.revocations.at(-1)?.authorization }
  }

  it('REV-02 by client_secret_post', async () => {
    const { authorization } = await revokeAt({ clientAuth: 'client_secret_post' }, secret => ({
      clientAuth: { method: 'client_secret_post', secret },
    }))

    assert.equal(authorization, '')
  })

  it('REV-02 by private_key_jwt', async () => {
    const { authorization } = await revokeAt({ clientAuth: 'private_key_jwt', clientKeys: [clientKey] }, () => ({
      clientAuth: { method: 'private_key_jwt', key: signingKey, keyId: 'c1', algorithm: 'ES256', audience: 'issuer' },
    }))

    assert.equal(authorization, '')
  })

  it('REV-02 by tls_client_auth, where the certificate is asked for', async () => {
    const own = makeCertificate(['client.example'])
    const { idp } = await revokeAt({ https: true, clientAuth: 'tls_client_auth', clientCertificate: own.cert }, () => ({
      clientAuth: { method: 'tls_client_auth' },
      tls: { cert: Buffer.from(own.cert), key: Buffer.from(own.key) },
    }))

    assert.equal(idp.certificateRequests(), 1)
  })

  it('REV-02 by client_assertion', async () => {
    const idp = await startLyingProvider()
    const folder = await mkdtemp(join(tmpdir(), 'sallyport-'))
    after(() => Promise.all([idp.close(), rm(folder, { recursive: true })]))
    const assertionFile = join(folder, 'token')
    await writeFile(assertionFile, 'aa.bb.cc')
    const { provider } = createProviderUnderTest(idp, { clientAuth: { method: 'client_assertion', assertionFile } })

    await provider.revoke({ token: 't', hint: 'refresh_token' })

    const { path, body } = idp.requests.at(-1) ?? {}
    assert.deepEqual([path, body?.get('client_assertion'), body?.get('token')], ['/revoke', 'aa.bb.cc', 't'])
  })
})

describe('a revocation answered by a provider that lies', async () => {
  const idp = await startLyingProvider()
  after(() => idp.close())

  const revokeWith = (lies: Lies) => {
    idp.lies = lies
    return createProviderUnderTest(idp).provider.revoke({ token: 't', hint: 'refresh_token' })
  }
  const answered = (status: number, type: string, body: string): Lies => ({
    take: { revoke: (_request, response) => response.writeHead(status, { 'content-type': type }).end(body) },
  })

  it('is read by its status: a body counts for nothing, unless it is a page of somebody in between', async () => {
    for (const [type, body] of [
      ['text/plain', 'OK'],
      ['text/html', ''],
      ['application/json', '{"error":"invalid_grant"}'],
      ['application/json', '{'],
    ] as const)
      assert.equal(await revokeWith(answered(200, type, body)), 'done', `${type} ${body}`)
    await assert.rejects(revokeWith(answered(200, 'text/html', '<p>Please sign in')), gatewayError('idp_unavailable', 'not_json'))
  })

  it('is done, unsupported or to be tried again by the error that the provider names', async () => {
    const named = (error: string) => revokeWith(answered(400, 'application/json', JSON.stringify({ error })))

    assert.equal(await named('invalid_token'), 'done')
    assert.equal(await named('unsupported_token_type'), 'unsupported')
    await assert.rejects(named('invalid_request'), gatewayError('idp_unavailable', 'invalid_request'))
    await assert.rejects(named('made up'), gatewayError('idp_unavailable', 'unknown_error'))
  })

  it('META-03 goes to no place that the metadata has no business to name', async () => {
    for (const [place, reason] of [
      ['http://other.example/revoke', 'insecure_endpoint'],
      ['https://169.254.169.254/revoke', 'insecure_endpoint'],
      [7, 'metadata_invalid'],
    ] as const) {
      const lies: Lies = { metadata: truth => ({ ...truth, revocation_endpoint: place }) }
      await assert.rejects(revokeWith(lies), gatewayError('idp_unavailable', reason), String(place))
    }
  })
})
