import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { startIdentityProvider } from '../support/identity-provider.ts'
import { type Lies, type LyingProvider, type LyingProviderOptions, startLyingProvider } from '../support/lying-provider.ts'
import { createProviderUnderTest, fetchCallback, gatewayError, redirectUri, signIn } from '../support/provider-under-test.ts'

const minuteMs = 60_000
const keyFetches = (idp: LyingProvider) => idp.asked().filter(place => place === 'jwks').length

async function start(options: LyingProviderOptions = {}) {
  const idp = await startLyingProvider(options)
  after(() => idp.close())
  return { idp, ...createProviderUnderTest(idp) }
}

describe('the issuer’s keys', () => {
  it('META-05 are fetched once more when the provider has rotated them, at once', async () => {
    const { idp, provider } = await start()
    await signIn(provider, idp)
    await idp.rotate('k2')

    const results = [await signIn(provider, idp), await signIn(provider, idp)]

    assert.deepEqual(
      results.map(({ sub }) => sub),
      ['a1', 'a1'],
    )
    assert.equal(keyFetches(idp), 2)
  })

  it('META-05 may be rotated while somebody signs in', async () => {
    const { idp, provider } = await start()
    await signIn(provider, idp)
    const callback = await fetchCallback(provider, idp)
    await idp.rotate('k2')

    assert.equal((await provider.redeem(callback)).sub, 'a1')
  })

  it('META-05 may be rotated at a refresh', async () => {
    const { idp, provider } = await start()
    await signIn(provider, idp)
    await idp.rotate('k2')

    const { claims } = await provider.refresh({ refreshToken: 'r', sub: 'a1', scopes: [] })

    assert.notEqual(claims, null)
  })

  it('META-05, META-06: may be rotated where they have no names', async () => {
    const { idp, provider } = await start()
    await idp.rotate(null)
    await signIn(provider, idp)
    await idp.rotate(null)

    assert.equal((await signIn(provider, idp)).sub, 'a1')
    assert.equal(keyFetches(idp), 2)
  })

  it('META-05 cost the provider little, however many tokens name keys that are not there', async () => {
    const { idp, provider, clock } = await start()
    await signIn(provider, idp)
    let made = 0
    idp.lies = {
      header: truth => {
        made += 1
        return { ...truth, kid: `garbage-${made}` }
      },
    }
    const flood = () =>
      Promise.all(Array.from({ length: 50 }, () => assert.rejects(signIn(provider, idp), gatewayError('bad_request', 'id_token_invalid'))))

    await flood()
    await flood()
    const during = keyFetches(idp)
    clock.aheadMs += 10_001
    await flood()

    assert.deepEqual([made, during, keyFetches(idp)], [150, 2, 3])
    idp.lies = {}
    await idp.rotate('k2')
    clock.aheadMs += 10_001
    assert.equal((await signIn(provider, idp)).sub, 'a1')
  })

  it('META-06 are told apart by what they are for, where the token names none', async () => {
    const { idp } = await start()
    const other = await startLyingProvider()
    const rsa = await startLyingProvider({ alg: 'RS256' })
    after(() => Promise.all([other.close(), rsa.close()]))
    const own = idp.publicJwk()
    const { kid: _kid, ...nameless } = own
    const { kid: _otherKid, ...foreign } = other.publicJwk()
    const sets: Record<string, Record<string, unknown>[]> = {
      'one key': [own],
      'one key without a name': [nameless],
      'two keys without names': [foreign, nameless],
      'one for encryption beside it': [{ ...foreign, use: 'enc' }, nameless],
      'one of another kind beside it': [rsa.publicJwk(), nameless],
      'two that say little of themselves': [
        { kty: foreign.kty, crv: foreign.crv, x: foreign.x, y: foreign.y },
        { kty: own.kty, crv: own.crv, x: own.x, y: own.y },
      ],
      'one that is broken beside it': [{ ...foreign, x: 'AAAA' }, nameless],
    }

    for (const [name, keys] of Object.entries(sets)) {
      idp.lies = { jwks: () => ({ keys }), header: ({ kid: _name, ...rest }) => rest }
      assert.equal((await signIn(createProviderUnderTest(idp).provider, idp)).sub, 'a1', name)
    }
    idp.lies = { jwks: () => ({ keys: [{ ...foreign, kid: 'k1' }, own] }) }
    assert.equal((await signIn(createProviderUnderTest(idp).provider, idp)).sub, 'a1', 'two of one name')
  })

  it('META-07 are renewed behind the back of those who sign in, and kept for a while when that fails', async () => {
    const { idp, provider, clock } = await start()
    const ofNow: Lies = { claims: truth => ({ ...truth, iat: Math.floor((Date.now() + clock.aheadMs) / 1000) }) }
    idp.lies = ofNow
    await signIn(provider, idp)
    clock.aheadMs += 6 * minuteMs
    idp.lies = { ...ofNow, take: { jwks: (_request, response) => response.writeHead(500).end() } }

    assert.equal((await signIn(provider, idp)).sub, 'a1')
    clock.aheadMs += 60 * minuteMs
    await assert.rejects(signIn(provider, idp), gatewayError('idp_unavailable', 'keys_invalid'))

    assert.equal(keyFetches(idp), 3)
  })

  it('are fetched by one request, however many sign in', async () => {
    const { idp, provider } = await start()

    await Promise.all(Array.from({ length: 20 }, () => signIn(provider, idp)))

    assert.equal(keyFetches(idp), 1)
  })
})

describe('an ID token’s algorithm', () => {
  it('IDT-02 may be any that signs with a key of the provider’s alone', async () => {
    for (const alg of ['RS256', 'PS256', 'ES256', 'EdDSA'] as const) {
      const real = await startIdentityProvider({ redirectUris: [redirectUri], alg })
      after(() => real.close())
      const { provider } = createProviderUnderTest(real)

      const { sub, refreshToken } = await signIn(provider, real)
      const { claims } = await provider.refresh({ refreshToken: refreshToken ?? '', sub, scopes: [] })

      assert.equal(claims?.name, 'Alice Adams', alg)
    }
  })

  it('IDT-02 is RS256 where the metadata says nothing', async () => {
    const { idp, provider } = await start({ alg: 'RS256' })
    idp.lies = { metadata: ({ id_token_signing_alg_values_supported: _algorithms, ...rest }) => rest }

    assert.equal((await signIn(provider, idp)).sub, 'a1')
  })

  it('IDT-10 goes with the hash of the access token and the code', async () => {
    for (const alg of ['PS256', 'EdDSA'] as const) {
      const { idp, provider } = await start({ alg })
      assert.equal((await signIn(provider, idp)).sub, 'a1')
      idp.lies = { claims: truth => ({ ...truth, at_hash: 'AAAAAAAAAAAAAAAAAAAAAA' }) }
      await assert.rejects(signIn(provider, idp), gatewayError('bad_request', 'id_token_invalid'))
    }
  })
})
