import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { type LyingProvider, startLyingProvider } from '../support/lying-provider.ts'
import { createProviderUnderTest, fetchCallback, gatewayError, newAttempt, signIn } from '../support/provider-under-test.ts'

const tokenRequests = (idp: LyingProvider) => idp.requests.filter(({ path }) => path === '/token').length

describe('a callback', async () => {
  const idp = await startLyingProvider()
  after(() => idp.close())

  /** A sign-in whose callback was changed on the way. */
  async function redeemChanged(change: (query: URLSearchParams) => void) {
    const { provider } = createProviderUnderTest(idp)
    const callback = await fetchCallback(provider, idp)
    change(callback.query)
    return provider.redeem(callback)
  }

  /** It is refused for this reason, and nothing is sent to the token endpoint. */
  async function refuses(reason: string, change: (query: URLSearchParams) => void) {
    const before = tokenRequests(idp)
    await assert.rejects(redeemChanged(change), gatewayError('bad_request', reason))
    assert.equal(tokenRequests(idp), before)
  }

  it('is redeemed as it is', async () => {
    assert.equal((await redeemChanged(() => undefined)).sub, 'a1')
  })

  it('FLOW-07 is refused without its state, or with another', async () => {
    await refuses('state_mismatch', query => query.delete('state'))
    await refuses('state_mismatch', query => query.set('state', ''))
    await refuses('state_mismatch', query => query.set('state', `${query.get('state')}x`))
    await refuses('state_mismatch', query => query.set('state', (query.get('state') ?? '').slice(0, -1)))
  })

  it('FLOW-10 is refused when a parameter is repeated', async () => {
    for (const name of ['code', 'state', 'iss']) await refuses('parameter_repeated', query => query.append(name, query.get(name) ?? ''))
    await refuses('parameter_repeated', query =>
      new URLSearchParams('error=a&error=b').forEach((value, name) => void query.append(name, value)),
    )
  })

  it('is refused without a code', async () => {
    await refuses('code_missing', query => query.delete('code'))
    await refuses('code_missing', query => query.set('code', ''))
  })

  it('ignores what it does not know, an ID token in the address among it', async () => {
    const result = await redeemChanged(query => {
      for (const name of ['session_state', 'id_token', 'access_token', 'response', 'code[]']) query.set(name, 'x')
    })

    assert.equal(result.sub, 'a1')
  })

  it('ISS-01 is refused when it names another issuer, by as much as a slash', async () => {
    const others = ['https://other.example', `${idp.issuer}/`, idp.issuer.replace('http:', 'https:'), idp.issuer.toUpperCase(), '']
    for (const other of others) await refuses('issuer_mismatch', query => query.set('iss', other))
  })

  it('ISS-02 is refused without an issuer when the metadata announces one', async () => {
    await refuses('issuer_missing', query => query.delete('iss'))
  })

  it('ISS-04 and A-011: an error answer stands the same checks first', async () => {
    const asError = (query: URLSearchParams) => {
      query.delete('code')
      query.set('error', 'access_denied')
    }

    await refuses('issuer_mismatch', query => {
      asError(query)
      query.set('iss', 'https://other.example')
    })
    await refuses('issuer_missing', query => {
      asError(query)
      query.delete('iss')
    })
    await refuses('state_mismatch', query => {
      asError(query)
      query.set('state', 'x')
    })
    await assert.rejects(redeemChanged(asError), gatewayError('access_denied', 'denied_by_provider'))
  })

  it('IDT-17 tells apart what a silent sign-in may be told, and an IdP in trouble', async () => {
    const outcomes: Record<string, readonly [string, string]> = {
      login_required: ['access_denied', 'login_required'],
      interaction_required: ['access_denied', 'interaction_required'],
      consent_required: ['access_denied', 'consent_required'],
      account_selection_required: ['access_denied', 'account_selection_required'],
      server_error: ['idp_unavailable', 'server_error'],
      temporarily_unavailable: ['idp_unavailable', 'temporarily_unavailable'],
      '<script>alert(1)</script>': ['access_denied', 'denied_by_provider'],
    }

    for (const [error, [code, reason]] of Object.entries(outcomes)) {
      await assert.rejects(
        redeemChanged(query => query.set('error', error)),
        failure =>
          failure instanceof Error &&
          !failure.message.includes('<') &&
          'reason' in failure &&
          'code' in failure &&
          `${failure.code} ${failure.reason}` === `${code} ${reason}`,
        error,
      )
    }
  })
})

describe('a provider that does not announce its issuer in callbacks', async () => {
  const idp = await startLyingProvider()
  idp.lies.metadata = ({ authorization_response_iss_parameter_supported: _announced, ...rest }) => rest
  after(() => idp.close())

  it('ISS-03 is believed when it names none, or its own', async () => {
    const { provider } = createProviderUnderTest(idp)

    const named = await signIn(provider, idp)
    idp.lies.callback = query => query.delete('iss')
    const unnamed = await signIn(provider, idp)

    assert.deepEqual([named.sub, unnamed.sub], ['a1', 'a1'])
  })

  it('ISS-03 is refused when it names another', async () => {
    const { provider } = createProviderUnderTest(idp)
    idp.lies.callback = query => query.set('iss', 'https://other.example')

    await assert.rejects(signIn(provider, idp), gatewayError('bad_request', 'issuer_mismatch'))
  })
})

describe('two providers', () => {
  it('ISS-05, A-010: a code of one never reaches the other', async () => {
    const honest = await startLyingProvider()
    const hostile = await startLyingProvider()
    after(() => Promise.all([honest.close(), hostile.close()]))
    const chosen = createProviderUnderTest(hostile, { id: 'hostile' }).provider
    const attempt = newAttempt()
    // The person chose the hostile one, which sends the browser on to the honest one with our own parameters.
    const { search } = await chosen.authorizationUrl(attempt)
    const callback = await honest.signIn(`${honest.issuer}/auth${search}`)

    await assert.rejects(chosen.redeem({ ...attempt, query: callback.searchParams }), gatewayError('bad_request', 'issuer_mismatch'))

    assert.equal(tokenRequests(hostile), 0)
  })

  it('A-013, ISS-06: two connections to one issuer do not take each other’s codes', async () => {
    const idp = await startLyingProvider()
    after(() => idp.close())
    const [first, second] = [
      createProviderUnderTest(idp, { id: 'first' }).provider,
      createProviderUnderTest(idp, { id: 'second' }).provider,
    ]
    const ofFirst = await fetchCallback(first, idp)
    const ofSecond = await fetchCallback(second, idp)
    const swapped = new URLSearchParams(ofSecond.query)
    swapped.set('code', ofFirst.query.get('code') ?? '')

    await assert.rejects(second.redeem({ ...ofSecond, query: ofFirst.query }), gatewayError('bad_request', 'state_mismatch'))
    assert.equal(tokenRequests(idp), 0)
    await assert.rejects(second.redeem({ ...ofSecond, query: swapped }), gatewayError('bad_request', 'nonce_mismatch'))
  })
})
