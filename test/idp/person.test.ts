import assert from 'node:assert/strict'
import { after, afterEach, describe, it } from 'node:test'
import type { AllowRules, ProviderConfig } from '../../src/config/config.ts'
import { startIdentityProvider } from '../support/identity-provider.ts'
import { type Lies, startLyingProvider } from '../support/lying-provider.ts'
import { createProviderUnderTest, gatewayError, newAttempt, redirectUri, signIn } from '../support/provider-under-test.ts'
import { startHostile } from './hostile.ts'

const fromBoth = (...path: string[]) => ({ from: ['id_token', 'userinfo'] as const, path })

describe('the person at a real provider', async () => {
  const idp = await startIdentityProvider({ redirectUris: [redirectUri], accessTokens: 'opaque' })
  after(() => idp.close())

  async function signInAs(user: 'alice' | 'bob', overrides: Partial<ProviderConfig>, keep: readonly string[] = []) {
    const { provider } = createProviderUnderTest(idp, overrides, keep)
    const attempt = newAttempt()
    const { searchParams } = await idp.signIn(await provider.authorizationUrl(attempt), { user })
    return await provider.redeem({ ...attempt, query: searchParams })
  }

  it('has the claims that are configured, by path, and no others', async () => {
    const { claims } = await signInAs(
      'alice',
      { claims: { roles: fromBoth('realm_access', 'roles'), nothing: fromBoth('realm_access', 'x') } },
      ['preferred_username', 'constructor'],
    )

    assert.deepEqual(claims, {
      name: 'Alice Adams',
      email: 'alice@example.com',
      email_verified: true,
      preferred_username: 'alice',
      roles: ['orders-admin'],
    })
  })

  it('is asked for at UserInfo only where a claim may come from there', async () => {
    const before = idp.troubles.count('userinfo')
    await signInAs('alice', { claims: { groups: { from: ['id_token'], path: ['groups'] } } })
    const without = idp.troubles.count('userinfo') - before
    const { claims } = await signInAs('alice', { claims: { groups: { from: ['userinfo'], path: ['groups'] } } })

    assert.deepEqual([without, idp.troubles.count('userinfo') - before], [0, 1])
    assert.deepEqual(claims.groups, ['ops', 'admin'])
  })

  it('must be let in by the allow rules', async () => {
    const rules: readonly (readonly [AllowRules, 'alice' | 'bob'])[] = [
      [{ emailDomains: ['example.com'] }, 'bob'],
      // Bob's address is right, but nobody has checked it.
      [{ emailDomains: ['example.org'] }, 'bob'],
      [{ emails: ['bob@example.org'] }, 'bob'],
      [{ claims: { groups: ['admin'] } }, 'bob'],
      [{ emailDomains: ['example.com'], claims: { groups: ['nobody'] } }, 'alice'],
    ]
    for (const [allow, user] of rules)
      await assert.rejects(signInAs(user, { allow }), gatewayError('access_denied', 'not_allowed'), JSON.stringify(allow))

    const { claims } = await signInAs('alice', {
      allow: { emailDomains: ['example.com'], emails: ['alice@example.com'], claims: { groups: ['admin'] } },
    })
    assert.equal('groups' in claims, false)
  })
})

