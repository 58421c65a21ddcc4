import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import * as oauth from 'oauth4webapi'
import { createPerson, follow, listenForAnswer, type Person } from '../support/native-person.ts'
import { type Stage, startStage } from '../support/stage.ts'

// http, because the gateway is on this machine; nothing else of the library is changed.
const options = { [oauth.allowInsecureRequests]: true }

describe('oauth4webapi, as it comes', () => {
  let stage: Stage
  let person: Person
  let server: oauth.AuthorizationServer
  const client: oauth.Client = { client_id: 'program' }
  before(async () => {
    const program = { name: 'A program', redirects: ['loopback'], scopes: ['orders.read', 'orders.write'], device: true, delegate: true }
    stage = await startStage({ https: false, change: config => ({ ...config, native: { clients: { program } } }) })
    person = createPerson(stage)
    const issuer = new URL(stage.gateway)
    server = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...options }))
  })
  after(() => Promise.all([person.close(), stage.close()]))

  const call = (token: string) =>
    oauth.protectedResourceRequest(token, 'GET', new URL('/api/orders', stage.gateway), undefined, undefined, options)

  async function signIn(scope: string) {
    const listener = await listenForAnswer()
    const [verifier, state] = [oauth.generateRandomCodeVerifier(), oauth.generateRandomState()]
    const url = new URL(server.authorization_endpoint ?? '')
    url.search = new URLSearchParams({
      client_id: client.client_id,
      response_type: 'code',
      redirect_uri: listener.redirectUri,
      scope,
      state,
      code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
    }).toString()
    await follow(await person.letIn(url))
    const answer = oauth.validateAuthResponse(server, client, await listener.arrival, state)
    listener.close()
    const redeem = () => oauth.authorizationCodeGrantRequest(server, client, oauth.None(), answer, listener.redirectUri, verifier, options)
    return { redeem, tokens: await oauth.processAuthorizationCodeResponse(server, client, await redeem()) }
  }

  it('finds its way, signs in by loopback, calls and revokes', async () => {
    const { tokens } = await signIn('orders.read')

    const called = await call(tokens.access_token)
    await oauth.processRevocationResponse(await oauth.revocationRequest(server, client, oauth.None(), tokens.access_token, options))
    const after = await call(tokens.access_token).catch(error => error)

    assert.equal(called.status, 200)
    assert.deepEqual(
      [tokens.token_type, tokens.scope, tokens.refresh_token, tokens.id_token],
      ['bearer', 'orders.read', undefined, undefined],
    )
    assert.ok(after instanceof oauth.WWWAuthenticateChallengeError)
    assert.equal(after.cause[0]?.parameters.error, 'invalid_token')
    assert.match(after.cause[0]?.parameters.resource_metadata ?? '', /\/\.well-known\/oauth-protected-resource\/api\/orders$/)
  })

  it('is told of a second use of its code, which ends what the first was given', async () => {
    const { redeem, tokens } = await signIn('orders.read')

    const replay = await oauth.processAuthorizationCodeResponse(server, client, await redeem()).catch(error => error)

    assert.deepEqual([replay.name, replay.error], ['ResponseBodyError', 'invalid_grant'])
    assert.equal((await call(tokens.access_token).catch(error => error)).status, 401)
  })

  it('hands on less than it has, by token exchange', async () => {
    const { tokens } = await signIn('orders.read orders.write')
    const type = 'urn:ietf:params:oauth:token-type:access_token'
    const parameters = { subject_token: tokens.access_token, subject_token_type: type, scope: 'orders.read' }

    const response = await oauth.genericTokenEndpointRequest(
      server,
      client,
      oauth.None(),
      'urn:ietf:params:oauth:grant-type:token-exchange',
      parameters,
      options,
    )
    const child = await oauth.processGenericTokenEndpointResponse(server, client, response)

    assert.equal((await call(child.access_token)).status, 200)
    assert.equal(child.scope, 'orders.read')
    assert.ok((child.expires_in ?? 0) < (tokens.expires_in ?? 0))
  })
})
