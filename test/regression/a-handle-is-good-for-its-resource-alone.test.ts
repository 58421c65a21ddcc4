import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { type IdentityProvider, startIdentityProvider } from '../support/identity-provider.ts'
import { call, createRun, getCode, getHandle, nativeClients, post, redeem } from '../support/native-client.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'

/*
 * What happened: a handle for the resource https://a opened the same route on every other origin that serves it. An
 * agent could be given /api/admin by a session for /api, though /api/admin is a route of its own, which that session
 * could not reach. And a token request that named fewer resources than its code got a handle for all of the code's.
 *
 * What holds it now: the origin that was asked counts; only a whole origin holds other resources; and what the token
 * request names, the handle is for.
 */
describe('A handle for a resource (RFC 8707)', () => {
  let idp: IdentityProvider
  let upstream: Upstream
  let gateway: TestGateway
  let second: { readonly port: number; readonly host: string }
  before(async () => {
    idp = await startIdentityProvider()
    upstream = await startUpstream()
    const at = { upstream: upstream.origin, token: 'access' }
    gateway = await startGateway({
      idp,
      config: {
        origins: ['https://app.example.test', 'https://second.example.test'],
        native: { clients: nativeClients },
        routes: [
          { path: '/api', ...at },
          { path: '/api/admin', ...at },
          { path: '/', upstream: upstream.origin, access: 'anyone' },
        ],
      },
    })
    second = { port: gateway.port, host: 'second.example.test' }
  })
  after(() => Promise.all([idp.close(), upstream.close(), gateway.close()]))

  const status = async (handle: string, path: string, at = gateway as typeof second) => (await call(at, path, handle)).status

  function exchange(handle: string, resource: string) {
    return post(gateway, '/oauth/token', {
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      client_id: 'cli',
      subject_token: handle,
      subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      resource,
    })
  }

  it('opens the origin that it is for, and no other that serves the same routes', async () => {
    const ofOrigin = await getHandle(gateway, idp, { resource: gateway.origin })
    const ofRoute = await getHandle(gateway, idp, { resource: `${gateway.origin}/api` })

    assert.deepEqual([await status(ofOrigin, '/api/x'), await status(ofRoute, '/api/x')], [200, 200])
    assert.deepEqual([await status(ofOrigin, '/api/x', second), await status(ofRoute, '/api/x', second)], [403, 403])
    const refused = await call(second, '/api/x', ofRoute)
    assert.match(String(refused.headers['www-authenticate']), /resource_metadata="https:\/\/second\.example\.test\//)
  })

  it('hands on no route beyond its own, though it is further down the same path', async () => {
    const handle = await getHandle(gateway, idp, { resource: `${gateway.origin}/api` })
    assert.deepEqual([await status(handle, '/api/x'), await status(handle, '/api/admin')], [200, 403])

    assert.equal((await exchange(handle, `${gateway.origin}/api/admin`)).body.error, 'invalid_target')
    assert.equal((await exchange(handle, `${gateway.origin}/api/x`)).status, 200)
    const ofOrigin = await getHandle(gateway, idp, { resource: gateway.origin })
    assert.equal((await exchange(ofOrigin, `${gateway.origin}/api/admin`)).status, 200)
    assert.equal((await exchange(ofOrigin, 'https://second.example.test/api')).body.error, 'invalid_target')
  })

  it('is for what the token request names, where that is less than the code is for', async () => {
    for (const approved of [null, gateway.origin]) {
      const run = createRun({ resource: approved })
      const code = await getCode(gateway, idp, run)

      const response = await redeem(gateway, run, code, { resource: `${gateway.origin}/api/admin` })

      assert.equal(response.status, 200, response.text)
      const handle = response.body.access_token
      assert.deepEqual([await status(handle, '/api/admin'), await status(handle, '/api/x')], [200, 403])
    }
  })
})
