import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, beforeEach, describe, it } from 'node:test'
import { startIdentityProvider } from '../support/identity-provider.ts'
import { startLyingProvider } from '../support/lying-provider.ts'
import { createProviderUnderTest, gatewayError, newAttempt, redirectUri, signIn } from '../support/provider-under-test.ts'

describe('a pushed authorization request', async () => {
  const idp = await startLyingProvider({ par: true })
  after(() => idp.close())
  beforeEach(() => {
    idp.lies = {}
  })
  const pushes = () => idp.requests.filter(({ path }) => path === '/par')

  it('works at a real provider that takes nothing else', async () => {
    const real = await startIdentityProvider({ redirectUris: [redirectUri], par: 'required' })
    after(() => real.close())

    assert.equal((await signIn(createProviderUnderTest(real, { par: 'require' }).provider, real)).sub, 'a1')
  })

  it('PAR-01 leaves the browser with client_id and request_uri alone', async () => {
    const { searchParams } = await createProviderUnderTest(idp).provider.authorizationUrl(newAttempt({ login_hint: 'alice' }))

    assert.deepEqual([...searchParams.keys()].sort(), ['client_id', 'request_uri'])
    assert.equal(searchParams.get('client_id'), idp.clientId)
    assert.match(searchParams.get('request_uri') ?? '', /^urn:ietf:params:oauth:request_uri:/)
  })

  it('PAR-04, PKCE-01: holds all that the browser would have carried, and is authenticated as the token call', async () => {
    const attempt = newAttempt({ login_hint: 'a&scope=admin', request_uri: 'https://evil.test', max_age: '60' })

    await createProviderUnderTest(idp, { responseMode: 'form_post' }).provider.authorizationUrl(attempt)

    const { body, authorization } = pushes().at(-1) ?? {}
    assert.deepEqual(Object.fromEntries(body ?? []), {
      client_id: idp.clientId,
      response_type: 'code',
      response_mode: 'form_post',
      redirect_uri: redirectUri,
      scope: 'openid profile email orders.read',
      state: attempt.state,
      nonce: attempt.nonce,
      code_challenge: createHash('sha256').update(attempt.verifier).digest('base64url'),
      code_challenge_method: 'S256',
      login_hint: 'a&scope=admin',
      max_age: '60',
    })
    assert.match(authorization ?? '', /^Basic /)
  })

  it('PAR-03 is made anew for each sign-in', async () => {
    const { provider } = createProviderUnderTest(idp)
    const before = pushes().length

    const urls = [await provider.authorizationUrl(newAttempt()), await provider.authorizationUrl(newAttempt())]

    assert.equal(pushes().length - before, 2)
    assert.notEqual(urls[0]?.searchParams.get('request_uri'), urls[1]?.searchParams.get('request_uri'))
  })

  it('PAR-02 that fails is the end: nothing goes through the browser instead, whatever the configuration', async () => {
    for (const par of ['auto', 'require'] as const) {
      for (const status of [400, 401, 404, 500, 503]) {
        idp.lies = { take: { par: (_request, response) => response.writeHead(status, { 'content-type': 'application/json' }).end('{}') } }
        await assert.rejects(
          createProviderUnderTest(idp, { par }).provider.authorizationUrl(newAttempt()),
          gatewayError('idp_unavailable', 'par_response_invalid'),
          `${par} ${status}`,
        )
      }
    }
  })

  it('is not made where it is off, unless the provider wants it: then the operator is told', async () => {
    const { provider } = createProviderUnderTest(idp, { par: 'off' })
    const before = pushes().length

    const { searchParams } = await provider.authorizationUrl(newAttempt())

    assert.equal(searchParams.has('request_uri'), false)
    idp.lies = { metadata: truth => ({ ...truth, require_pushed_authorization_requests: true }) }
    await assert.rejects(createProviderUnderTest(idp, { par: 'off' }).provider.authorizationUrl(newAttempt()), {
      ...gatewayError('idp_unavailable', 'par_required'),
      message: /identityProviders\.main\.par/,
    })
    assert.equal(pushes().length, before)
  })

  it('is not possible where the provider offers none', async () => {
    idp.lies = { metadata: ({ pushed_authorization_request_endpoint: _endpoint, ...rest }) => rest }

    const url = await createProviderUnderTest(idp, { par: 'auto' }).provider.authorizationUrl(newAttempt())

    assert.ok(url.searchParams.has('code_challenge'))
    await assert.rejects(
      createProviderUnderTest(idp, { par: 'require' }).provider.authorizationUrl(newAttempt()),
      gatewayError('idp_unavailable', 'par_unavailable'),
    )
  })
})

describe('response_mode', async () => {
  const idp = await startLyingProvider()
  after(() => idp.close())

  it('FLOW-12 asks for a form post where that is configured, and says nothing where it is not', async () => {
    const modeOf = async (responseMode: 'query' | 'form_post') =>
      (
        await createProviderUnderTest(idp, { responseMode }).provider.authorizationUrl(newAttempt({ response_mode: 'fragment' }))
      ).searchParams.getAll('response_mode')

    assert.deepEqual(await modeOf('form_post'), ['form_post'])
    assert.deepEqual(await modeOf('query'), [])
  })
})