describe('the person at a provider that lies', async () => {
  const idp = await startLyingProvider()
  after(() => idp.close())
  afterEach(() => {
    idp.lies = {}
  })
  const asking: Partial<ProviderConfig> = { claims: { groups: { from: ['userinfo'], path: ['groups'] } } }

  const signInWith = (lies: Lies, overrides: Partial<ProviderConfig> = asking, keep: readonly string[] = []) => {
    idp.lies = lies
    return signIn(createProviderUnderTest(idp, overrides, keep).provider, idp)
  }

  it('UI-01, A-022: must be the same in UserInfo', async () => {
    await assert.rejects(signInWith({ userinfo: truth => ({ ...truth, sub: 'b2' }) }), gatewayError('bad_request', 'userinfo_changed'))
    for (const sub of [undefined, '', 7, ['a1']]) {
      await assert.rejects(
        signInWith({ userinfo: truth => ({ ...truth, sub }) }),
        gatewayError('idp_unavailable', 'userinfo_invalid'),
        String(sub),
      )
    }
  })

  it('UI-01 ends the session when it has changed at a refresh', async () => {
    idp.lies = { userinfo: truth => ({ ...truth, sub: 'b2' }) }
    const { provider } = createProviderUnderTest(idp, asking)

    await assert.rejects(
      provider.refresh({ refreshToken: 'r', sub: 'a1', scopes: [] }),
      gatewayError('session_expired', 'userinfo_changed'),
    )
  })

  it('UI-02 is asked for with the token in the Authorization header', async () => {
    const { access } = await signInWith({})

    const { authorization } = idp.requests.findLast(({ path }) => path === '/me') ?? {}
    assert.equal(authorization, `Bearer ${access.token}`)
  })

  it('UI-02 may be described by a JWT of the provider’s', async () => {
    const { provider } = createProviderUnderTest(idp, asking)
    const claims = { iss: idp.issuer, aud: [idp.clientId], sub: 'a1', groups: ['ops'] }
    idp.lies = {
      take: {
        userinfo: (_request, response) =>
          void idp
            .sign(JSON.stringify(claims))
            .then(jwt => response.writeHead(200, { 'content-type': 'application/jwt; charset=utf-8' }).end(jwt)),
      },
    }

    assert.deepEqual((await signIn(provider, idp)).claims.groups, ['ops'])
  })

  it('IDT-20 has no claims that are kept elsewhere: nobody goes there, and the operator is told', async () => {
    const hostile = await startHostile()
    after(() => hostile.close())
    const sources = { src1: { endpoint: `${hostile.origin}/groups`, access_token: 'x' } }
    idp.lies = { claims: truth => ({ ...truth, _claim_names: { groups: 'src1', photos: 'src1' }, _claim_sources: sources }) }
    const overrides: Partial<ProviderConfig> = { claims: { groups: fromBoth('groups') } }
    const { provider, events } = createProviderUnderTest(idp, overrides, ['department'])
    const strict = createProviderUnderTest(idp, { ...overrides, allow: { claims: { groups: ['src1', 'ops'] } } })

    const { claims } = await signIn(provider, idp)

    assert.equal('groups' in claims, false)
    assert.deepEqual(
      events.map(({ event, fields }) => [event, fields.provider, /: groups;/.test(String(fields.error))]),
      [['provider_claims_elsewhere', 'main', true]],
    )
    await assert.rejects(signIn(strict.provider, idp), gatewayError('access_denied', 'not_allowed'))
    assert.equal(hostile.visits(), 0)
  })

  it('keeps the old claims and the new tokens when UserInfo cannot be had at a refresh', async () => {
    const { provider, events } = createProviderUnderTest(idp, asking)
    idp.lies = {
      userinfo: () => {
        throw new Error('out of order')
      },
    }

    const refreshed = await provider.refresh({ refreshToken: 'r', sub: 'a1', scopes: [] })

    assert.equal(refreshed.claims, null)
    assert.deepEqual(
      events.map(({ event }) => event),
      ['provider_userinfo_failed'],
    )
  })

  it('keeps the old claims when a refresh brings no ID token and UserInfo cannot give them all', async () => {
    const refresh = async (claims: ProviderConfig['claims']) => {
      idp.lies = { idToken: () => undefined, userinfo: truth => ({ ...truth, groups: ['ops'] }) }
      const { provider } = createProviderUnderTest(idp, { claims })
      return (await provider.refresh({ refreshToken: 'r', sub: 'a1', scopes: [] })).claims
    }

    assert.equal(await refresh({ groups: fromBoth('groups'), roles: { from: ['id_token'], path: ['roles'] } }), null)
    assert.deepEqual(await refresh({ groups: fromBoth('groups') }), { email: 'alice@example.com', email_verified: true, groups: ['ops'] })
  })

  it('is not vouched for by another source than the address came from', async () => {
    const allow: AllowRules = { emailDomains: ['example.com'] }
    const unchecked: Lies = { claims: truth => ({ ...truth, email: 'eve@example.com' }) }
    const elsewhere: Lies = {
      claims: truth => ({ ...truth, email_verified: true }),
      userinfo: truth => ({ ...truth, email_verified: undefined }),
    }

    await assert.rejects(signInWith(unchecked, { ...asking, allow }), gatewayError('access_denied', 'not_allowed'))
    await assert.rejects(signInWith(elsewhere, { ...asking, allow }), gatewayError('access_denied', 'not_allowed'))
    const fromUserInfo: Partial<ProviderConfig> = { claims: { email_verified: { from: ['userinfo'], path: ['email_verified'] } }, allow }
    await assert.rejects(signInWith(unchecked, fromUserInfo), gatewayError('access_denied', 'not_allowed'))
    assert.equal((await signInWith({}, { ...asking, allow })).claims.email_verified, true)
  })

  it('IDT-16, WEB-09, A-127: brings no names that reach into prototypes', async () => {
    const polluting = '{"__proto__":{"admin":true},"constructor":{"prototype":{"admin":true}},"list":[{"__proto__":{"x":1}}],"fine":1}'
    const payload = (json: string) => json.replace(/}$/, `,"deep":${polluting},"__proto__":{"groups":["ops"]}}`)

    const { claims } = await signInWith({ payload }, { claims: { groups: fromBoth('groups'), proto: fromBoth('__proto__', 'groups') } }, [
      'deep',
      'toString',
      'hasOwnProperty',
    ])

    assert.equal(JSON.stringify(claims.deep), '{"list":[{}],"fine":1}')
    assert.deepEqual(Object.keys(claims).sort(), ['deep', 'email', 'email_verified', 'proto'])
    assert.equal(Object.getPrototypeOf(claims), Object.prototype)
  })
})
