import assert from 'node:assert/strict'
import { after, afterEach, describe, it } from 'node:test'
import { decodeJwt } from 'jose'
import type { ProviderConfig } from '../../src/config/config.ts'
import type { Provider } from '../../src/oidc/provider.ts'
import { startIdentityProvider } from '../support/identity-provider.ts'
import { type Lies, startLyingProvider } from '../support/lying-provider.ts'
import { createProviderUnderTest, gatewayError, redirectUri, signIn } from '../support/provider-under-test.ts'

const orders = 'https://orders.example'
const invoices = 'https://invoices.example'
const audiences = [orders, invoices]
const redirectUris = [redirectUri]
const accessTokenType = 'urn:ietf:params:oauth:token-type:access_token'

describe('a token exchange at a real provider', async () => {
  const idp = await startIdentityProvider({ redirectUris, accessTokens: 'opaque', audiences })
  after(() => idp.close())
  afterEach(() => idp.troubles.clear())

  async function signedIn() {
    const { provider } = createProviderUnderTest(idp)
    const { access } = await signIn(provider, idp)
    return { provider, subjectToken: access.token }
  }
  const nothing = { audience: null, resource: null, scopes: [] }

  it('TEX-01 gives a token for the audience, with the scopes asked for, for the person of the subject token', async () => {
    const { provider, subjectToken } = await signedIn()

    const access = await provider.exchange({ subjectToken, audience: orders, resource: null, scopes: ['orders.read'] })

    const { sub, aud, scope } = decodeJwt(access.token)
    assert.deepEqual([sub, aud, scope, access.scopes], ['a1', orders, 'orders.read', ['orders.read']])
    assert.ok(access.expiresAt > Date.now() + 290_000)
    const { params, authorization } = idp.tokenRequests.at(-1) ?? assert.fail()
    assert.match(authorization, /^Basic /)
    assert.deepEqual(params, {
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      subject_token: subjectToken,
      subject_token_type: accessTokenType,
      requested_token_type: accessTokenType,
      audience: orders,
      scope: 'orders.read',
    })
  })

  it('names a resource, and no scope, where that is what the route says', async () => {
    const { provider, subjectToken } = await signedIn()

    const access = await provider.exchange({ ...nothing, subjectToken, resource: invoices })

    assert.equal(decodeJwt(access.token).aud, invoices)
    const { params } = idp.tokenRequests.at(-1) ?? assert.fail()
    assert.deepEqual([params.resource, 'audience' in params, 'scope' in params], [invoices, false, false])
  })

  it('TEX-03 is refused with the provider’s own word, and the session is not at stake', async () => {
    const { provider, subjectToken } = await signedIn()
    const exchange = (changes: Partial<Parameters<Provider['exchange']>[0]>) =>
      provider.exchange({ ...nothing, subjectToken, audience: orders, ...changes })

    await assert.rejects(exchange({ audience: 'https://other.example' }), gatewayError('insufficient_scope', 'invalid_target'))
    await assert.rejects(exchange({ scopes: ['invoices.read'] }), gatewayError('insufficient_scope', 'invalid_scope'))
    await provider.revoke({ token: subjectToken, hint: 'access_token' })
    await assert.rejects(exchange({}), gatewayError('insufficient_scope', 'invalid_request'))
    await assert.rejects(exchange({ subjectToken: 'made-up' }), gatewayError('insufficient_scope', 'invalid_request'))
  })

  it('TEX-03 is an outage while the provider is away, or does not take our secret', async () => {
    const { provider, subjectToken } = await signedIn()
    const stranger = createProviderUnderTest({ ...idp, clientSecret: 'another-secret' }).provider
    const request = { ...nothing, subjectToken, audience: orders }

    await assert.rejects(stranger.exchange(request), gatewayError('idp_unavailable', 'invalid_client'))
    idp.troubles.set('token', 'html')
    await assert.rejects(provider.exchange(request), gatewayError('idp_unavailable', 'not_json'))
    idp.troubles.set('token', 'error')
    await assert.rejects(provider.exchange(request), { code: 'idp_unavailable' })
  })
})

