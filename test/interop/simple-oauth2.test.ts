import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { AuthorizationCode, type AuthorizationTokenConfig } from 'simple-oauth2'
import { createPerson, follow, listenForAnswer, type Person } from '../support/native-person.ts'
import { type Stage, startStage } from '../support/stage.ts'

describe('simple-oauth2, as it comes', () => {
  let stage: Stage
  let person: Person
  before(async () => {
    stage = await startStage({ https: false })
    person = createPerson(stage)
  })
  after(() => Promise.all([person.close(), stage.close()]))

  // It discovers nothing, and was made for clients with a secret: an empty one is none. PKCE goes along as any parameter does.
  const program = (authorizationMethod: 'header' | 'body') =>
    new AuthorizationCode({
      client: { id: 'mcp', secret: '' },
      auth: { tokenHost: stage.gateway, authorizePath: '/oauth/authorize', tokenPath: '/oauth/token', revokePath: '/oauth/revoke' },
      options: { authorizationMethod },
    })
  const call = (token: unknown) => fetch(`${stage.gateway}/api/orders`, { headers: { authorization: `Bearer ${token}` } })

  async function signIn(client: AuthorizationCode) {
    const listener = await listenForAnswer()
    const verifier = randomBytes(32).toString('base64url')
    const pkce = { code_challenge: createHash('sha256').update(verifier).digest('base64url'), code_challenge_method: 'S256' }
    const url = client.authorizeURL({ redirect_uri: listener.redirectUri, scope: 'orders.read', state: 'a state', ...pkce })
    await follow(await person.letIn(url))
    const { searchParams } = await listener.arrival
    listener.close()
    assert.equal(searchParams.get('state'), 'a state')
    const params = { code: searchParams.get('code') ?? '', redirect_uri: listener.redirectUri, code_verifier: verifier }
    return client.getToken(params satisfies AuthorizationTokenConfig)
  }

  for (const place of ['header', 'body'] as const) {
    it(`NAT-28 signs in with an empty secret in the ${place}, calls and revokes`, async () => {
      const tokens = await signIn(program(place))
      const called = await call(tokens.token.access_token)

      await tokens.revoke('access_token')

      assert.equal(called.status, 200)
      assert.deepEqual([tokens.token.scope, tokens.expired()], ['orders.read', false])
      assert.equal((await call(tokens.token.access_token)).status, 401)
    })
  }
})
