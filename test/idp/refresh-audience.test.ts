import assert from 'node:assert/strict'
import { after, afterEach, describe, it } from 'node:test'
import { decodeJwt } from 'jose'
import type { ProviderConfig } from '../../src/config/config.ts'
import { startIdentityProvider } from '../support/identity-provider.ts'
import { type Lies, startLyingProvider } from '../support/lying-provider.ts'
import { createProviderUnderTest, gatewayError, newAttempt, redirectUri, signIn } from '../support/provider-under-test.ts'

const orders = 'https://orders.example'
const invoices = 'https://invoices.example'
const audiences = [orders, invoices]
const scopes = ['openid', 'profile', 'email', 'orders.read', 'orders.write', 'invoices.read']
const fromUserInfo: Partial<ProviderConfig> = { claims: { groups: { from: ['userinfo'], path: ['groups'] } } }

describe('tokens for several APIs, at a real provider', async () => {
  const idp = await startIdentityProvider({ redirectUris: [redirectUri], accessTokens: 'opaque', audiences })
  after(() => idp.close())

  async function signedIn(overrides: Partial<ProviderConfig> = {}, named: readonly string[] = audiences) {
    const { provider } = createProviderUnderTest(idp, { scopes, ...overrides }, [], named)
    const { refreshToken, access, sub, claims } = await signIn(provider, idp)
    assert.ok(refreshToken !== null)
    return { provider, access, claims, request: { refreshToken, sub, scopes, granted: scopes } }
  }

  it('RES-01 names every audience when people sign in, in the query or pushed, and no one else does', async () => {
    const { provider } = createProviderUnderTest(idp, { authorizationParams: { audience: 'x' } }, [], audiences)

    const url = await provider.authorizationUrl(newAttempt({ resource: 'https://evil.example', audience: 'https://evil.example' }))

    assert.deepEqual([url.searchParams.getAll('resource'), url.searchParams.getAll('audience')], [audiences, ['x']])
    const liar = await startLyingProvider({ par: true })
    after(() => liar.close())
    await createProviderUnderTest(liar, {}, [], audiences).provider.authorizationUrl(newAttempt())
    assert.deepEqual(liar.requests.at(-1)?.body.getAll('resource'), audiences)
  })

  it('names none where the provider is told otherwise, or no route has one', async () => {
    for (const [audienceParameter, named] of [
      ['audience', audiences],
      ['none', audiences],
      ['resource', []],
    ] as const) {
      const { provider } = createProviderUnderTest(idp, { audienceParameter }, [], named)
      const { searchParams } = await provider.authorizationUrl(newAttempt())
      assert.deepEqual([searchParams.has('resource'), searchParams.has('audience')], [false, false], audienceParameter)
    }
  })

  it('redeems the code for a token that UserInfo takes, of the same grant', async () => {
    const { access, claims } = await signedIn(fromUserInfo)

    assert.equal(idp.tokenRequests.at(-1)?.params.resource, undefined)
    assert.doesNotMatch(access.token, /\./)
    assert.deepEqual(claims.groups, ['ops', 'admin'])
  })

  it('redeems the code for a token of the first API, where the provider takes what was named for granted', async () => {
    const taking = await startIdentityProvider({ redirectUris: [redirectUri], audiences: [invoices, orders] })
    after(() => taking.close())
    const { provider } = createProviderUnderTest(taking, { scopes }, [], audiences)

    const { access, refreshToken, sub } = await signIn(provider, taking)
    const second = await provider.refresh({ refreshToken: refreshToken ?? '', sub, scopes, audience: orders })

    assert.deepEqual([decodeJwt(access.token).aud, decodeJwt(second.access.token).aud], [invoices, orders])
    assert.deepEqual(access.scopes, ['invoices.read'])
  })

  it('RES-01 draws a token for each from one refresh token after the other, with the scopes asked for', async () => {
    const { provider, request } = await signedIn()

    const first = await provider.refresh({ ...request, audience: orders, requestScopes: ['orders.read'] })
    const second = await provider.refresh({ ...request, refreshToken: first.refreshToken, audience: invoices, requestScopes: [] })
    const own = await provider.refresh({ ...request, refreshToken: second.refreshToken })

    assert.deepEqual([decodeJwt(first.access.token).aud, first.access.scopes], [orders, ['orders.read']])
    assert.deepEqual([decodeJwt(second.access.token).aud, second.access.scopes], [invoices, ['invoices.read']])
    assert.doesNotMatch(own.access.token, /\./)
    const sent = idp.tokenRequests.slice(-3).map(({ params }) => [params.resource, params.scope])
    assert.deepEqual(sent, [
      [orders, 'orders.read'],
      [invoices, undefined],
      [undefined, undefined],
    ])
  })

  it('RTK-06 asks for no scope that was not granted, and for none at all where none was', async () => {
    const { provider, request } = await signedIn({ scopes: ['openid', 'orders.read'] })
    const granted = ['openid', 'orders.read']

    const some = await provider.refresh({ ...request, granted, audience: orders, requestScopes: ['orders.read', 'orders.write'] })
    const none = await provider.refresh({
      ...request,
      granted,
      refreshToken: some.refreshToken,
      audience: orders,
      requestScopes: ['orders.write'],
    })

    assert.deepEqual([some.access.scopes, none.access.scopes], [['orders.read'], ['orders.read']])
    assert.deepEqual(
      idp.tokenRequests.slice(-2).map(({ params }) => params.scope),
      ['orders.read', undefined],
    )
  })

  it('shows an API’s token to no UserInfo endpoint: the claims stay as they were', async () => {
    const { provider, request } = await signedIn(fromUserInfo)
    const before = idp.troubles.count('userinfo')

    const { claims, access, refreshToken } = await provider.refresh({ ...request, audience: orders })
    const own = await provider.refresh({ ...request, refreshToken })

    assert.deepEqual([claims, decodeJwt(access.token).aud], [null, orders])
    assert.deepEqual(own.claims?.groups, ['ops', 'admin'])
    assert.equal(idp.troubles.count('userinfo') - before, 1)
  })

  // Why nobody must ask for one: this provider has rotated the refresh token before it looks at the audience.
  it('is refused an audience that was not named at the sign-in, at the price of the grant', async () => {
    const { provider, request } = await signedIn({}, [orders])
    const before = idp.reuses()

    await assert.rejects(provider.refresh({ ...request, audience: invoices }), gatewayError('insufficient_scope', 'invalid_target'))

    await assert.rejects(provider.refresh(request), gatewayError('session_expired', 'invalid_grant'))
    assert.equal(idp.reuses() - before, 1)
  })

  it('notices a refresh token that comes back, and ends the grant', async () => {
    const { provider, request } = await signedIn()
    const { refreshToken } = await provider.refresh(request)
    const before = idp.reuses()

    for (const token of [request.refreshToken, refreshToken]) {
      const reuse = provider.refresh({ ...request, refreshToken: token })
      await assert.rejects(reuse, gatewayError('session_expired', 'invalid_grant'))
    }

    assert.equal(idp.reuses() - before, 1)
  })
})

