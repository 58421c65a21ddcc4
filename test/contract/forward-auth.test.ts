import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, it } from 'node:test'
import type { ForwardAuthDialect } from '../../src/config/config.ts'
import { createMemoryStore } from '../../src/store/memory.ts'
import { brokenStore } from '../support/broken-store.ts'
import { type Asked, type ForwardAuthPort, openForwardAuth } from '../support/forward-auth.ts'
import { makeClock, startGateway, type TestGateway } from '../support/gateway.ts'
import { type IdentityProvider, startIdentityProvider } from '../support/identity-provider.ts'
import type { RawResponse } from '../support/raw-http.ts'
import { createVisitor, type Visitor } from '../support/visitor.ts'

const routes = [
  { path: '/api/orders', token: 'access', methods: ['GET', 'POST'], identityHeaders: { 'X-Auth-User': 'sub' } },
  { path: '/api/ops', require: { claims: { groups: ['ops'] } }, kind: 'api', identityHeaders: { 'X-Auth-Groups': 'groups' } },
  { path: '/api/vault', kind: 'api', require: { acr: ['urn:mfa'] } },
  { path: '/reports', identityHeaders: { 'x-auth-user': 'sub', 'X-Auth-Name': 'name' } },
  { path: '/shop', access: 'optional', identityHeaders: { 'X-Auth-User': 'sub' } },
  { path: '/', access: 'anyone' },
]
const script = ['Sec-Fetch-Site: same-origin', 'Sec-Fetch-Mode: cors', 'Sec-Fetch-Dest: empty']
const navigation = ['Sec-Fetch-Site: none', 'Sec-Fetch-Mode: navigate', 'Sec-Fetch-Dest: document', 'Accept: text/html']

let idp: IdentityProvider
const store = createMemoryStore({ now: Date.now })
const away = { isAway: false }
let gateway: TestGateway
let port: ForwardAuthPort
let alice: Visitor

async function start(dialect: ForwardAuthDialect = 'nginx', more: Record<string, unknown> = {}) {
  const started = await startGateway({
    idp,
    store: brokenStore(store, away),
    config: { routes, forwardAuth: { dialect, port: 0 }, ...more },
  })
  return { gateway: started, port: await openForwardAuth(started, dialect) }
}

before(async () => {
  idp = await startIdentityProvider()
  ;({ gateway, port } = await start())
  alice = createVisitor(gateway)
  await alice.signIn(idp)
})

after(async () => {
  await port.close()
  await gateway.close()
  await idp.close()
})

beforeEach(() => {
  away.isAway = false
  ;(gateway.audit as unknown[]).length = 0
})

function cookiesOf({ jar }: Visitor, ...more: string[]): string {
  return `Cookie: ${[...Array.from(jar, ([name, value]) => `${name}=${value}`), ...more].join('; ')}`
}

/** What alice's browser asks for, as a script of the page unless the headers say otherwise. */
function ask(target: string, asked: Partial<Asked> = {}): Promise<RawResponse> {
  return port.ask({ target, ...asked, headers: [cookiesOf(alice), ...(asked.headers ?? script)] })
}

function assertRefused(answer: RawResponse, status: number, code: string): void {
  assert.deepEqual([answer.status, answer.header('sallyport-error')], [status, code], answer.body)
  assert.equal(answer.header('cache-control'), 'no-store')
  assert.ok(answer.header('x-request-id'))
  for (const name of ['location', 'set-cookie', 'authorization', 'x-auth-user']) assert.deepEqual(answer.all(name), [], name)
}

