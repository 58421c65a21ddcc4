import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { startIdentityProvider } from '../support/identity-provider.ts'
import { startLyingProvider } from '../support/lying-provider.ts'
import { createProviderUnderTest, redirectUri, signIn } from '../support/provider-under-test.ts'

describe('how long a refresh token lives', async () => {
  const idp = await startLyingProvider()
  after(() => idp.close())

  /** An answer that says this, at the sign-in and at a refresh, stands for so many seconds from when the request left. */
  async function stands(said: Record<string, unknown>, seconds: number | null): Promise<void> {
    idp.lies = { answer: truth => ({ ...truth, ...said }) }
    const { provider } = createProviderUnderTest(idp)
    const before = Date.now()
    const read = [await signIn(provider, idp), await provider.refresh({ refreshToken: 'r', sub: 'a1', scopes: [] })]
    const after = Date.now()
    for (const { grantExpiresAt } of read) {
      const text = JSON.stringify(said)
      if (seconds === null || grantExpiresAt === null) assert.equal(grantExpiresAt, seconds, text)
      else
        assert.ok(
          grantExpiresAt >= before + seconds * 1000 && grantExpiresAt <= after + seconds * 1000,
          `${text}: ${grantExpiresAt - before}`,
        )
    }
  }

  it('is read where the provider says it, in either way, as number or text', async () => {
    await stands({ refresh_expires_in: 1800 }, 1800)
    await stands({ refresh_token_expires_in: 1800 }, 1800)
    await stands({ refresh_expires_in: '1800' }, 1800)
    await stands({ refresh_token_expires_in: '1800' }, 1800)
    await stands({ refresh_expires_in: 1800.5 }, 1800.5)
    await stands({ refresh_expires_in: 1800, refresh_token_expires_in: 3600 }, 1800)
    await stands({ refresh_expires_in: 'soon', refresh_token_expires_in: 1800 }, 1800)
    await stands({ refresh_expires_in: 1e300 }, 365 * 86_400)
  })

  it('is unknown where it says nothing, no end (0, from Keycloak), or nonsense', async () => {
    const nonsense = [0, '0', -1, '-1', null, true, [1800], { seconds: 1800 }, '', ' 1800', '1800s', '1e3', 'Infinity', '9'.repeat(400)]
    await stands({}, null)
    for (const value of nonsense) {
      await stands({ refresh_expires_in: value }, null)
      await stands({ refresh_token_expires_in: value }, null)
    }
  })

  it('is nobody’s where there is no refresh token', async () => {
    idp.lies = { answer: ({ refresh_token: _token, ...truth }) => ({ ...truth, refresh_expires_in: 1800 }) }

    const { refreshToken, grantExpiresAt } = await signIn(createProviderUnderTest(idp).provider, idp)

    assert.deepEqual([refreshToken, grantExpiresAt], [null, null])
  })
})

describe('whether a provider tells when the person authenticated', async () => {
  const idp = await startLyingProvider()
  after(() => idp.close())

  const tells = async (claims: unknown) => {
    idp.lies = { metadata: truth => ({ ...truth, claims_supported: claims }) }
    return await createProviderUnderTest(idp).provider.tellsAuthTime()
  }

  it('is taken for granted unless its metadata lists claims and leaves that one out', async () => {
    assert.equal(await tells(['sub', 'email']), false)
    assert.equal(await tells([]), false)
    for (const claims of [undefined, null, 'sub', { auth_time: false }, ['sub', 'auth_time']])
      assert.equal(await tells(claims), true, JSON.stringify(claims))
  })

  it('is known of a real one, and not of one that is away', async () => {
    const real = await startIdentityProvider({ redirectUris: [redirectUri] })
    after(() => real.close())
    const { provider } = createProviderUnderTest(real)
    await real.stop()
    await assert.rejects(provider.tellsAuthTime(), { code: 'idp_unavailable' })
    await real.start()

    const again = createProviderUnderTest(real).provider

    assert.equal(await again.tellsAuthTime(), true)
  })
})
