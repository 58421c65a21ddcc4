import assert from 'node:assert/strict'
import { registerHooks } from 'node:module'
import { after, before, describe, it } from 'node:test'
import { createPerson, follow, listenForAnswer, type Person } from '../support/native-person.ts'
import { type Stage, startStage } from '../support/stage.ts'

// The package is made for bundlers: its modules import each other without the ending that Node asks for. Nothing else of
// it is touched.
const hooks = registerHooks({
  resolve: (specifier, context, next) =>
    next(specifier.startsWith('.') && context.parentURL?.includes('/@openid/appauth/') ? `${specifier}.js` : specifier, context),
})
const [
  { AuthorizationRequest },
  { AuthorizationServiceConfiguration },
  { TokenRequest },
  { RevokeTokenRequest },
  { BaseTokenRequestHandler },
  node,
] = await Promise.all([
  import('@openid/appauth/built/src/authorization_request.js'),
  import('@openid/appauth/built/src/authorization_service_configuration.js'),
  import('@openid/appauth/built/src/token_request.js'),
  import('@openid/appauth/built/src/revoke_token_request.js'),
  import('@openid/appauth/built/src/token_request_handler.js'),
  Promise.all([
    import('@openid/appauth/built/src/node_support/crypto_utils.js'),
    import('@openid/appauth/built/src/node_support/node_requestor.js'),
  ]),
])
const [{ NodeCrypto }, { NodeRequestor }] = node
hooks.deregister()

describe('AppAuth for Node, as it comes', () => {
  let stage: Stage
  let person: Person
  before(async () => {
    stage = await startStage({ https: false })
    person = createPerson(stage)
  })
  after(() => Promise.all([person.close(), stage.close()]))

  it('signs in with PKCE, calls and revokes', async () => {
    const metadata = await (await fetch(`${stage.gateway}/.well-known/oauth-authorization-server`)).json()
    const configuration = new AuthorizationServiceConfiguration(metadata as never)
    const listener = await listenForAnswer()
    const own = { client_id: 'mcp', redirect_uri: listener.redirectUri }
    const request = new AuthorizationRequest(
      { ...own, scope: 'orders.read', response_type: AuthorizationRequest.RESPONSE_TYPE_CODE },
      new NodeCrypto(),
    )
    // What its handlers make of a request; those of Node listen on all interfaces, and open a browser.
    const { internal, extras, ...params } = await request.toJson()
    const url = `${configuration.authorizationEndpoint}?${new URLSearchParams({ ...params, ...extras } as Record<string, string>)}`
    await follow(await person.letIn(url))
    const { searchParams } = await listener.arrival
    listener.close()
    const handler = new BaseTokenRequestHandler(new NodeRequestor())
    const call = (token: string) => fetch(`${stage.gateway}/api/orders`, { headers: { authorization: `Bearer ${token}` } })

    const tokens = await handler.performTokenRequest(
      configuration,
      new TokenRequest({
        ...own,
        grant_type: 'authorization_code',
        code: searchParams.get('code') ?? '',
        extras: { code_verifier: internal?.code_verifier ?? '' },
      }),
    )
    const called = await call(tokens.accessToken)
    const isRevoked = await handler.performRevokeTokenRequest(
      configuration,
      new RevokeTokenRequest({ client_id: 'mcp', token: tokens.accessToken }),
    )
    const after = await call(tokens.accessToken)

    assert.equal(searchParams.get('state'), request.state)
    assert.deepEqual([tokens.scope, tokens.idToken, tokens.refreshToken, tokens.isValid()], ['orders.read', undefined, undefined, true])
    assert.deepEqual([called.status, isRevoked, after.status], [200, true, 401])
  })
})