describe('what a provider gives for an exchange', async () => {
  const liar = await startLyingProvider()
  after(() => liar.close())

  const exchange = async (answer: Lies['answer']) => {
    liar.lies = { answer: truth => (answer ?? (said => said))({ ...truth, id_token: undefined, issued_token_type: accessTokenType }) }
    return await createProviderUnderTest(liar).provider.exchange({
      subjectToken: 's',
      audience: orders,
      resource: null,
      scopes: ['a', 'b'],
    })
  }

  it('is taken when it is an access token of type Bearer', async () => {
    assert.deepEqual((await exchange(truth => truth)).scopes, ['a', 'b'])
    assert.deepEqual((await exchange(truth => ({ ...truth, scope: 'a' }))).scopes, ['a'])
  })

  const lies: Record<string, (truth: Record<string, unknown>) => Record<string, unknown>> = {
    'it is of no type': truth => ({ ...truth, token_type: 'N_A' }),
    'it is bound to a key': truth => ({ ...truth, token_type: 'DPoP' }),
    'it is a refresh token': truth => ({ ...truth, issued_token_type: 'urn:ietf:params:oauth:token-type:refresh_token' }),
    'it is an ID token': truth => ({ ...truth, issued_token_type: 'urn:ietf:params:oauth:token-type:id_token' }),
    'it does not say what it is': ({ issued_token_type: _type, ...rest }) => rest,
    'it says so in a list': truth => ({ ...truth, issued_token_type: [accessTokenType] }),
    'it does not fit into a header': truth => ({ ...truth, access_token: 'a b' }),
    'there is none': ({ access_token: _token, ...rest }) => rest,
    'an ID token comes along that nobody can check': truth => ({ ...truth, id_token: 'a.b.c' }),
  }
  for (const [what, lie] of Object.entries(lies)) {
    it(`TEX-02 is not used when ${what}`, async () => {
      await assert.rejects(exchange(lie), gatewayError('idp_unavailable', 'token_response_invalid'))
    })
  }
})

describe('a token for the gateway itself', async () => {
  const idp = await startIdentityProvider({ redirectUris, accessTokens: 'opaque', audiences })
  after(() => idp.close())

  const ask = async (overrides: Partial<ProviderConfig> = {}, audience = orders, scopes: readonly string[] = ['orders.read']) =>
    await createProviderUnderTest(idp, overrides).provider.clientToken({ audience, scopes })

  it('is for the audience, with its scopes, and for no person', async () => {
    const access = await ask()

    const { sub, aud, client_id: clientId } = decodeJwt(access.token)
    assert.deepEqual([sub, aud, clientId, access.scopes], ['sallyport', orders, 'sallyport', ['orders.read']])
    assert.deepEqual(idp.tokenRequests.at(-1)?.params, { grant_type: 'client_credentials', resource: orders, scope: 'orders.read' })
  })

  it('says whom it is for as the provider wants to hear it', async () => {
    await ask({ audienceParameter: 'audience' }).catch(() => undefined)
    const byAudience = idp.tokenRequests.at(-1)?.params
    await ask({ audienceParameter: 'none' }, orders, []).catch(() => undefined)

    assert.deepEqual([byAudience?.audience, byAudience?.resource], [orders, undefined])
    assert.deepEqual(idp.tokenRequests.at(-1)?.params, { grant_type: 'client_credentials' })
  })

  it('is refused with the provider’s own word', async () => {
    await assert.rejects(ask({}, 'https://other.example'), gatewayError('insufficient_scope', 'invalid_target'))
  })
})

describe('a refresh for an audience', async () => {
  const liar = await startLyingProvider()
  after(() => liar.close())

  const refresh = async (error: string, audience?: string) => {
    const token: Lies['token'] = (_request, response) =>
      void response.writeHead(400, { 'content-type': 'application/json' }).end(JSON.stringify({ error }))
    liar.lies = { token }
    const { provider } = createProviderUnderTest(liar)
    return await provider.refresh({ refreshToken: 'r', sub: 'a1', scopes: [], ...(audience === undefined ? {} : { audience }) })
  }

  for (const word of ['invalid_target', 'invalid_scope', 'unauthorized_client']) {
    it(`that is refused with ${word} says something of that audience alone; of the sign-in’s own it is an outage`, async () => {
      await assert.rejects(refresh(word, orders), gatewayError('insufficient_scope', word))
      await assert.rejects(refresh(word), gatewayError('idp_unavailable', word))
    })
  }

  it('RTK-04 that is refused with invalid_grant ends the session all the same; what is about us does not', async () => {
    await assert.rejects(refresh('invalid_grant', orders), gatewayError('session_expired', 'invalid_grant'))
    await assert.rejects(refresh('invalid_client', orders), gatewayError('idp_unavailable', 'invalid_client'))
    await assert.rejects(refresh('invalid_request', orders), gatewayError('idp_unavailable', 'invalid_request'))
  })
})
