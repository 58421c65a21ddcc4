import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, it } from 'node:test'
import { decodeJwt } from 'jose'
import { makeAssertionKey } from '../support/assertions.ts'
import { eventually } from '../support/eventually.ts'
import { openForwardAuth } from '../support/forward-auth.ts'
import { makeSecrets, startGateway, type TestGateway } from '../support/gateway.ts'
import { type IdentityProvider, startIdentityProvider } from '../support/identity-provider.ts'
import { call, getHandle, nativeClients, post } from '../support/native-client.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'
import { createVisitor } from '../support/visitor.ts'
import { openByHand, type SocketServer, startSocketServer } from '../support/web-socket.ts'

const audience = 'https://orders.example'
const accessToken = 'urn:ietf:params:oauth:token-type:access_token'
/** As long as a name may be, and of letters that take most when they are encoded. */
const long = '一'.repeat(64)
const secrets = { ...makeSecrets(), ASSERTION_KEY: makeAssertionKey() }

let idp: IdentityProvider
let upstream: Upstream
let sockets: SocketServer
let gateway: TestGateway
let client: string
let agent: string
let behind: string
let browser: string

before(async () => {
  idp = await startIdentityProvider({ accessTokens: 'opaque' })
  upstream = await startUpstream()
  sockets = await startSocketServer()
  const identityHeaders = { 'X-Auth-Actor': 'act', 'X-Auth-Client': 'client_id', 'X-Auth-User': 'sub' }
  const rules = { kind: 'api', assertion: { audience }, identityHeaders }
  const routes = [
    { path: '/api/orders', upstream: upstream.origin, token: 'access', ...rules },
    { path: '/api/mail', upstream: upstream.origin, token: 'access', require: { scopes: ['email'] } },
    { path: '/api/gone', upstream: 'http://127.0.0.1:9', kind: 'api' },
    { path: '/api/live', upstream: sockets.origin, websocket: {}, ...rules },
    { path: '/api/asked', ...rules },
    { path: '/', upstream: upstream.origin, access: 'anyone' },
  ]
  const clients = { cli: { ...nativeClients.cli, scopes: ['openid', 'email'] } }
  const assertionKeys = [{ id: 'a1', env: 'ASSERTION_KEY' }]
  // Nothing of the log: what agents do is told all the same.
  const config = { native: { clients }, routes, assertionKeys, forwardAuth: { dialect: 'traefik' }, log: { level: 'silent' } }
  gateway = await startGateway({ idp, secrets, config })
  client = await getHandle(gateway, idp, { scope: 'openid email' })
  agent = await handOn(client, 'nightly', true)
  behind = await handOn(agent, 'helper')
  const alice = createVisitor(gateway)
  await alice.signIn(idp)
  browser = Array.from(alice.jar, pair => pair.join('=')).join('; ')
})

after(() => Promise.all([gateway.close(), upstream.close(), sockets.close(), idp.close()]))

beforeEach(() => {
  upstream.requests.length = 0
})

/** Hands on what a handle may, and all of it but `email`. */
async function handOn(handle: string, name: string, delegate = false): Promise<string> {
  const response = await post(gateway, '/oauth/token', {
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    client_id: 'cli',
    subject_token: handle,
    subject_token_type: accessToken,
    scope: 'openid',
    authorization_details: JSON.stringify([{ type: 'sallyport_delegation', name, delegate }]),
  })
  assert.equal(response.status, 200, response.text)
  return response.body.access_token
}

/** What an upstream was told with the last request: the claims of the assertion and the headers. */
function told(seen = upstream.requests.at(-1)) {
  const { client_id, act, sub } = decodeJwt(String(seen?.headers['x-auth-assertion']))
  return {
    claims: { client_id, act, sub },
    headers: [seen?.headers['x-auth-client'], seen?.headers['x-auth-actor'], seen?.headers['x-auth-user']],
  }
}

const tellsOfHelper = {
  claims: {
    client_id: 'cli',
    act: { sub: 'agent:helper', act: { sub: 'agent:nightly', act: { sub: 'client:cli' } } },
    sub: 'a1',
  },
  headers: ['cli', 'agent:helper,agent:nightly,client:cli', 'a1'],
}

const agentCalls = () => gateway.audit.filter(({ event }) => event === 'agent_call')