describe('a question about a request that may pass', () => {
  it('PXY-10 is answered 200 with the token and the identity of the route', async () => {
    const answer = await ask('/api/orders/7?full=1')

    assert.equal(answer.status, 200)
    assert.equal(answer.body, '')
    const [bearer = ''] = answer.all('authorization')
    assert.ok(idp.issued.has(bearer.slice('Bearer '.length)))
    assert.deepEqual(answer.all('x-auth-user'), ['a1'])
    assert.equal(answer.header('cache-control'), 'no-store')
    assert.deepEqual(answer.all('set-cookie'), [])
  })

  // A proxy that copies what is there would let a client name itself where nothing is there.
  it('HDR-01 HDR-02 has every header that the proxy is to copy, once, empty where there is nothing to say', async () => {
    const headers = [
      ...script,
      'X-Auth-User: mallory',
      'X-Auth-Groups: ops',
      'X-Auth-Name: mallory',
      'Authorization: Bearer stolen',
      'X-Auth-Assertion: a.b.c',
    ]
    const names = ['authorization', 'cookie', 'x-auth-assertion', 'x-auth-user', 'x-auth-groups', 'x-auth-name']
    const valuesOf = async (target: string) => {
      const answer = await ask(target, { headers })
      return [answer.status, ...names.flatMap(name => answer.all(name))]
    }

    assert.deepEqual(await valuesOf('/reports'), [200, '', '', '', 'a1', '', 'Alice Adams'])
    assert.deepEqual(await valuesOf('/api/ops'), [200, '', '', '', '', 'ops,admin', ''])
    assert.deepEqual(await valuesOf('/shop'), [200, '', '', '', 'a1', '', ''])
    assert.deepEqual(await valuesOf('/'), [200, '', '', '', '', '', ''])
  })

  it('CKE-12 has the cookies that are not ours', async () => {
    const answer = await port.ask({ target: '/reports', headers: [cookiesOf(alice, 'theme=dark', 'lang=en'), ...script] })

    assert.deepEqual(answer.all('cookie'), ['theme=dark; lang=en'])
  })

  it('is answered on routes for anyone while the store is away', async () => {
    away.isAway = true

    assert.equal((await ask('/welcome')).status, 200)
  })

  it('says nobody on a route where a session is optional and nobody is signed in', async () => {
    const answer = await port.ask({ target: '/shop', headers: script })

    assert.deepEqual([answer.status, ...answer.all('x-auth-user')], [200, ''])
  })

  it('is answered without its body', async () => {
    const [head, ...rest] = ['GET /verify HTTP/1.1', `Host: ${gateway.host}`, 'X-Original-Method: POST', 'X-Original-URI: /api/orders']
    const answer = await port.send([head, ...rest, cookiesOf(alice), ...script, 'Content-Length: 1000000'].join('\r\n'))

    assert.equal(answer.status, 200)
  })

  it('is about the next request when somebody has signed out', async () => {
    const bob = createVisitor(gateway)
    await bob.signIn(idp, { user: 'bob' })
    const asked = { target: '/reports', headers: [cookiesOf(bob), ...script] }
    assert.equal((await port.ask(asked)).status, 200)

    await bob.call('/auth/logout', { method: 'POST', headers: { accept: 'application/json' } })

    assertRefused(await port.ask(asked), 401, 'not_signed_in')
  })
})

describe('a question about a request that needs a sign-in', () => {
  it('is answered 401 with a way to sign in, for a program', async () => {
    const answer = await port.ask({ target: '/api/orders', headers: script })

    assertRefused(answer, 401, 'not_signed_in')
    assert.equal(answer.header('www-authenticate'), 'Sallyport')
    assert.equal(answer.header('sallyport-login'), undefined)
    assert.deepEqual([answer.json().status, answer.json().login_url], [401, '/auth/login'])
  })

  it('tells the proxy where to send a person, and never redirects by itself', async () => {
    const answer = await port.ask({ target: '/reports/2026?q=a&b=%C3%A9', headers: navigation })

    assertRefused(answer, 401, 'not_signed_in')
    const login = '/auth/login?return_to=%2Freports%2F2026%3Fq%3Da%26b%3D%25C3%25A9'
    assert.equal(answer.header('sallyport-login'), login)
    // For proxies that pass the answer on: the page leads there too.
    assert.equal(answer.header('content-type'), 'text/html; charset=utf-8')
    assert.match(answer.header('content-security-policy') ?? '', /default-src 'none'/)
    assert.ok(answer.body.includes(`<meta http-equiv="refresh" content="0;url=${login}">`), answer.body)
  })

  it('leads back to the page, though the gateway itself does not serve it', async () => {
    const visitor = createVisitor(gateway)

    const last = await visitor.signIn(idp, { returnTo: '/reports/2026' })
    const straight = await visitor.visit('/reports/2026')

    assert.deepEqual([last.status, last.headers.location], [303, '/reports/2026'])
    assert.deepEqual([straight.status, straight.headers['sallyport-error']], [404, 'no_route'])
  })

  it('CKE-09 takes neither of two session cookies, and sets none', async () => {
    const [[name = '', value = ''] = []] = [...alice.jar]
    const answer = await port.ask({ target: '/reports', headers: [`Cookie: ${name}=${value}; ${name}=${value}`, ...navigation] })

    assertRefused(answer, 401, 'not_signed_in')
  })

  it('STEP-05 has the challenge of a route that wants a stronger sign-in', async () => {
    const answer = await ask('/api/vault')

    assertRefused(answer, 401, 'step_up_required')
    assert.match(answer.header('www-authenticate') ?? '', /error="insufficient_user_authentication", acr_values="urn:mfa"/)
    assert.equal(answer.header('sallyport-login'), undefined)
  })
})

