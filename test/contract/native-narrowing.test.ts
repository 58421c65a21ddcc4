import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { createMemoryStore } from '../../src/store/memory.ts'
import { brokenStore } from '../support/broken-store.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { type IdentityProvider, startIdentityProvider } from '../support/identity-provider.ts'
import {
  answerOf,
  arrive,
  call,
  createRun,
  decide,
  nativeClients,
  post,
  reachApproval,
  redeem,
  tickedScopes,
} from '../support/native-client.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'
import { createVisitor, refreshOf } from '../support/visitor.ts'

const documentId = 'https://tool.example/oauth/client.json'
const both = 'openid sessions'

describe('a person who lets a program in may give it less than it asks for', () => {
  const state = { isAway: false, verbs: ['takeOnce'] }
  let idp: IdentityProvider
  let upstream: Upstream
  let gateway: TestGateway
  before(async () => {
    idp = await startIdentityProvider()
    upstream = await startUpstream()
    const scopes = ['openid', 'sessions']
    const document = { client_id: documentId, client_name: 'A tool', redirect_uris: ['http://127.0.0.1/callback'] }
    const at = { upstream: upstream.origin }
    gateway = await startGateway({
      idp,
      store: brokenStore(createMemoryStore({ now: Date.now }), state),
      fetchDocument: async () => ({ body: Buffer.from(JSON.stringify(document)), cacheControl: '' }),
      config: {
        native: { clients: { cli: { ...nativeClients.cli, scopes } }, clientIdMetadata: { allow: ['https://tool.example'], scopes } },
        routes: [
          { path: '/api/orders', ...at, token: 'access', require: { scopes: ['openid'] } },
          { path: '/', ...at, access: 'anyone' },
        ],
      },
    })
  })
  after(() => Promise.all([idp.close(), upstream.close(), gateway.close()]))

  /** Up to the handle, with these boxes ticked. */
  async function getNarrowed(scopes: readonly string[], changes: Record<string, string> = {}) {
    const visitor = createVisitor(gateway)
    const run = createRun({ scope: both, ...changes })
    const answer = answerOf(await decide(visitor, await reachApproval(visitor, idp, run), 'approve', scopes))
    return redeem(gateway, run, answer.searchParams.get('code') ?? '')
  }
  const sessionOf = async (handle: string) => {
    const sessions = (await call(gateway, '/auth/sessions', handle)).body.sessions as { session_id: string; scopes: string[] }[]
    const { session_id } = (await call(gateway, '/auth/session', handle)).body.session
    return sessions.find(one => one.session_id === session_id)
  }
  const send = (visitor: ReturnType<typeof createVisitor>, path: string, fields: readonly (readonly [string, string])[]) =>
    visitor.visit(path, { method: 'POST', body: new URLSearchParams(fields.map(pair => [...pair])).toString() })
  const tokenOf = (text: string) => /name="form_token" value="([^"]*)"/.exec(text)?.[1] ?? ''

  it('NHI-05 NAT-31 gives what is ticked: in the token response, in the session, at the routes', async () => {
    const { status, body } = await getNarrowed(['sessions'])

    assert.deepEqual([status, body.scope], [200, 'sessions'])
    assert.deepEqual((await sessionOf(body.access_token))?.scopes, ['sessions'])
    assert.equal((await call(gateway, '/api/orders', body.access_token)).status, 403)
    assert.equal((await getNarrowed(['openid', 'sessions'])).body.scope, both)
  })

  it('is one answer to one sign-in: the next asks for all of it again', async () => {
    await getNarrowed(['sessions'])

    const { page } = await reachApproval(createVisitor(gateway), idp, createRun({ scope: both }))

    assert.deepEqual(tickedScopes(page), ['openid', 'sessions'])
  })

  it('does the same for a device, and for a client that describes itself', async () => {
    const started = (await post(gateway, '/oauth/device_authorization', { client_id: 'cli', scope: both })).body
    const visitor = createVisitor(gateway)
    const typed = await send(visitor, '/device', [['user_code', started.user_code]])
    await decide(visitor, await arrive(visitor, await idp.signIn(refreshOf(typed) ?? '')), 'approve', ['openid'])

    const grant_type = 'urn:ietf:params:oauth:grant-type:device_code'
    const device = await post(gateway, '/oauth/token', { grant_type, client_id: 'cli', device_code: started.device_code })
    const document = await getNarrowed(['openid'], { client_id: documentId })

    assert.deepEqual([device.status, device.body.scope], [200, 'openid'])
    assert.equal((await call(gateway, '/auth/sessions', device.body.access_token)).status, 403)
    assert.deepEqual([document.status, document.body.scope], [200, 'openid'])
    assert.equal((await call(gateway, '/auth/sessions', document.body.access_token)).status, 403)
  })

  // What a script, or a person with the browser's tools, would send: <input name="scope" value="admin" checked>
  it('NAT-31 A-097 refuses a scope that nobody asked for, and grants nothing of such a form', async () => {
    const visitor = createVisitor(gateway)
    const approval = await reachApproval(visitor, idp, createRun({ scope: 'openid' }))
    const form = (...scopes: readonly string[]) =>
      send(visitor, approval.path, [
        ['form_token', tokenOf(approval.page.text)],
        ['decision', 'approve'],
        ...scopes.map(scope => ['scope', scope] as const),
      ])

    // `sessions` is the client's to ask for, and it has not.
    const refused = [await form('openid', 'admin'), await form('sessions'), await form('openid sessions'), await form('openid', 'OPENID')]

    for (const { status, headers, text } of refused) {
      assert.deepEqual([status, headers['sallyport-error'], text.includes('code=')], [400, 'bad_request', false])
    }
    assert.equal(gateway.audit.filter(({ reason }) => reason === 'scope_not_asked').length, 4)
    // It has cost the person nothing. The same box twice is one.
    assert.equal(answerOf(await form('openid', 'openid')).searchParams.has('code'), true)
  })

  it('asks once more where nothing is ticked, and loses nothing', async () => {
    const visitor = createVisitor(gateway)
    const run = createRun({ scope: both })
    const approval = await reachApproval(visitor, idp, run)
    const before = gateway.audit.length

    const again = await decide(visitor, approval, 'approve', [])

    assert.equal(again.status, 400)
    assert.match(again.text, /<fieldset aria-describedby="scope-fault">/)
    assert.ok(again.text.includes('this computer, port 51004'))
    assert.match(String(again.headers['content-security-policy']), /frame-ancestors 'none'/)
    assert.equal(gateway.audit.length, before)
    const answer = answerOf(await decide(visitor, { page: again, path: approval.path }, 'approve', ['openid']))
    const { body } = await redeem(gateway, run, answer.searchParams.get('code') ?? '')
    assert.equal(body.scope, 'openid')
  })

  it('keeps the guards of the form: its token, its origin, the browser that began, one answer', async () => {
    const visitor = createVisitor(gateway)
    const approval = await reachApproval(visitor, idp, createRun({ scope: both }))
    const fields = (token: string) =>
      [
        ['form_token', token],
        ['decision', 'approve'],
        ['scope', 'openid'],
      ] as const
    const token = tokenOf(approval.page.text)
    const body = new URLSearchParams(fields(token).map(pair => [...pair])).toString()

    const foreign = [
      await send(visitor, approval.path, fields('a'.repeat(43))),
      await visitor.visit(approval.path, { method: 'POST', body, site: 'same-site' }),
    ]
    const elsewhere = await send(createVisitor(gateway), approval.path, fields(token))
    // Nobody is told by the page that asks again whether there is something to approve.
    const emptyElsewhere = await decide(createVisitor(gateway), approval, 'approve', [])
    const jar = new Map(visitor.jar)
    const first = await send(visitor, approval.path, fields(token))
    const again = [await decide(createVisitor(gateway, jar), approval, 'approve', []), await decide(visitor, approval, 'approve', [])]

    for (const { status } of foreign) assert.equal(status, 403)
    for (const { headers } of [elsewhere, emptyElsewhere]) assert.equal(headers['sallyport-error'], 'attempt_unknown')
    assert.equal(answerOf(first).searchParams.has('code'), true)
    assert.deepEqual(
      again.map(({ headers }) => headers['sallyport-error']),
      ['attempt_replayed', 'attempt_unknown'],
    )
  })

  it('spends nothing while the store is away', async () => {
    const visitor = createVisitor(gateway)
    const approval = await reachApproval(visitor, idp, createRun({ scope: both }))

    state.isAway = true
    const away = await decide(visitor, approval, 'approve', ['openid'])
    state.isAway = false

    assert.deepEqual([away.status, away.headers['sallyport-error']], [503, 'store_unavailable'])
    assert.equal(answerOf(await decide(visitor, approval, 'approve', ['openid'])).searchParams.has('code'), true)
  })
})
