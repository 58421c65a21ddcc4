import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { type IdentityProvider, startIdentityProvider } from '../support/identity-provider.ts'
import { authorizePath, call, createRun, decide, nativeClients, post, reachApproval, redeem } from '../support/native-client.ts'
import { createVisitor, refreshOf } from '../support/visitor.ts'

const strict = { ...nativeClients.cli, par: 'require', responseMode: 'form_post' }

// ConsentFix: who writes the link leaves out what protects, unless the gateway insists on it for that client.
describe('a client that must push its requests, and gets its answers by a form alone', () => {
  let idp: IdentityProvider
  let gateway: TestGateway
  before(async () => {
    idp = await startIdentityProvider()
    gateway = await startGateway({ idp, config: { native: { clients: { ...nativeClients, cli: strict } } } })
  })
  after(() => Promise.all([idp.close(), gateway.close()]))

  const open = (path: string) => createVisitor(gateway).visit(path, { site: 'none' })
  const named = (client_id: string, request_uri: string) => `/oauth/authorize?${new URLSearchParams({ client_id, request_uri })}`

  it('shows a page, and tells nobody, for a request that was not pushed', async () => {
    const before = gateway.audit.length
    for (const mode of ['form_post', 'query', null]) {
      const response = await open(authorizePath(createRun({ response_mode: mode })))

      assert.deepEqual([response.status, response.headers.location, refreshOf(response)], [400, undefined, null])
      assert.equal(response.headers['set-cookie'], undefined)
      assert.ok(!response.text.includes('127.0.0.1'))
    }
    assert.deepEqual(
      gateway.audit.slice(before).map(({ event, reason }) => [event, reason]),
      Array(3).fill(['refusal', 'not_pushed']),
    )
  })

  it('refuses to push one whose answer would stand in an address', async () => {
    for (const mode of ['query', null]) {
      const { status, body } = await post(gateway, '/oauth/par', createRun({ response_mode: mode }).params)

      assert.deepEqual([status, body.error], [400, 'unauthorized_client'])
      assert.match(body.error_description, /response_mode=form_post/)
    }
  })

  it('signs in with both', async () => {
    const run = createRun({ response_mode: 'form_post' })
    const { request_uri } = (await post(gateway, '/oauth/par', run.params)).body
    const visitor = createVisitor(gateway)

    const answer = await decide(
      visitor,
      await reachApproval(visitor, idp, { ...run, params: { client_id: 'cli', request_uri } }),
      'approve',
    )

    const [, code = ''] = /name="code" value="([^"]+)"/.exec(answer.text) ?? []
    assert.equal(refreshOf(answer), null)
    assert.equal((await redeem(gateway, run, code)).status, 200)
  })

  it('says no by a form as well', async () => {
    const run = createRun({ response_mode: 'form_post' })
    const { request_uri } = (await post(gateway, '/oauth/par', run.params)).body
    const visitor = createVisitor(gateway)

    const answer = await decide(visitor, await reachApproval(visitor, idp, { ...run, params: { client_id: 'cli', request_uri } }), 'deny')

    assert.equal(refreshOf(answer), null)
    assert.match(answer.text, /name="error" value="access_denied"/)
  })

  it('is no rule for other clients, and so none of the metadata', async () => {
    const run = createRun({ client_id: 'other', redirect_uri: 'http://127.0.0.1:51004/cb' })
    const { body } = await call(gateway, '/.well-known/oauth-authorization-server', null)

    assert.equal((await open(authorizePath(run))).status, 302)
    assert.equal(body.require_pushed_authorization_requests, undefined)
    assert.deepEqual(body.response_modes_supported, ['query', 'form_post'])
  })

  it('cannot be had under the name of another', async () => {
    const run = createRun({ client_id: 'other', redirect_uri: 'http://127.0.0.1:51004/cb' })
    const { request_uri } = (await post(gateway, '/oauth/par', run.params)).body

    assert.equal((await open(named('cli', request_uri))).status, 400)
  })
})

describe('a client that gets its answers by a form alone, and need not push', () => {
  it('is told by the mode that it asked for: an error holds nothing that somebody could want', async t => {
    const idp = await startIdentityProvider()
    const gateway = await startGateway({ idp, config: { native: { clients: { cli: { ...strict, par: 'auto' } } } } })
    t.after(() => Promise.all([idp.close(), gateway.close()]))
    const run = createRun()

    const response = await createVisitor(gateway).visit(authorizePath(run), { site: 'none' })

    const to = new URL(String(response.headers.location))
    assert.deepEqual(
      ['error', 'state', 'iss', 'code'].map(name => to.searchParams.get(name)),
      ['unauthorized_client', run.params.state, gateway.origin, null],
    )
    assert.equal(response.headers['set-cookie'], undefined)
  })

  it('is what the metadata say, and that requests must be pushed, where it holds for all that are redirected', async t => {
    const idp = await startIdentityProvider()
    const tv = { name: 'TV', scopes: ['orders.read'], device: true }
    const clients = { cli: strict, tv }
    const ofAll = await startGateway({ idp, config: { native: { clients } } })
    const clientIdMetadata = { allow: ['https://tool.example/client.json'], scopes: ['orders.read'] }
    const ofSome = await startGateway({ idp, config: { native: { clients, clientIdMetadata } } })
    t.after(() => Promise.all([idp.close(), ofAll.close(), ofSome.close()]))

    const said = [ofAll, ofSome].map(async gateway => (await call(gateway, '/.well-known/oauth-authorization-server', null)).body)

    assert.deepEqual(
      (await Promise.all(said)).map(body => [body.require_pushed_authorization_requests, body.response_modes_supported]),
      [
        [true, ['form_post']],
        [undefined, ['query', 'form_post']],
      ],
    )
  })
})
