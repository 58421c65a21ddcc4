import assert from 'node:assert/strict'
import { createPublicKey, generateKeyPairSync, type JsonWebKey, type KeyObject } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { compactVerify, decodeJwt, decodeProtectedHeader } from 'jose'
import type { ClientAuth } from '../../src/config/config.ts'
import { makeCertificate } from '../support/certificate.ts'
import { startIdentityProvider } from '../support/identity-provider.ts'
import { startLyingProvider } from '../support/lying-provider.ts'
import { createProviderUnderTest, gatewayError, newAttempt, redirectUri, signIn } from '../support/provider-under-test.ts'

type Algorithm = Extract<ClientAuth, { method: 'private_key_jwt' }>['algorithm']

const redirectUris = [redirectUri]

function newKey(algorithm: Algorithm): KeyObject {
  if (algorithm === 'PS256') return generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
  return algorithm === 'ES256' ? generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey : generateKeyPairSync('ed25519').privateKey
}

function signing(algorithm: Algorithm, key: KeyObject, audience: 'issuer' | 'token_endpoint' = 'issuer') {
  return { method: 'private_key_jwt', key, keyId: 'c1', algorithm, audience } as const
}

describe('private_key_jwt', async () => {
  const key = newKey('ES256')
  const idp = await startLyingProvider({ par: true })
  after(() => idp.close())
  const assertions = () => idp.requests.map(({ body }) => body.get('client_assertion')).filter(assertion => assertion !== null)

  it('CAUTH-05 proves who we are to a real provider, with each algorithm', async () => {
    for (const algorithm of ['PS256', 'ES256', 'EdDSA'] as const) {
      const ownKey = newKey(algorithm)
      const clientKey = { ...createPublicKey(ownKey).export({ format: 'jwk' }), kid: 'c1', alg: algorithm, use: 'sig' }
      const real = await startIdentityProvider({ redirectUris, clientAuth: 'private_key_jwt', clientKeys: [clientKey], par: 'required' })
      after(() => real.close())
      const { provider } = createProviderUnderTest(real, { clientAuth: signing(algorithm, ownKey) })

      const { sub, refreshToken } = await signIn(provider, real)
      await provider.refresh({ refreshToken: refreshToken ?? '', sub, scopes: [] })

      assert.deepEqual(
        real.tokenRequests.map(({ status, authorization }) => [status, authorization]),
        [
          [200, ''],
          [200, ''],
        ],
        algorithm,
      )
    }
  })

  it('CAUTH-01, CAUTH-02 and CAUTH-03 say who, to whom and for how long, in a type of their own', async () => {
    const { provider } = createProviderUnderTest(idp, { clientAuth: signing('ES256', key) })
    const { refreshToken } = await signIn(provider, idp)
    await provider.refresh({ refreshToken: refreshToken ?? '', sub: 'a1', scopes: [] })

    const seconds = Date.now() / 1000
    assert.equal(assertions().length, 3)
    for (const assertion of assertions()) {
      await compactVerify(assertion, createPublicKey(key))
      assert.deepEqual(decodeProtectedHeader(assertion), { alg: 'ES256', typ: 'client-authentication+jwt', kid: 'c1' })
      const { iss, sub, aud, iat = 0, exp = 0, jti = '', ...rest } = decodeJwt(assertion)
      // RFC 10070, A-017: the issuer, as one text.
      assert.deepEqual([iss, sub, aud], ['sallyport', 'sallyport', idp.issuer])
      assert.ok(iat <= seconds && iat > seconds - 20 && exp - iat === 60 && exp > seconds + 30)
      assert.match(jti, /^[\w-]{22}$/)
      assert.deepEqual(rest, {})
    }
    const { body, authorization } = idp.requests.findLast(({ path }) => path === '/token') ?? {}
    assert.equal(body?.get('client_assertion_type'), 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer')
    assert.deepEqual([authorization, body?.get('client_secret'), body?.get('client_id')], ['', null, 'sallyport'])
  })

  it('CAUTH-02, A-017: the audience is not what the metadata could make it', async () => {
    const honest = await startLyingProvider()
    after(() => honest.close())
    idp.lies = { metadata: truth => ({ ...truth, token_endpoint: `${honest.issuer}/token` }) }
    after(() => {
      idp.lies = {}
    })
    const { provider } = createProviderUnderTest(idp, { clientAuth: signing('ES256', key), par: 'off' })

    await assert.rejects(signIn(provider, idp))
    const caught = honest.requests.at(-1)?.body.get('client_assertion') ?? ''

    assert.equal(decodeJwt(caught).aud, idp.issuer)
    idp.lies = {}
  })

  it('CAUTH-02 may be for the token endpoint, at a provider that still wants that', async () => {
    const before = assertions().length
    await signIn(createProviderUnderTest(idp, { clientAuth: signing('ES256', key, 'token_endpoint') }).provider, idp)

    for (const assertion of assertions().slice(before)) assert.equal(decodeJwt(assertion).aud, `${idp.issuer}/token`)
  })

  it('CAUTH-04 is new for every try: failed ones, parallel ones, pushes and refreshes', async () => {
    const { provider } = createProviderUnderTest(idp, { clientAuth: signing('ES256', key) })
    idp.lies = { take: { par: (_request, response) => response.writeHead(503).end() } }
    const before = assertions().length
    for (let tries = 0; tries < 2; tries += 1) await assert.rejects(provider.authorizationUrl(newAttempt()), { code: 'idp_unavailable' })
    idp.lies = {}

    await Promise.all(Array.from({ length: 20 }, () => signIn(provider, idp)))
    await provider.refresh({ refreshToken: 'r', sub: 'a1', scopes: [] })

    const all = assertions().slice(before)
    assert.equal(all.length, 41)
    assert.equal(new Set(all.map(assertion => decodeJwt(assertion).jti)).size, 41)
  })

  it('FAPI-07 is not of the future for a provider whose clock is behind ours', async () => {
    const { provider, clock } = createProviderUnderTest(idp, { clientAuth: signing('ES256', key) })
    clock.aheadMs = 4_000

    await signIn(provider, idp)

    assert.ok((decodeJwt(assertions().at(-1) ?? '').iat ?? 0) <= Date.now() / 1000)
  })
})

describe('client_assertion', async () => {
  const idp = await startLyingProvider()
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-'))
  after(async () => {
    await idp.close()
    await rm(folder, { recursive: true })
  })
  const assertionFile = join(folder, 'token')
  const signedIn = () => signIn(createProviderUnderTest(idp, { clientAuth: { method: 'client_assertion', assertionFile } }).provider, idp)
  const lastAssertion = () => idp.requests.findLast(({ path }) => path === '/token')?.body.get('client_assertion')

  it('CAUTH-11 is read anew for every request', async () => {
    const { provider } = createProviderUnderTest(idp, { clientAuth: { method: 'client_assertion', assertionFile } })

    const sent = []
    for (const text of ['aa.bb.cc', ' dd.ee.ff\n']) {
      await writeFile(assertionFile, text)
      await signIn(provider, idp)
      sent.push(lastAssertion())
    }

    assert.deepEqual(sent, ['aa.bb.cc', 'dd.ee.ff'])
  })

  it('tells the operator which file, when it is missing, empty, too large or something else', async () => {
    const unreadable = (error: unknown) => {
      assert.ok(error instanceof Error)
      assert.match(error.message, /identityProviders\.main\.clientAuth\.assertion\.file/)
      assert.equal(error.message.includes('canary'), false)
      return 'reason' in error && error.reason === 'client_assertion_unreadable' && 'code' in error && error.code === 'idp_unavailable'
    }
    for (const text of ['', 'canary', 'canary.canary.can ary', `${'canary'.repeat(5_000)}.b.c`]) {
      await writeFile(assertionFile, text)
      await assert.rejects(signedIn(), unreadable)
    }
    await rm(assertionFile)
    await assert.rejects(signedIn(), unreadable)
    const tokens = idp.requests.filter(({ path }) => path === '/token').length
    assert.equal(tokens, 2)
  })
})

describe('tls_client_auth', async () => {
  const own = makeCertificate(['client.example'])
  const tls = { cert: Buffer.from(own.cert), key: Buffer.from(own.key) }
  const idp = await startIdentityProvider({ https: true, redirectUris, clientAuth: 'tls_client_auth', clientCertificate: own.cert })
  after(() => idp.close())
  const ca = Buffer.from(idp.ca ?? '')

  it('CAUTH-09 shows the certificate where the provider asks for it, and says who it is for', async () => {
    const { provider } = createProviderUnderTest(idp, { clientAuth: { method: 'tls_client_auth' }, tls: { ca, ...tls } })

    const { sub, refreshToken } = await signIn(provider, idp)
    await provider.refresh({ refreshToken: refreshToken ?? '', sub, scopes: [] })

    assert.equal(idp.certificateRequests(), 2)
    for (const { params, authorization } of idp.tokenRequests) {
      assert.deepEqual(
        [params.client_id, params.client_secret, params.client_assertion, authorization],
        ['sallyport', undefined, undefined, ''],
      )
    }
  })

  it('CAUTH-09 fails with another certificate, or none', async () => {
    const stranger = makeCertificate(['client.example'])
    const others = [{ ca }, { ca, cert: Buffer.from(stranger.cert), key: Buffer.from(stranger.key) }]
    for (const otherTls of others) {
      const { provider } = createProviderUnderTest(idp, { clientAuth: { method: 'tls_client_auth' }, tls: otherTls })
      await assert.rejects(signIn(provider, idp), gatewayError('idp_unavailable', 'unreachable'))
    }
  })
})

describe('what we prove ourselves with', () => {
  it('CAUTH-06 is form-encoded for client_secret_basic', async () => {
    const idp = await startLyingProvider()
    after(() => idp.close())
    const secret = 'a:b%+&é'

    await signIn(createProviderUnderTest(idp, { clientAuth: { method: 'client_secret_basic', secret } }).provider, idp)

    const { authorization = '' } = idp.requests.findLast(({ path }) => path === '/token') ?? {}
    const [, encoded] = Buffer.from(authorization.slice(6), 'base64').toString().split(':')
    assert.equal(new URLSearchParams(`v=${encoded}`).get('v'), secret)
  })

  it('CAUTH-07 never stands in an address, nor in an error', async () => {
    const idp = await startLyingProvider({ par: true })
    after(() => idp.close())
    const key = newKey('ES256')
    const { d = '' } = key.export({ format: 'jwk' }) as JsonWebKey
    idp.lies = { take: { token: (_request, response) => response.writeHead(400).end() } }
    const { provider, events } = createProviderUnderTest(idp, { clientAuth: signing('ES256', key) })

    const failure = await signIn(provider, idp).catch((error: unknown) => error)

    assert.ok(failure instanceof Error)
    assert.equal(
      idp.requests.some(({ path }) => path.includes('assertion')),
      false,
    )
    assert.equal(`${failure.message}${failure.stack}${JSON.stringify(events)}`.includes(d), false)
  })
})
