import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, beforeEach, describe, it } from 'node:test'
import { type Lies, startLyingProvider } from '../support/lying-provider.ts'
import { createProviderUnderTest, fetchCallback, gatewayError, newAttempt, signIn } from '../support/provider-under-test.ts'

describe('an ID token', async () => {
  const idp = await startLyingProvider()
  after(() => idp.close())
  beforeEach(() => {
    idp.lies = {}
  })

  const signInWith = (lies: Lies) => {
    idp.lies = lies
    return signIn(createProviderUnderTest(idp).provider, idp)
  }
  /** Claims that hold a time are a function of the second in which the token is made. */
  type Changes = Record<string, unknown> | ((seconds: number) => Record<string, unknown>)
  const changed = (changes: Changes) => (typeof changes === 'function' ? changes(Math.floor(Date.now() / 1000)) : changes)
  const withClaims = (changes: Changes) => signInWith({ claims: truth => ({ ...truth, ...changed(changes) }) })
  const refuses = (changes: Changes, reason = 'id_token_invalid') =>
    assert.rejects(withClaims(changes), gatewayError('bad_request', reason), JSON.stringify(changed(changes)))
  const accepts = async (changes: Changes) => assert.equal((await withClaims(changes)).provider, 'main', JSON.stringify(changed(changes)))

  it('is accepted as it should be', async () => {
    assert.equal((await signInWith({})).sub, 'a1')
  })

  it('IDT-01 must be there and be one', async () => {
    await assert.rejects(signInWith({ idToken: () => undefined }), gatewayError('idp_unavailable', 'token_response_invalid'))
    for (const junk of ['a.b', 'a.b.c', 'a.b.c.d.e', '..', 'x']) {
      await assert.rejects(signInWith({ idToken: () => junk }), gatewayError('bad_request', 'id_token_invalid'), junk)
    }
  })

  it('IDT-02 must be signed, with an algorithm the provider announces, by its key', async () => {
    const unsigned = (token: string, alg: string) =>
      [Buffer.from(JSON.stringify({ alg })).toString('base64url'), token.split('.')[1], ''].join('.')
    const flip = (token: string) => token.slice(0, -5) + (token.at(-5) === 'A' ? 'B' : 'A') + token.slice(-4)
    const stranger = await startLyingProvider()
    after(() => stranger.close())

    await assert.rejects(signInWith({ idToken: token => unsigned(token, 'none') }), gatewayError('bad_request', 'id_token_invalid'))
    await assert.rejects(signInWith({ idToken: token => unsigned(token, 'HS256') }), gatewayError('bad_request', 'id_token_invalid'))
    await assert.rejects(signInWith({ idToken: flip }), gatewayError('bad_request', 'id_token_invalid'))
    await assert.rejects(signInWith({ header: truth => ({ ...truth, kid: 'k2' }) }), gatewayError('bad_request', 'id_token_invalid'))
    const announced = (truth: object) => ({ ...truth, id_token_signing_alg_values_supported: ['none', 'HS256', 'RS256'] })
    await assert.rejects(signInWith({ metadata: announced }), gatewayError('bad_request', 'id_token_invalid'))
    await assert.rejects(
      signInWith({ metadata: announced, idToken: token => unsigned(token, 'none') }),
      gatewayError('bad_request', 'id_token_invalid'),
    )
    await assert.rejects(
      signInWith({ metadata: announced, idToken: token => unsigned(token, 'HS256') }),
      gatewayError('bad_request', 'id_token_invalid'),
    )
    const foreignKeys = await (await fetch(`${stranger.issuer}/jwks`)).json()
    await assert.rejects(
      signInWith({ jwks: () => foreignKeys as Record<string, unknown> }),
      gatewayError('bad_request', 'id_token_invalid'),
    )
  })

  it('IDT-03 must be from this issuer, for us', async () => {
    await refuses({ iss: 'https://other.example' })
    await refuses({ iss: `${idp.issuer}/` })
    await refuses({ iss: undefined })
    await refuses({ aud: 'other' })
    await refuses({ aud: [] })
    await refuses({ aud: undefined })
    await accepts({ aud: ['sallyport'] })
  })

  it('IDT-04 must be for nobody else', async () => {
    await refuses({ aud: ['sallyport', 'other'] })
    await refuses({ aud: ['sallyport', 'other'], azp: 'sallyport' })
    await refuses({ aud: ['sallyport', 7], azp: 'sallyport' })
  })

  it('IDT-05 must name nobody else as the authorized party', async () => {
    await refuses({ azp: 'other' })
    await refuses({ azp: null })
    await accepts({ azp: 'sallyport' })
  })

  it('IDT-06 must not have run out, nor begin later', async () => {
    await refuses(seconds => ({ exp: seconds - 61 }))
    await refuses({ exp: undefined })
    await refuses(seconds => ({ nbf: seconds + 61 }))
    await accepts(seconds => ({ exp: seconds - 1 }))
    await accepts(seconds => ({ nbf: seconds + 1 }))
  })

  it('IDT-07 must be made now', async () => {
    await refuses({ iat: undefined })
    await refuses(seconds => ({ iat: seconds + 3600 }))
    await refuses(seconds => ({ iat: seconds - 86_400 }))
    await accepts(seconds => ({ iat: seconds - 60 }))
  })

  it('IDT-08, A-005: must bring this attempt’s nonce back, even where the provider ignores PKCE', async () => {
    const { provider } = createProviderUnderTest(idp)
    await refuses({ nonce: 'other' }, 'nonce_mismatch')
    await refuses({ nonce: undefined })
    await refuses({ nonce: 7 }, 'nonce_mismatch')
    idp.lies = {}
    const stolen = await fetchCallback(provider, idp)
    const own = await fetchCallback(provider, idp)
    own.query.set('code', stolen.query.get('code') ?? '')

    await assert.rejects(provider.redeem(own), gatewayError('bad_request', 'nonce_mismatch'))
  })

  it('IDT-09 must be about somebody', async () => {
    for (const sub of [undefined, '', 7, null, ['a1'], 'x'.repeat(256)]) await refuses({ sub })
    await accepts({ sub: 'x'.repeat(255) })
  })

  it('IDT-10 must go with its access token when it says with which', async () => {
    await refuses({ at_hash: 'AAAAAAAAAAAAAAAAAAAAAA' })
    await refuses({ at_hash: '' })
    await refuses({ at_hash: 7 })
    await accepts({ at_hash: undefined })
  })

  it('IDT-11 must say when the person authenticated, where max_age was asked for', async () => {
    const redeem = async (authTime: (seconds: number) => unknown) => {
      idp.lies = { claims: truth => ({ ...truth, ...changed(seconds => ({ auth_time: authTime(seconds) })) }) }
      const { provider } = createProviderUnderTest(idp)
      return provider.redeem({ ...(await fetchCallback(provider, idp, newAttempt({ max_age: '300' }))), maxAge: 300 })
    }

    const wrong = [(seconds: number) => String(seconds), (seconds: number) => seconds - 600, (seconds: number) => seconds + 600]
    for (const authTime of [...wrong, (seconds: number) => seconds - 0.5, () => undefined, () => null]) {
      await assert.rejects(redeem(authTime), gatewayError('bad_request', 'id_token_invalid'), String(authTime))
    }
    assert.equal((await redeem(seconds => seconds - 100)).sub, 'a1')
  })

  it('takes the sign-in for the time of authentication where it tells none', async () => {
    const before = Date.now()

    const { authTime } = await withClaims({ auth_time: undefined })

    assert.ok(authTime >= before && authTime <= Date.now())
  })

  it('IDT-12, NIST-04: says how surely the person was recognised, which is never taken for granted because it was asked for', async () => {
    const acrOf = async (acr: unknown) => {
      idp.lies = { claims: truth => ({ ...truth, acr }) }
      const { provider } = createProviderUnderTest(idp)
      return (await provider.redeem(await fetchCallback(provider, idp, newAttempt({ acr_values: 'urn:mfa' })))).acr
    }

    assert.deepEqual([await acrOf('urn:mfa'), await acrOf('urn:pwd'), await acrOf(undefined)], ['urn:mfa', 'urn:pwd', null])
  })

  it('IDT-13 is of the type JWT, in any spelling, or says nothing of its type', async () => {
    for (const typ of ['JWT', 'jwt', 'application/jwt', undefined]) {
      assert.equal((await signInWith({ header: truth => ({ ...truth, typ }) })).sub, 'a1', String(typ))
    }
    for (const typ of ['at+jwt', 'logout+jwt', 'client-authentication+jwt', 'secevent+jwt', '', null, 7]) {
      await assert.rejects(
        signInWith({ header: truth => ({ ...truth, typ }) }),
        gatewayError('bad_request', 'id_token_invalid'),
        String(typ),
      )
    }
  })

  it('IDT-15 opens one sign-in: the same one does for no other', async () => {
    const seen: string[] = []
    idp.lies = {
      idToken: truth => {
        seen.push(truth)
        return seen[0]
      },
    }
    const { provider } = createProviderUnderTest(idp)

    assert.equal((await signIn(provider, idp)).sub, 'a1')
    await assert.rejects(signIn(provider, idp), gatewayError('bad_request', 'nonce_mismatch'))
  })

  it('IDT-18 that is encrypted is refused with words that help the operator', async () => {
    const jwe = `${Buffer.from('{"alg":"RSA-OAEP","enc":"A256GCM"}').toString('base64url')}.a.b.c.d`

    await assert.rejects(signInWith({ idToken: () => jwe }), {
      ...gatewayError('bad_request', 'id_token_invalid'),
      message: /encrypted.*id_token_encrypted_response_alg/,
    })
  })

  it('IDT-10 goes with its code when it says with which', async () => {
    let code = ''
    const codeHash = () => createHash('sha256').update(code).digest().subarray(0, 16).toString('base64url')
    const seeCode = (query: URLSearchParams) => {
      code = query.get('code') ?? ''
    }

    assert.equal((await signInWith({ callback: seeCode, claims: truth => ({ ...truth, c_hash: codeHash() }) })).sub, 'a1')
    await refuses({ c_hash: codeHash() })
  })

  it('IDT-16 must have claims of the right types', async () => {
    await refuses({ exp: '9999999999' })
    await refuses({ exp: null })
    await refuses(seconds => ({ iat: String(seconds) }))
    await refuses(seconds => ({ auth_time: String(seconds) }))
    await refuses(seconds => ({ auth_time: seconds + 3600 }))
    await refuses({ acr: ['urn:mfa'] })
    await refuses({ amr: 'pwd' })
    await refuses({ amr: ['pwd', 7] })
    await refuses({ sid: 7 })
    await refuses({ sid: '' })
    await accepts({ acr: 'urn:mfa', amr: ['pwd'], sid: 's1' })
    const endless = (json: string) => json.replace(/"exp":\d+/, '"exp":1e400')
    await assert.rejects(signInWith({ payload: endless }), gatewayError('bad_request', 'id_token_invalid'))
  })
})