describe('who acts, as an upstream is told', () => {
  it('NHI-10 is the agent, those behind it and the client, the first outermost', async () => {
    await call(gateway, '/api/orders/7', behind)

    assert.deepEqual(told(), tellsOfHelper)
  })

  it('is the client of a native session, and for a browser nobody but the person', async () => {
    await call(gateway, '/api/orders/7', client)
    assert.deepEqual(told(), {
      claims: { client_id: 'cli', act: { sub: 'client:cli' }, sub: 'a1' },
      headers: ['cli', 'client:cli', 'a1'],
    })

    await call(gateway, '/api/orders/7', null, { cookie: browser, 'sec-fetch-site': 'same-origin' })
    assert.deepEqual(told(), { claims: { client_id: undefined, act: undefined, sub: 'a1' }, headers: [undefined, undefined, 'a1'] })
  })

  it('HDR-02 is never what the caller says of itself', async () => {
    const said = { 'x-auth-actor': 'agent:other', 'x-auth-client': 'other', 'x-auth-assertion': 'a.b.c' }

    await call(gateway, '/api/orders/7', behind, said)
    assert.deepEqual(told(), tellsOfHelper)

    await call(gateway, '/api/orders/7', null, { cookie: browser, 'sec-fetch-site': 'same-origin', ...said })
    assert.deepEqual(told().headers, [undefined, undefined, 'a1'])
  })

  it('stands in the handshake of a WebSocket', async () => {
    const told = agentCalls().length
    const { socket } = await openByHand(gateway, '/api/live', [`Authorization: Bearer ${behind}`])
    socket.resetAndDestroy()
    await eventually(() => agentCalls().length > told)

    const { headers } = sockets.handshakes.at(-1) ?? {}
    assert.deepEqual(decodeJwt(String(headers?.['x-auth-assertion'])).act, tellsOfHelper.claims.act)
    assert.equal(headers?.['x-auth-actor'], tellsOfHelper.headers[1])
  })

  it('stands in the answer to a proxy that asks, where a browser has an empty one', async t => {
    const port = await openForwardAuth(gateway, 'traefik')
    t.after(() => port.close())
    const ask = (who: string) => port.ask({ target: '/api/asked', headers: [who, 'Sec-Fetch-Site: same-origin', 'X-Auth-Actor: me'] })

    const [ofAgent, ofBrowser] = [await ask(`Authorization: Bearer ${behind}`), await ask(`Cookie: ${browser}`)]

    assert.deepEqual([ofAgent.status, ofBrowser.status], [200, 200])
    assert.deepEqual(ofAgent.all('x-auth-actor'), [tellsOfHelper.headers[1]])
    assert.deepEqual(decodeJwt(ofAgent.all('x-auth-assertion')[0] ?? '').act, tellsOfHelper.claims.act)
    assert.deepEqual([ofBrowser.all('x-auth-actor'), ofBrowser.all('x-auth-client')], [[''], ['']])
  })

  it('is told whole at the greatest depth, with the longest names, and one that is called like a client is told from it', async () => {
    const deepest = await handOn(await handOn(await handOn(client, long, true), long, true), 'cli')

    const { status } = await call(gateway, '/api/orders/7', deepest)

    assert.equal(status, 200)
    const { claims, headers } = told()
    const ofLong = `agent:${encodeURIComponent(long)}`
    assert.deepEqual(headers[1], `agent:cli,${ofLong},${ofLong},client:cli`)
    assert.deepEqual((claims.act as { readonly sub: string }).sub, 'agent:cli')
    assert.ok(String(upstream.requests.at(-1)?.headers['x-auth-assertion']).length < 4096)
  })
})

describe('the audit of an agent', () => {
  it('NHI-10 LOG-01 has each call, whatever the level of the log, with its route, its outcome and who acts for whom', async () => {
    const before = agentCalls().length
    await call(gateway, '/api/orders/7?q=1', behind, {}, 'post')
    await call(gateway, '/api/mail', behind)
    await call(gateway, '/api/gone', behind)
    await call(gateway, '/auth/session', behind)

    await eventually(() => agentCalls().length >= before + 4)
    const lines = agentCalls().slice(before)
    assert.deepEqual(
      lines.map(({ method, route, status, outcome }) => [method, route, status, outcome]),
      [
        ['POST', '/api/orders', 200, 'ok'],
        ['GET', '/api/mail', 403, 'refused'],
        ['GET', '/api/gone', 502, 'failed'],
        ['GET', '/auth/session', 200, 'ok'],
      ],
    )
    for (const line of lines) {
      assert.deepEqual([line.kind, line.act, line.client_id, line.sub], ['agent', ['helper', 'nightly', 'cli'], 'cli', 'a1'])
      assert.match(String(line.session_id), /\./)
      assert.equal(typeof line.duration_ms, 'number')
    }
    assert.ok(!JSON.stringify(lines).includes('q=1'))
  })

  it('has a WebSocket when it is over, and a question of a proxy', async t => {
    const port = await openForwardAuth(gateway, 'traefik')
    t.after(() => port.close())
    const before = agentCalls().length

    const { socket } = await openByHand(gateway, '/api/live', [`Authorization: Bearer ${behind}`])
    assert.equal(agentCalls().length, before)
    socket.resetAndDestroy()
    await eventually(() => agentCalls().length === before + 1)
    await port.ask({ target: '/api/asked', headers: [`Authorization: Bearer ${behind}`] })
    await eventually(() => agentCalls().length === before + 2)

    assert.deepEqual(
      agentCalls()
        .slice(before)
        .map(({ route, status, outcome }) => [route, status, outcome]),
      [
        ['/api/live', 101, 'ok'],
        ['/api/asked', 200, 'ok'],
      ],
    )
  })

  it('has none of people, of clients, and of handles that are nobody’s', async () => {
    const before = agentCalls().length
    await call(gateway, '/api/orders/7', client)
    await call(gateway, '/api/orders/7', null, { cookie: browser, 'sec-fetch-site': 'same-origin' })
    await call(gateway, '/api/orders/7', `${behind.slice(0, -4)}AAAA`)
    await call(gateway, '/anything', behind)
    // Whoever hands on acts there, and not the agent that comes of it.
    await handOn(client, 'another')
    await call(gateway, '/api/orders/7', behind)

    await eventually(() => agentCalls().length > before)
    assert.equal(agentCalls().length, before + 1)
  })
})

describe('every line', () => {
  it('names the gateway that wrote it', async t => {
    const own = await startGateway({ idp, config: { telemetry: { serviceName: 'shop-eu.1' } } })
    t.after(() => own.close())
    const visitor = createVisitor(own)
    await visitor.signIn(idp)
    await visitor.call('/api/orders')

    const lines = [...own.lines, ...own.audit]
    assert.ok(own.lines.length > 0 && own.audit.length > 0)
    assert.deepEqual(new Set(lines.map(({ service }) => service)), new Set(['shop-eu.1']))
  })
})
