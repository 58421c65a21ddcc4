import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { type IdentityProvider, startIdentityProvider } from '../support/identity-provider.ts'
import { authorizePath, call, createRun, decide, getHandle, nativeClients, reachApproval } from '../support/native-client.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'
import { createVisitor, refreshOf } from '../support/visitor.ts'

describe('native.origin', () => {
  let idp: IdentityProvider
  let upstream: Upstream
  let gateway: TestGateway
  let login: { port: number; host: string }
  before(async () => {
    idp = await startIdentityProvider()
    upstream = await startUpstream()
    const native = { origin: 'https://login.example.test', clients: nativeClients }
    gateway = await startGateway({ idp, upstream: upstream.origin, config: { native } })
    login = { port: gateway.port, host: 'login.example.test' }
    idp.register({ redirectUris: [`${gateway.origin}/auth/callback/main`, 'https://login.example.test/auth/callback/main'] })
  })
  after(() => Promise.all([idp.close(), upstream.close(), gateway.close()]))

  it('signs in there, by a callback of its own, for handles that work where the routes are', async () => {
    const handle = await getHandle(login, idp)

    assert.equal((await call(gateway, '/api/orders', handle)).status, 200)
    assert.equal((await call(gateway, '/auth/session', handle)).status, 200)
    assert.ok(idp.tokenRequests.some(({ params }) => params.redirect_uri === 'https://login.example.test/auth/callback/main'))
  })

  it('serves nothing else: no route, no sign-in of browsers, no handle', async () => {
    const handle = await getHandle(login, idp)
    const visitor = createVisitor(login)

    for (const path of [
      '/',
      '/api/orders',
      '/reports',
      '/auth/login',
      '/auth/session',
      '/auth/sessions',
      '/auth/account',
      '/auth/continue/x',
    ]) {
      assert.equal((await call(login, path, handle)).status, 404, path)
      assert.equal((await visitor.visit(path)).status, 404, path)
    }
    assert.equal(upstream.requests.filter(({ headers }) => headers['x-forwarded-host'] === 'login.example.test').length, 0)
  })

  it('keeps all of it from the origins of the applications', async () => {
    const visitor = createVisitor(gateway)

    await visitor.visit(authorizePath(createRun()), { site: 'none' })
    await call(gateway, '/.well-known/oauth-authorization-server', null)

    assert.deepEqual([...visitor.jar.keys()], [])
    // They are routes there like any other.
    assert.deepEqual(
      upstream.requests.slice(-2).map(({ url }) => url.split('?')[0]),
      ['/oauth/authorize', '/.well-known/oauth-authorization-server'],
    )
    // A sign-in that was begun there is finished there.
    const there = createVisitor(login)
    const approval = await reachApproval(there, idp, createRun())
    assert.equal((await decide(createVisitor(gateway, there.jar), approval, 'approve')).text, '{"ok":true}')
    assert.match(refreshOf(await decide(there, approval, 'approve')) ?? '', /iss=https%3A%2F%2Flogin\.example\.test/)
  })

  it('leads people who are lost there to the applications', async () => {
    const page = await createVisitor(login).visit('/')

    assert.match(page.text, /href="https:\/\/app\.example\.test"/)
  })

  it('META-09 META-10 is the issuer in the metadata, to which the routes point, whatever the request says of hosts', async () => {
    const elsewhere = { 'x-forwarded-host': 'evil.test' }
    const server = await call(login, '/.well-known/oauth-authorization-server', null, elsewhere)
    const resource = await call(gateway, '/.well-known/oauth-protected-resource/api/orders/7', null, elsewhere)
    const whole = await call(gateway, '/.well-known/oauth-protected-resource', null)

    assert.deepEqual(server.body, {
      issuer: 'https://login.example.test',
      authorization_endpoint: 'https://login.example.test/oauth/authorize',
      token_endpoint: 'https://login.example.test/oauth/token',
      revocation_endpoint: 'https://login.example.test/oauth/revoke',
      pushed_authorization_request_endpoint: 'https://login.example.test/oauth/par',
      device_authorization_endpoint: 'https://login.example.test/oauth/device_authorization',
      response_types_supported: ['code'],
      response_modes_supported: ['query', 'form_post'],
      grant_types_supported: [
        'authorization_code',
        'urn:ietf:params:oauth:grant-type:device_code',
        'urn:ietf:params:oauth:grant-type:token-exchange',
      ],
      authorization_details_types_supported: ['sallyport_delegation'],
      code_challenge_methods_supported: ['S256'],
      token_endpoint_auth_methods_supported: ['none'],
      revocation_endpoint_auth_methods_supported: ['none'],
      scopes_supported: ['orders.read', 'sessions'],
      authorization_response_iss_parameter_supported: true,
      sallyport_base_path: '/auth',
    })
    assert.deepEqual(resource.body, {
      resource: 'https://app.example.test/api/orders/7',
      authorization_servers: ['https://login.example.test'],
      bearer_methods_supported: ['header'],
    })
    assert.equal(whole.body.resource, 'https://app.example.test')
    for (const path of ['/reports', '/x', '/api/ordersx']) {
      assert.equal((await call(gateway, `/.well-known/oauth-protected-resource${path}`, null)).status, 404, path)
    }
  })
})
