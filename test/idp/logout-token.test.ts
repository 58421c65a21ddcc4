import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { after, afterEach, describe, it } from 'node:test'
import { decodeJwt, decodeProtectedHeader } from 'jose'
import { startIdentityProvider } from '../support/identity-provider.ts'
import { type LogoutTokenChanges, logoutEvent } from '../support/idp-logout-token.ts'
import { startLyingProvider } from '../support/lying-provider.ts'
import { createProviderUnderTest, gatewayError, newAttempt, redirectUri, signIn } from '../support/provider-under-test.ts'
import { liesAboutLogouts } from './lies-about-logouts.ts'

const redirectUris = [redirectUri]
const seconds = () => Math.floor(Date.now() / 1000)

describe('a logout token', async () => {
  const idp = await startIdentityProvider({ redirectUris })
  after(() => idp.close())
  afterEach(() => idp.troubles.clear())
  // Wide, so that a machine that stands still for seconds changes nothing.
  const clockToleranceMs = 60_000
  const { provider } = createProviderUnderTest(idp, { clockToleranceMs })

  it('says who is signed out', async () => {
    const token = await idp.logoutToken({ claims: { jti: 'j1' } })

    const { issuedAt, expiresAt, ...who } = await provider.verifyLogoutToken(token)

    const { iat = 0, exp = 0 } = decodeJwt(token)
    assert.deepEqual(who, { sub: 'a1', sid: 's1', jti: 'j1' })
    assert.deepEqual([issuedAt, expiresAt], [iat * 1000, exp * 1000 + clockToleranceMs])
  })

  const good: readonly (readonly [string, () => LogoutTokenChanges])[] = [
    ['BCL-08 with typ logout+jwt', () => ({ header: { typ: 'logout+jwt' } })],
    ['BCL-08 with typ application/logout+jwt', () => ({ header: { typ: 'application/logout+jwt' } })],
    ['BCL-08 with typ in capitals', () => ({ header: { typ: 'LOGOUT+JWT' } })],
    ['BCL-08 with typ JWT, as Keycloak', () => ({ header: { typ: 'JWT' } })],
    ['BCL-08 without typ', () => ({ header: { typ: undefined } })],
    ['without the name of the key', () => ({ header: { kid: undefined } })],
    ['about a session alone', () => ({ claims: { sub: undefined } })],
    ['about a person alone', () => ({ claims: { sid: undefined } })],
    ['for others too', () => ({ claims: { aud: ['other', 'sallyport'] } })],
    ['with other events beside it', () => ({ claims: { events: { 'https://other.example/event': {}, [logoutEvent]: { a: 1 } } } })],
    ['of a clock a little ahead', () => ({ claims: { iat: seconds() + 30, nbf: seconds() + 30 } })],
    ['that ran out a moment ago', () => ({ claims: { iat: seconds() - 150, exp: seconds() - 30 } })],
    ['with names as long as they may be', () => ({ claims: { sub: 'x'.repeat(255), sid: 'x'.repeat(255), jti: 'x'.repeat(512) } })],
    ['with claims that nobody asked for', () => ({ claims: { trace_id: 't', auth_time: 7 } })],
  ]
  for (const [name, changes] of good) {
    it(`${name} is taken`, async () => {
      const { claims = {} } = changes()
      const { sub, sid } = await provider.verifyLogoutToken(await idp.logoutToken(changes()))

      const named = { sub: 'a1', sid: 's1', ...claims }
      assert.deepEqual([sub, sid], [named.sub ?? null, named.sid ?? null])
    })
  }

  for (const [rows, name, make, reason] of liesAboutLogouts) {
    it(`${rows} is refused: ${name}`.trim(), async () => {
      const token = await make(idp)

      await assert.rejects(provider.verifyLogoutToken(token), gatewayError('bad_request', reason))
    })
  }

  it('is refused by a rule of the checklist or by its form: there are eighty lies and more', () => {
    assert.ok(liesAboutLogouts.length >= 80)
    assert.equal(new Set(liesAboutLogouts.map(([, name]) => name)).size, liesAboutLogouts.length)
  })

  it('BCL-02 may be signed with any algorithm that signs with a key of the provider’s alone', async () => {
    for (const alg of ['RS256', 'PS256', 'EdDSA'] as const) {
      const other = await startIdentityProvider({ redirectUris, alg })
      after(() => other.close())

      const { sub } = await createProviderUnderTest(other).provider.verifyLogoutToken(await other.logoutToken())

      assert.equal(sub, 'a1', alg)
    }
  })

  it('BCL-03 can be told from one that is new until the moment that it gives', async () => {
    for (const exp of [120, 3600]) {
      const { provider: later, clock } = createProviderUnderTest(idp, { clockToleranceMs })
      const token = await idp.logoutToken({ claims: { exp: seconds() + exp } })
      const { expiresAt } = await later.verifyLogoutToken(token)
      clock.aheadMs = expiresAt - Date.now() - 30_000
      await later.verifyLogoutToken(token)
      clock.aheadMs = expiresAt - Date.now()
      await assert.rejects(later.verifyLogoutToken(token), gatewayError('bad_request', 'logout_token_claims'), String(exp))
    }
  })

  it('is not what else the provider signs', async () => {
    const { provider: hinted } = createProviderUnderTest(idp, { logout: { hint: 'id_token_hint', params: {} } })
    const { idToken, access } = await signIn(hinted, idp)

    for (const token of [idToken?.token ?? '', access.token])
      await assert.rejects(provider.verifyLogoutToken(token), gatewayError('bad_request', 'logout_token_type'))
  })

  it('is for one provider alone', async () => {
    const other = await startIdentityProvider({ redirectUris })
    after(() => other.close())

    const theirs = provider.verifyLogoutToken(await other.logoutToken())
    const asOurs = provider.verifyLogoutToken(await other.logoutToken({ claims: { iss: idp.issuer } }))

    await assert.rejects(theirs, gatewayError('bad_request', 'logout_token_claims'))
    await assert.rejects(asOurs, gatewayError('bad_request', 'logout_token_signature'))
  })

  it('cannot be judged while the keys or the metadata cannot be had', async () => {
    const token = await idp.logoutToken()
    for (const [place, reason] of [
      ['discovery', 'metadata_invalid'],
      ['jwks', 'keys_invalid'],
    ] as const) {
      idp.troubles.set(place, 'error')
      const fresh = createProviderUnderTest(idp).provider
      await assert.rejects(fresh.verifyLogoutToken(token), gatewayError('idp_unavailable', reason))
      idp.troubles.clear()
    }
  })
})

