import assert from 'node:assert/strict'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { after, afterEach, describe, it } from 'node:test'
import { startIdentityProvider } from '../support/identity-provider.ts'
import { type LyingProvider, startLyingProvider } from '../support/lying-provider.ts'
import { createProviderUnderTest, gatewayError, newAttempt, redirectUri, signIn } from '../support/provider-under-test.ts'

const minuteMs = 60_000

describe('the metadata', async () => {
  const idp = await startIdentityProvider({ redirectUris: [redirectUri] })
  after(() => idp.close())
  afterEach(() => idp.troubles.clear())
  const fetches = () => idp.troubles.count('discovery')

  it('is fetched when first needed, once however many ask', async () => {
    const { provider } = createProviderUnderTest(idp)
    const before = fetches()

    await Promise.all(Array.from({ length: 20 }, () => provider.authorizationUrl(newAttempt())))

    assert.equal(fetches() - before, 1)
  })

  it('META-07 is waited for no longer than the timeout, and asked for again when the IdP is back', async () => {
    const { provider, clock, events } = createProviderUnderTest(idp, { timeoutMs: 500 })
    await idp.stop()
    await assert.rejects(provider.authorizationUrl(newAttempt()), gatewayError('idp_unavailable', 'unreachable'))
    await idp.start()
    idp.troubles.set('discovery', 'hang')
    clock.aheadMs += 1_001
    const startedAt = performance.now()
    await assert.rejects(provider.authorizationUrl(newAttempt()), gatewayError('idp_unavailable', 'timeout'))
    assert.ok(performance.now() - startedAt < 4_000)
    idp.troubles.clear()
    clock.aheadMs += 1_001

    const url = await provider.authorizationUrl(newAttempt())

    assert.equal(url.origin, idp.issuer)
    assert.deepEqual(
      events.map(({ event, fields }) => `${event} ${fields.reason}`),
      ['provider_metadata_failed unreachable', 'provider_metadata_failed timeout'],
    )
  })

  it('is not asked for more than once a second while the IdP is away', async () => {
    const { provider, clock } = createProviderUnderTest(idp)
    idp.troubles.set('discovery', 'error')
    const before = fetches()

    for (let index = 0; index < 5; index += 1) await assert.rejects(provider.authorizationUrl(newAttempt()), { code: 'idp_unavailable' })
    const asked = fetches() - before
    clock.aheadMs += 1_001
    await assert.rejects(provider.authorizationUrl(newAttempt()), { code: 'idp_unavailable' })

    assert.deepEqual([asked, fetches() - before], [1, 2])
  })

  it('META-08 is refused when it is a page, an error or a redirect', async () => {
    const redirect = (status: number) => (_request: IncomingMessage, response: ServerResponse) =>
      void response.writeHead(status, { location: `${idp.issuer}/.well-known/openid-configuration` }).end()
    const outcomes = [
      ['html', 'not_json'],
      ['error', 'metadata_invalid'],
      [redirect(302), 'metadata_invalid'],
      [redirect(307), 'metadata_invalid'],
    ] as const
    for (const [trouble, reason] of outcomes) {
      idp.troubles.set('discovery', trouble)
      const before = fetches()
      await assert.rejects(createProviderUnderTest(idp).provider.authorizationUrl(newAttempt()), gatewayError('idp_unavailable', reason))
      assert.equal(fetches() - before, 1)
    }
  })

  it('META-07 is not believed for ever', async () => {
    const { provider, clock } = createProviderUnderTest(idp)
    await provider.authorizationUrl(newAttempt())
    idp.troubles.set('discovery', 'error')
    clock.aheadMs += 25 * 60 * minuteMs

    await assert.rejects(provider.authorizationUrl(newAttempt()), gatewayError('idp_unavailable', 'metadata_invalid'))
  })
})

describe('metadata in use', async () => {
  const idp = await startLyingProvider()
  after(() => idp.close())
  const fetches = (path = '/.well-known/openid-configuration') => idp.requests.filter(request => request.path === path).length

  it('META-07 is renewed behind the back of those who use it, and kept when that fails', async () => {
    const { provider, clock, events } = createProviderUnderTest(idp)
    const place = async () => (await provider.authorizationUrl(newAttempt())).pathname
    const places = [await place()]
    idp.lies.metadata = () => {
      throw new Error('out of order')
    }
    clock.aheadMs += 11 * minuteMs
    places.push(await place())
    await until(() => events.length === 1)
    idp.lies.metadata = truth => ({ ...truth, authorization_endpoint: `${idp.issuer}/new` })
    places.push(await place())
    clock.aheadMs += 1_001
    places.push(await place())
    await until(async () => (await place()) === '/new')
    places.push(await place())

    assert.deepEqual(places, ['/auth', '/auth', '/auth', '/auth', '/new'])
    assert.equal(fetches(), 3)
  })

  it('takes the issuer’s keys along when it is renewed', async () => {
    idp.lies = {}
    const { provider, clock } = createProviderUnderTest(idp)
    await signIn(provider, idp)
    idp.lies.metadata = truth => ({ ...truth, end_session_endpoint: `${idp.issuer}/new` })
    clock.aheadMs += 11 * minuteMs
    const end = { idToken: null, logoutHint: null, postLogoutRedirectUri: 'https://app.example/', state: 's' }
    await until(async () => (await provider.endSessionUrl(end))?.pathname === '/new')
    clock.aheadMs = 0
    const keys = fetches('/jwks')

    await signIn(provider, idp)

    assert.equal(fetches('/jwks'), keys)
  })
})

