import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { createMemoryStore } from '../../src/store/memory.ts'
import { makeClock, makeSecrets, startGateway, type TestGateway } from '../support/gateway.ts'
import { type IdentityProvider, startIdentityProvider } from '../support/identity-provider.ts'
import { arrive, call, createRun, decide, getCode, getHandle, nativeClients, post, redeem } from '../support/native-client.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'
import { createVisitor, refreshOf } from '../support/visitor.ts'

const exchangeType = 'urn:ietf:params:oauth:grant-type:token-exchange'
const accessToken = 'urn:ietf:params:oauth:token-type:access_token'
const deviceType = 'urn:ietf:params:oauth:grant-type:device_code'
const documentId = 'https://tool.example/client.json'

// Several gateways over one store, as before and after a reload: each has another configuration of the same clients.
describe('what is taken out of the configuration of a native client', () => {
  let idp: IdentityProvider
  let upstream: Upstream
  let gateway: TestGateway
  let gateways: TestGateway[]
  let shared: Pick<Parameters<typeof startGateway>[0] & object, 'store' | 'secrets' | 'clock'>

  const scopes = ['openid', 'email', 'sessions']
  const cli = { ...nativeClients.cli, scopes }
  async function start(changes: Record<string, unknown> = {}, clientIdMetadata?: object): Promise<TestGateway> {
    const at = { upstream: upstream.origin, token: 'access' }
    const routes = [
      { path: '/api/mail', ...at, require: { scopes: ['email'] } },
      { path: '/api/orders', ...at, require: { scopes: ['openid'] } },
      { path: '/', upstream: upstream.origin, access: 'anyone' },
    ]
    const native = { clients: { cli: { ...cli, ...changes } }, ...(clientIdMetadata && { clientIdMetadata }) }
    const fetchDocument = async () => ({
      body: Buffer.from(JSON.stringify({ client_id: documentId, redirect_uris: ['http://127.0.0.1/callback'] })),
      cacheControl: '',
    })
    const one = await startGateway({ idp, ...shared, fetchDocument, config: { native, routes } })
    gateways.push(one)
    return one
  }
  beforeEach(async () => {
    idp = await startIdentityProvider({ accessTokens: 'opaque' })
    upstream = await startUpstream()
    const clock = makeClock()
    shared = { store: createMemoryStore(clock), secrets: makeSecrets(), clock }
    gateways = []
    gateway = await start()
  })
  afterEach(() => Promise.all([idp.close(), upstream.close(), ...gateways.map(one => one.close())]))

  const exchange = (own: TestGateway, handle: string, params: Record<string, string> = {}) =>
    post(own, '/oauth/token', {
      grant_type: exchangeType,
      client_id: 'cli',
      subject_token: handle,
      subject_token_type: accessToken,
      ...params,
    })
  const statuses = async (own: TestGateway, handle: string) => [
    (await call(own, '/api/mail/1', handle)).status,
    (await call(own, '/api/orders/1', handle)).status,
    (await call(own, '/auth/sessions', handle)).status,
  ]
  const all = { scope: scopes.join(' ') }

  it('NHI-03 NAT-31 a scope opens no route any more, to handles and agents that have it, until it is there again', async () => {
    const handle = await getHandle(gateway, idp, all)
    const agent = (await exchange(gateway, handle, { scope: 'email openid sessions' })).body.access_token
    const less = await start({ scopes: ['openid'] })

    const [before, now, again] = [await statuses(gateway, handle), await statuses(less, handle), await statuses(gateway, handle)]

    assert.deepEqual(
      [before, now, again],
      [
        [200, 200, 200],
        [403, 200, 403],
        [200, 200, 200],
      ],
    )
    assert.deepEqual(await statuses(less, agent), [403, 200, 403])
    assert.equal(less.audit.find(({ event }) => event === 'refusal')?.reason, 'scope_not_approved')
  })

  it('a scope is not lost to a handle that was used meanwhile', async () => {
    const handle = await getHandle(gateway, idp, all)
    const less = await start({ scopes: ['openid'] })
    shared.clock?.advance(3_600_000)

    assert.equal((await call(less, '/api/orders/1', handle)).status, 200)

    assert.deepEqual(await statuses(gateway, handle), [200, 200, 200])
  })

  it('a scope can be handed on no more', async () => {
    const handle = await getHandle(gateway, idp, all)
    const less = await start({ scopes: ['openid', 'sessions'] })

    const [refused, whole] = [await exchange(less, handle, { scope: 'email' }), await exchange(less, handle)]

    assert.deepEqual([refused.body.error, whole.body.scope], ['invalid_scope', 'openid sessions'])
  })

  it('a scope stands in no answer about the session, and in no list', async () => {
    const handle = await getHandle(gateway, idp, all)
    const less = await start({ scopes: ['openid', 'sessions'] })
    const visitor = createVisitor(less)
    await visitor.signIn(idp)

    const own = (await call(less, '/auth/session', handle)).body.session.scopes
    const [listed] = (await call(less, '/auth/sessions', handle)).body.sessions.filter((one: { kind: string }) => one.kind === 'native')
    const account = (await visitor.visit('/auth/account')).text

    assert.deepEqual(
      [own, listed.scopes],
      [
        ['openid', 'sessions'],
        ['openid', 'sessions'],
      ],
    )
    assert.match(account, /<dd>openid, sessions<\/dd>/)
    assert.doesNotMatch(account, /email,|, email/)
  })

  it('a session of which no scope is left may do nothing that needs one, and the account page says so', async () => {
    const handle = await getHandle(gateway, idp, { scope: 'email' })
    const less = await start({ scopes: ['openid', 'sessions'] })
    const visitor = createVisitor(less)
    await visitor.signIn(idp)

    assert.deepEqual(await statuses(less, handle), [403, 403, 403])
    assert.match((await visitor.visit('/auth/account')).text, /<dd>Nothing that needs a permission<\/dd>/)
  })

  it('a scope is not in what an approval gives that nobody has fetched yet, by a code or by a device', async () => {
    const run = createRun(all)
    const code = await getCode(gateway, idp, run)
    const started = (await post(gateway, '/oauth/device_authorization', { client_id: 'cli', ...all })).body
    const visitor = createVisitor(gateway)
    const typed = await visitor.visit('/device', { method: 'POST', body: `user_code=${started.user_code}` })
    await decide(visitor, await arrive(visitor, await idp.signIn(refreshOf(typed) ?? '')), 'approve')
    const less = await start({ scopes: ['openid', 'sessions'] })

    const byCode = await redeem(less, run, code)
    const byDevice = await post(less, '/oauth/token', { grant_type: deviceType, client_id: 'cli', device_code: started.device_code })

    assert.deepEqual([byCode.body.scope, byDevice.body.scope], ['openid sessions', 'openid sessions'])
    for (const { body } of [byCode, byDevice]) assert.deepEqual(await statuses(less, body.access_token), [403, 200, 200])
  })

  it('nothing is given for an approval of which no scope is left', async () => {
    const run = createRun({ scope: 'email' })
    const code = await getCode(gateway, idp, run)
    const less = await start({ scopes: ['openid'] })

    assert.equal((await redeem(less, run, code)).body.error, 'invalid_grant')
    assert.equal(less.audit.at(-1)?.reason, 'scopes_taken_away')
  })

  it('a code that was on its way to a redirect URI cannot be redeemed', async () => {
    const run = createRun(all)
    const code = await getCode(gateway, idp, run)
    const elsewhere = await start({ redirects: ['http://127.0.0.1/another'] })

    const refused = await redeem(elsewhere, run, code)

    assert.equal(refused.body.error, 'invalid_grant')
    assert.equal(elsewhere.audit.at(-1)?.reason, 'redirect_uri')
    assert.equal((await redeem(gateway, run, code)).status, 200)
  })

  it('NHI-03 leave to hand on: nothing more is handed on, by nobody, and what was goes on to its end', async () => {
    const handle = await getHandle(gateway, idp, all)
    const limits = JSON.stringify([{ type: 'sallyport_delegation', delegate: true }])
    const agent = (await exchange(gateway, handle, { scope: 'openid', authorization_details: limits })).body.access_token
    const other = { name: 'Other', redirects: ['loopback'], scopes: ['openid'], delegate: true }
    const native = { clients: { cli: { ...cli, delegate: false }, other } }
    const none = await startGateway({ idp, ...shared, upstream: upstream.origin, config: { native } })
    gateways.push(none)

    const errors = [(await exchange(none, handle)).body.error, (await exchange(none, agent)).body.error]

    assert.deepEqual(errors, ['unauthorized_client', 'unauthorized_client'])
    assert.equal((await call(none, '/api/orders', agent)).status, 200)
  })

  it('a scope of those that bring a document counts no more likewise', async () => {
    const allow = [documentId]
    const open = await start({}, { allow, scopes })
    const handle = await getHandle(open, idp, { ...all, client_id: documentId })
    const less = await start({}, { allow, scopes: ['email'] })

    assert.deepEqual(
      [await statuses(open, handle), await statuses(less, handle)],
      [
        [200, 200, 200],
        [200, 403, 403],
      ],
    )
  })
})