describe('made-up logout tokens', () => {
  it('BCL-12 cost the provider nothing where their form, kind, algorithm or claims say what they are', async () => {
    const idp = await startIdentityProvider({ redirectUris })
    after(() => idp.close())
    const { provider } = createProviderUnderTest(idp)
    const unsigned = /^alg is (none|NONE|missing|a list|one that nobody knows)|^it is signed with/
    const early = liesAboutLogouts.filter(([, name, , reason]) => reason !== 'logout_token_signature' || unsigned.test(name))
    const tokens = await Promise.all(early.map(([, , make]) => make(idp)))
    const asked = () => idp.troubles.count('discovery') + idp.troubles.count('jwks')
    const before = asked()

    for (let i = 0; i < 2_000; i += 1) await assert.rejects(provider.verifyLogoutToken(tokens[i % tokens.length] ?? ''))

    assert.equal(asked() - before, 0)
  })

  it('BCL-12 cost it one fetch of its keys in ten seconds where they name keys that are not there', async () => {
    const idp = await startIdentityProvider({ redirectUris })
    after(() => idp.close())
    const { provider, clock } = createProviderUnderTest(idp)
    await provider.verifyLogoutToken(await idp.logoutToken())
    const before = idp.troubles.count('jwks')
    const flood = async (name: string) => {
      for (let i = 0; i < 100; i += 1) {
        const token = await idp.logoutToken({ header: { kid: `${name}-${i}` } })
        await assert.rejects(provider.verifyLogoutToken(token), gatewayError('bad_request', 'logout_token_signature'))
      }
    }

    await flood('a')
    const during = idp.troubles.count('jwks') - before
    clock.aheadMs += 10_001
    await flood('b')

    assert.deepEqual([during, idp.troubles.count('jwks') - before], [1, 2])
  })

  it('BCL-02 are refused where the metadata announces nothing that is safe', async () => {
    const liar = await startLyingProvider()
    after(() => liar.close())
    const about = {
      iss: liar.issuer,
      aud: 'sallyport',
      iat: seconds(),
      exp: seconds() + 60,
      jti: 'j',
      sub: 'a1',
      events: { [logoutEvent]: {} },
    }
    const token = await liar.sign(JSON.stringify(about))
    const judge = (announced: unknown) => {
      liar.lies = { metadata: truth => ({ ...truth, id_token_signing_alg_values_supported: announced }) }
      return createProviderUnderTest(liar).provider.verifyLogoutToken(token)
    }

    assert.equal((await judge(['RS256', 'ES256'])).sub, 'a1')
    for (const announced of [['none', 'HS256'], ['RS256'], 'ES256', undefined])
      await assert.rejects(judge(announced), gatewayError('bad_request', 'logout_token_signature'), String(announced))
  })
})

describe('a sign-out at a real provider', () => {
  it('sends a logout token about the session that the ID token named', async () => {
    const received: URLSearchParams[] = []
    const receiver = createServer((request, response) => {
      text(request).then(body => {
        received.push(new URLSearchParams(body))
        response.writeHead(200, { 'cache-control': 'no-store' }).end()
      })
    })
    await new Promise<void>(resolveListening => receiver.listen(0, '127.0.0.1', resolveListening))
    const { port } = receiver.address() as AddressInfo
    const landing = 'https://app.example/auth/logged-out'
    const backChannelUri = `http://127.0.0.1:${port}/backchannel`
    const idp = await startIdentityProvider({ redirectUris, postLogoutRedirectUris: [landing], backChannelUri })
    after(async () => {
      await idp.close()
      receiver.closeAllConnections()
      receiver.close()
    })
    const { provider } = createProviderUnderTest(idp)
    const jar = new Map<string, string>()
    const attempt = newAttempt()
    const { searchParams: query } = await idp.signIn(await provider.authorizationUrl(attempt), { jar })
    const { state, nonce, verifier } = attempt
    const { sid, sub } = await provider.redeem({ redirectUri, query, state, nonce, verifier })

    const end = await provider.endSessionUrl({ idToken: null, logoutHint: null, postLogoutRedirectUri: landing, state: 's' })
    const arrival = await idp.signOut(end ?? '', jar)

    assert.equal(arrival?.pathname, '/auth/logged-out')
    assert.equal(received.length, 1)
    const token = received[0]?.get('logout_token') ?? ''
    const told = await provider.verifyLogoutToken(token)
    assert.equal(decodeProtectedHeader(token).typ, 'logout+jwt')
    assert.equal(typeof sid, 'string')
    assert.deepEqual([told.sid, told.sub], [sid, sub])
    assert.deepEqual(idp.logoutsSent, [{ sub, sid, isTaken: true }])
  })
})