describe('metadata that is not as it should be', async () => {
  const idp = await startLyingProvider()
  after(() => idp.close())

  async function ask(metadata: NonNullable<LyingProvider['lies']['metadata']>) {
    idp.lies = { metadata }
    const underTest = createProviderUnderTest(idp)
    return { ...underTest, url: await underTest.provider.authorizationUrl(newAttempt()) }
  }

  it('META-01, A-016: another issuer is refused, by as much as a slash', async () => {
    for (const issuer of [`${idp.issuer}/`, 'https://other.example', idp.issuer.replace('127.0.0.1', '127.1'), idp.issuer.toUpperCase()]) {
      await assert.rejects(
        ask(truth => ({ ...truth, issuer })),
        gatewayError('idp_unavailable', 'metadata_issuer_mismatch'),
        issuer,
      )
    }
    for (const issuer of [undefined, '', 7, [idp.issuer]]) {
      await assert.rejects(
        ask(truth => ({ ...truth, issuer })),
        gatewayError('idp_unavailable', 'metadata_invalid'),
        String(issuer),
      )
    }
  })

  it('META-01 keeps the secret: nothing is sent to endpoints of such a document', async () => {
    const { provider } = createProviderUnderTest(idp)
    idp.lies = { metadata: truth => ({ ...truth, issuer: 'https://other.example' }) }
    const attempt = newAttempt()
    const query = new URLSearchParams({ code: 'c', state: attempt.state, iss: idp.issuer })

    await assert.rejects(provider.redeem({ ...attempt, query }), gatewayError('idp_unavailable', 'metadata_issuer_mismatch'))

    assert.equal(idp.requests.filter(({ path }) => path === '/token').length, 0)
  })

  it('PKCE-05 must not deny S256', async () => {
    for (const methods of [['plain'], [], 'S256', null, { S256: true }, ['s256']]) {
      await assert.rejects(
        ask(truth => ({ ...truth, code_challenge_methods_supported: methods })),
        gatewayError('idp_unavailable', 'pkce_unsupported'),
        JSON.stringify(methods),
      )
    }
  })

  it('PKCE-05 may leave PKCE out, which is used all the same and noted once', async () => {
    const { provider, url, events, clock } = await ask(({ code_challenge_methods_supported: _methods, ...rest }) => rest)
    clock.aheadMs += 25 * 60 * minuteMs
    await provider.authorizationUrl(newAttempt())

    assert.equal(url.searchParams.get('code_challenge_method'), 'S256')
    assert.deepEqual(
      events.map(({ event }) => event),
      ['provider_pkce_unannounced'],
    )
  })

  it('META-03 must name endpoints that can be used', async () => {
    for (const endpoint of [undefined, 7, 'nowhere', 'javascript:alert(1)', 'file:///etc/passwd']) {
      await assert.rejects(
        ask(truth => ({ ...truth, authorization_endpoint: endpoint })),
        gatewayError('idp_unavailable', 'metadata_invalid'),
        String(endpoint),
      )
    }
    await assert.rejects(
      ask(({ jwks_uri: _keys, ...rest }) => rest),
      gatewayError('idp_unavailable', 'metadata_invalid'),
    )
  })

  it('META-03 must not lead secrets off this machine over http', async () => {
    const { provider } = await ask(truth => ({ ...truth, token_endpoint: 'http://other.example/token' }))

    await assert.rejects(signIn(provider, idp), gatewayError('idp_unavailable', 'insecure_endpoint'))
  })

  it('META-03 is not even asked for over http, unless the issuer is on this machine', async () => {
    const { provider } = createProviderUnderTest({ ...idp, issuer: 'http://id.example' })

    await assert.rejects(provider.authorizationUrl(newAttempt()), gatewayError('idp_unavailable', 'metadata_invalid'))
  })
})

/** Waits until something that was begun elsewhere is seen. */
async function until(isTrue: () => boolean | Promise<boolean>): Promise<void> {
  const giveUpAt = performance.now() + 10_000
  while (!(await isTrue())) {
    if (performance.now() > giveUpAt) throw new Error('it did not come about within ten seconds')
    await new Promise(resolve => setTimeout(resolve, 5))
  }
}
