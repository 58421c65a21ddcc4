import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, describe, it } from 'node:test'
import * as client from 'openid-client'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { type IdentityProvider, startIdentityProvider } from '../support/identity-provider.ts'
import { answerOf, arrive, decide, nativeClients } from '../support/native-client.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'
import { createVisitor, refreshOf } from '../support/visitor.ts'

describe('openid-client, as it comes', () => {
  let idp: IdentityProvider
  let upstream: Upstream
  let gateway: TestGateway
  let config: client.Configuration
  before(async () => {
    idp = await startIdentityProvider()
    upstream = await startUpstream()
    const listen = { host: '127.0.0.1', port: 0, trustedProxies: ['127.0.0.1'] }
    gateway = await startGateway({ idp, upstream: upstream.origin, config: { native: { clients: nativeClients }, listen } })
    // Nothing is changed but the way: the name of the gateway is known to no name service, so the call comes as through a proxy.
    const customFetch: client.CustomFetch = (url, { headers, ...options }) =>
      fetch(url.replace(gateway.origin, `http://127.0.0.1:${gateway.port}`), {
        ...(options as RequestInit),
        headers: { ...headers, 'x-forwarded-host': gateway.host },
      })
    config = await client.discovery(new URL(gateway.origin), 'cli', undefined, client.None(), {
      algorithm: 'oauth2',
      [client.customFetch]: customFetch,
    })
  })
  after(() => Promise.all([idp.close(), upstream.close(), gateway.close()]))

  /** What the browser of the person does with an authorization request; the address that it ends at. */
  async function browse(url: URL): Promise<URL> {
    const visitor = createVisitor(gateway)
    const begun = await visitor.visit(url.pathname + url.search, { site: 'none' })
    const approval = await arrive(visitor, await idp.signIn(String(begun.headers.location)))
    return answerOf(await decide(visitor, approval, 'approve'))
  }

  it('signs in by a loopback listener with PKCE, state and iss, calls, and revokes', async t => {
    const arrivals: URL[] = []
    const listener = createServer((req, res) => {
      arrivals.push(new URL(req.url ?? '', `http://127.0.0.1:${(listener.address() as AddressInfo).port}`))
      res.end('done')
    })
    await new Promise<void>(resolve => listener.listen(0, '127.0.0.1', resolve))
    t.after(() => listener.close())
    const redirect_uri = `http://127.0.0.1:${(listener.address() as AddressInfo).port}/callback`
    const [verifier, state] = [client.randomPKCECodeVerifier(), client.randomState()]
    const url = client.buildAuthorizationUrl(config, {
      redirect_uri,
      scope: 'orders.read',
      state,
      code_challenge: await client.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
    })

    const answer = await browse(url)
    assert.deepEqual(arrivals, [], 'NAT-33 the gateway itself connects to nobody')
    await (await fetch(answer)).text()
    const tokens = await client.authorizationCodeGrant(config, arrivals[0] ?? new URL('x:'), {
      pkceCodeVerifier: verifier,
      expectedState: state,
    })
    const called = await client.fetchProtectedResource(config, tokens.access_token, new URL('/api/orders', gateway.origin), 'GET')
    await client.tokenRevocation(config, tokens.access_token)
    const after = await client
      .fetchProtectedResource(config, tokens.access_token, new URL('/api/orders', gateway.origin), 'GET')
      .catch(error => error)

    assert.equal(called.status, 200)
    assert.deepEqual([tokens.token_type, tokens.scope, tokens.refresh_token], ['bearer', 'orders.read', undefined])
    assert.ok((tokens.expiresIn() ?? 0) > 0)
    assert.equal(after.status, 401)
  })

  it('pushes its request, names the resource, and is told of a replay', async () => {
    const verifier = client.randomPKCECodeVerifier()
    const url = await client.buildAuthorizationUrlWithPAR(config, {
      redirect_uri: 'http://127.0.0.1:51004/callback',
      resource: `${gateway.origin}/api/orders`,
      code_challenge: await client.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
    })
    const answer = await browse(url)
    const redeem = () => client.authorizationCodeGrant(config, answer, { pkceCodeVerifier: verifier })

    const tokens = await redeem()
    const replay = await redeem().catch(error => error)

    assert.equal(tokens.scope, 'orders.read sessions')
    assert.equal(replay.error, 'invalid_grant')
  })

  it('signs in by a device code', async () => {
    const started = await client.initiateDeviceAuthorization(config, { scope: 'orders.read' })
    const ask = () =>
      client.genericGrantRequest(config, 'urn:ietf:params:oauth:grant-type:device_code', { device_code: started.device_code })
    const pending = await ask().catch(error => error)
    const visitor = createVisitor(gateway)
    const { pathname } = new URL(started.verification_uri)
    const begun = await visitor.visit(pathname, { method: 'POST', body: `user_code=${started.user_code}` })
    await decide(visitor, await arrive(visitor, await idp.signIn(refreshOf(begun) ?? '')), 'approve')

    const tokens = await ask()

    assert.equal(pending.error, 'authorization_pending')
    assert.match(tokens.access_token, /^spt_/)
  })
})