describe('a question about a request that is refused', () => {
  it('is answered 403, whatever the proxy would have answered', async () => {
    assertRefused(await ask('/api/orders', { method: 'DELETE' }), 403, 'method_not_allowed')
    assertRefused(await ask('/api/orders/../ops'), 403, 'ambiguous_path')
    assertRefused(await ask('/reports', { host: 'evil.test' }), 403, 'wrong_authority')
    assertRefused(await ask(`/${'a'.repeat(9000)}`), 403, 'uri_too_long')
    assertRefused(await ask('/api/orders', { headers: ['Sec-Fetch-Site: cross-site'] }), 403, 'cross_site_refused')
    assert.equal((await ask('/api/orders', { method: 'DELETE' })).json().status, 403)
  })

  it('PXY-06 is answered 403 where a claim is missing', async () => {
    const bob = createVisitor(gateway)
    await bob.signIn(idp, { user: 'bob' })

    assertRefused(await port.ask({ target: '/api/ops', headers: [cookiesOf(bob), ...script] }), 403, 'claim_missing')
  })

  it("is answered 403 for the gateway's own endpoints, which the proxy must send to the public port", async () => {
    for (const target of ['/auth', '/auth/login', '/auth/session', '/auth/none', '/.well-known/sallyport-jwks.json'])
      assertRefused(await ask(target), 403, 'no_route')
  })

  it('CSRF-06 is answered 403 for a preflight: a 200 would let it through', async () => {
    const headers = ['Origin: https://evil.test', 'Access-Control-Request-Method: PUT']

    assertRefused(await port.ask({ target: '/api/orders', method: 'OPTIONS', headers }), 403, 'cross_site_refused')
  })

  it('is in the audit, with the method and route of the request in question', async () => {
    await ask('/api/orders', { method: 'DELETE' })

    const [line] = gateway.audit
    assert.deepEqual(
      [line?.event, line?.code, line?.method, line?.route, line?.status],
      ['refusal', 'method_not_allowed', 'DELETE', '/api/orders', 405],
    )
  })
})

describe('a question while something is broken', () => {
  it('is answered 503 without the store: nobody passes and nobody is signed out', async () => {
    away.isAway = true

    for (const headers of [script, navigation]) {
      const answer = await ask('/reports', { headers })
      assertRefused(answer, 503, 'store_unavailable')
      assert.ok(answer.header('retry-after'))
      assert.equal(answer.header('sallyport-login'), undefined)
    }
  })

  it('is answered 503 when the token has run out and the provider is away', async t => {
    const clock = makeClock()
    const later = await startGateway({ idp, clock, config: { routes, forwardAuth: { dialect: 'envoy' } } })
    const asking = await openForwardAuth(later, 'envoy')
    t.after(async () => {
      await idp.start()
      await asking.close()
      await later.close()
    })
    const visitor = createVisitor(later)
    await visitor.signIn(idp)
    const asked = { target: '/api/orders', headers: [cookiesOf(visitor), ...script] }
    const first = await asking.ask(asked)
    clock.advance(301_000)

    const renewed = await asking.ask(asked)
    await idp.stop()
    clock.advance(301_000)
    const failed = await asking.ask(asked)

    assert.deepEqual([first.status, renewed.status], [200, 200])
    assert.notEqual(renewed.header('authorization'), first.header('authorization'))
    assertRefused(failed, 503, 'idp_unavailable')
  })
})

describe('what a proxy says of the client', () => {
  const told = (lines: TestGateway['lines']) => lines.filter(line => line.event === 'request').at(-1)?.client_address

  it('HDR-08 is believed of the addresses in listen.trustedProxies, and of nobody else', async t => {
    const trusting = await start('caddy', { listen: { host: '127.0.0.1', port: 0, trustedProxies: ['127.0.0.1'] } })
    t.after(async () => {
      await trusting.port.close()
      await trusting.gateway.close()
    })

    await trusting.port.ask({ target: '/', headers: [] })
    await port.ask({ target: '/', headers: [] })

    assert.equal(told(trusting.gateway.lines), '198.51.100.7')
    assert.equal(told(gateway.lines), '127.0.0.1')
  })

  it('is activity, but where the page says that it is polling', async t => {
    const clock = makeClock()
    const later = await startGateway({ idp, clock, config: { routes, forwardAuth: { dialect: 'traefik' } } })
    const asking = await openForwardAuth(later, 'traefik')
    t.after(async () => {
      await asking.close()
      await later.close()
    })
    const visitor = createVisitor(later)
    await visitor.signIn(idp)
    const poll = { target: '/reports', headers: [cookiesOf(visitor), ...script, 'Sallyport-Background: 1'] }

    clock.advance(20 * 60_000)
    assert.equal((await asking.ask({ ...poll, headers: poll.headers.slice(0, -1) })).status, 200)
    clock.advance(20 * 60_000)
    assert.equal((await asking.ask(poll)).status, 200)
    clock.advance(11 * 60_000)

    assertRefused(await asking.ask(poll), 401, 'session_idle')
  })
})