describe('tokens for several APIs, at other providers', async () => {
  const idp = await startLyingProvider()
  after(() => idp.close())
  afterEach(() => {
    idp.lies = {}
  })
  const request = { refreshToken: 'r', sub: 'a1', scopes: ['openid'], granted: ['orders.read', 'orders.write'], audience: orders }
  const sent = () => Object.fromEntries(idp.requests.findLast(({ path }) => path === '/token')?.body ?? [])

  it('are asked for by the parameter that the provider knows, or by scope alone', async () => {
    const asked: Record<string, unknown> = {}
    for (const audienceParameter of ['resource', 'audience', 'none'] as const) {
      const { provider } = createProviderUnderTest(idp, { audienceParameter })
      await provider.refresh({ ...request, requestScopes: ['orders.read'] })
      const { grant_type: _type, refresh_token: _token, ...rest } = sent()
      asked[audienceParameter] = rest
    }

    assert.deepEqual(asked, {
      resource: { resource: orders, scope: 'orders.read' },
      audience: { audience: orders, scope: 'orders.read' },
      none: { scope: 'orders.read' },
    })
  })

  it('have the scopes of the answer, else those asked for, else those of before', async () => {
    const scopesWith = async (lies: Lies, requestScopes: readonly string[]) => {
      idp.lies = lies
      return (await createProviderUnderTest(idp).provider.refresh({ ...request, requestScopes })).access.scopes
    }

    assert.deepEqual(await scopesWith({ answer: truth => ({ ...truth, scope: 'orders.read' }) }, ['orders.read', 'orders.write']), [
      'orders.read',
    ])
    assert.deepEqual(await scopesWith({}, ['orders.write', 'invoices.read']), ['orders.write'])
    assert.deepEqual(await scopesWith({}, ['invoices.read']), ['openid'])
  })
})
