import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, it, type TestContext } from 'node:test'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { type IdentityProvider, startIdentityProvider } from '../support/identity-provider.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'
import { createVisitor, type Visitor } from '../support/visitor.ts'

let idp: IdentityProvider
let upstream: Upstream
let gateway: TestGateway
let alice: Visitor

/** A gateway with a route for each rule; its clock is its own. */
function start(): Promise<TestGateway> {
  const to = upstream.origin
  return startGateway({
    idp,
    config: {
      routes: [
        { path: '/api/orders', upstream: to, access: 'signed-in', token: 'access', methods: ['GET', 'POST'], limits: { body: '1KiB' } },
        { path: '/api/ops', upstream: to, access: 'signed-in', require: { claims: { groups: ['ops', 'admin'] } } },
        { path: '/api/mail', upstream: to, access: 'signed-in', require: { scopes: ['email'] } },
        { path: '/api/vault', kind: 'api', upstream: to, access: 'signed-in', require: { acr: ['urn:mfa'] } },
        { path: '/api/fresh', upstream: to, access: 'signed-in', require: { maxAge: '5m' } },
        {
          path: '/api/me',
          kind: 'api',
          upstream: to,
          access: 'signed-in',
          identityHeaders: { 'X-Auth-User': 'sub', 'X-Auth-Groups': 'groups' },
        },
        { path: '/reports', upstream: to, access: 'signed-in' },
        { path: '/shop', kind: 'api', upstream: to, access: 'optional', identityHeaders: { 'X-Auth-User': 'sub' } },
        { path: '/', upstream: to, access: 'anyone' },
      ],
    },
  })
}

before(async () => {
  idp = await startIdentityProvider()
  upstream = await startUpstream((_req, res) => res.setHeader('content-type', 'application/json').end('{"secret":"of the upstream"}'))
  gateway = await start()
  alice = createVisitor(gateway)
  await alice.signIn(idp)
})

after(async () => {
  await gateway.close()
  await upstream.close()
  await idp.close()
})

beforeEach(() => {
  upstream.requests.length = 0
  ;(gateway.audit as unknown[]).length = 0
})

/** A gateway whose clock the test may push on, and a person signed in there. */
async function startLater(t: TestContext): Promise<{ later: TestGateway; visitor: Visitor }> {
  const later = await start()
  t.after(() => later.close())
  const visitor = createVisitor(later)
  await visitor.signIn(idp)
  upstream.requests.length = 0
  return { later, visitor }
}

function assertRefused(answer: { status: number; text: string; headers: Record<string, string> }, status: number, code: string): void {
  assert.equal(answer.status, status, answer.text)
  assert.equal(answer.headers['sallyport-error'], code)
  assert.equal(answer.headers['cache-control'], 'no-store')
  assert.ok(answer.headers['x-request-id'])
  assert.equal(answer.text.includes('of the upstream'), false)
  assert.deepEqual(upstream.requests, [])
}

describe('an api route', () => {
  it('PXY-10 HDR-01 gets the access token where it asks for one, and only there', async () => {
    await alice.call('/api/orders', { headers: { authorization: 'Bearer of-the-client' } })
    await alice.call('/api/ops', { headers: { authorization: 'Bearer of-the-client' } })
    await alice.call('/', { headers: { authorization: 'Bearer of-the-client' } })

    const [orders, ops, page] = upstream.requests.map(request => request.all('authorization'))
    assert.equal(orders?.length, 1)
    assert.ok(idp.issued.has(orders?.[0]?.slice('Bearer '.length) ?? ''))
    assert.deepEqual([ops, page], [[], []])
  })

  it('CKE-12 never passes our cookies on', async () => {
    alice.jar.set('theirs', 'kept')
    await alice.call('/api/orders')
    alice.jar.delete('theirs')

    assert.deepEqual(upstream.requests[0]?.all('cookie'), ['theirs=kept'])
  })

  it('answers 401 with a way to sign in to who is not signed in, and never a redirect', async () => {
    const answer = await createVisitor(gateway).call('/api/orders')

    assertRefused(answer, 401, 'not_signed_in')
    assert.equal(answer.body.login_url, '/auth/login')
    assert.equal(answer.type, 'application/problem+json')
    assert.deepEqual(gateway.events(), [])
  })

  it('CSRF-02 A-046 A-047 refuses what another site or a sibling sends with the cookie, reads included', async () => {
    const cookie = [...alice.jar].map(([name, value]) => `${name}=${value}`).join('; ')
    for (const site of ['cross-site', 'same-site'] as const) {
      for (const method of ['GET', 'POST'] as const) {
        assertRefused(await alice.call('/api/orders', { method, site, headers: { cookie } }), 403, 'cross_site_refused')
      }
    }
    assertRefused(await alice.visit('/api/orders', { site: 'cross-site', headers: { cookie } }), 403, 'cross_site_refused')
    assert.deepEqual(gateway.events(), Array(5).fill('refusal'))
  })

  it('PXY-06 refuses a person without the claim, though another has it', async () => {
    const bob = createVisitor(gateway)
    await bob.signIn(idp, { user: 'bob' })
    upstream.requests.length = 0

    assertRefused(await bob.call('/api/ops'), 403, 'claim_missing')
    assert.equal((await alice.call('/api/ops')).status, 200)
  })

  it('STEP-05 A-055 asks for a stronger sign-in when the provider stated another level', async () => {
    const answer = await alice.call('/api/vault')

    assertRefused(answer, 401, 'step_up_required')
    assert.match(answer.headers['www-authenticate'] ?? '', /error="insufficient_user_authentication".*acr_values="urn:mfa"/)
  })

  it('STEP-05 asks for a more recent sign-in once the last is too old', async t => {
    const { later, visitor } = await startLater(t)
    assert.equal((await visitor.call('/api/fresh')).status, 200)
    later.clock.advance(301_000)
    upstream.requests.length = 0

    const answer = await visitor.call('/api/fresh')

    assertRefused(answer, 401, 'step_up_required')
    assert.match(answer.headers['www-authenticate'] ?? '', /max_age="300"/)
  })

  it('PXY-05 refuses methods that it does not list, and says which it takes', async () => {
    const answer = await alice.call('/api/orders', { method: 'DELETE' })

    assertRefused(answer, 405, 'method_not_allowed')
    assert.equal(answer.headers.allow, 'GET, POST')
  })

  it('PXY-18 refuses a body over its limit', async () => {
    assertRefused(await alice.call('/api/orders', { method: 'POST', body: 'x'.repeat(1025) }), 413, 'body_too_large')
    assert.equal((await alice.call('/api/orders', { method: 'POST', body: 'x'.repeat(1024) })).status, 200)
  })

  it('HDR-02 A-104 names the person by its own headers alone', async () => {
    await alice.call('/api/me', {
      headers: { 'x-auth-user': 'mallory', x_auth_user: 'mallory', 'X-Auth_User': 'mallory', 'remote-user': 'mallory' },
    })

    const [request] = upstream.requests
    const names = (request?.rawHeaders ?? []).filter((_, index) => index % 2 === 0).map(name => name.toLowerCase())
    assert.deepEqual(request?.all('x-auth-user'), ['a1'])
    assert.deepEqual(
      names.filter(name => /user/.test(name) && name !== 'x-auth-user' && name !== 'user-agent' && name !== 'sec-fetch-user'),
      [],
    )
    assert.equal(request?.headers['x-auth-groups']?.includes('ops'), true)
  })

  it('SES-04 CKE-10 says that the session was idle too long', async t => {
    const { later, visitor } = await startLater(t)
    later.clock.advance(31 * 60_000)

    assertRefused(await visitor.call('/api/orders'), 401, 'session_idle')
    assert.equal((await visitor.session()).reason, 'idle')
  })

  it('SES-08 does not take polling for activity', async t => {
    const { later, visitor } = await startLater(t)
    for (let step = 0; step < 3; step += 1) {
      later.clock.advance(9 * 60_000)
      assert.equal((await visitor.call('/api/ops', { headers: { 'sallyport-background': '1' } })).status, 200)
    }
    later.clock.advance(4 * 60_000)

    assert.equal((await visitor.session()).reason, 'idle')
  })

  it('SES-04 takes any other call for activity', async t => {
    const { later, visitor } = await startLater(t)
    for (let step = 0; step < 4; step += 1) {
      later.clock.advance(20 * 60_000)
      assert.equal((await visitor.call('/api/ops')).status, 200)
    }
  })
})

describe('a page route', () => {
  it('sends a person who is not signed in to the sign-in, and keeps the place', async () => {
    const answer = await createVisitor(gateway).visit('/reports/2026?month=11')

    assert.equal(answer.status, 302)
    assert.equal(answer.headers.location, '/auth/login?return_to=%2Freports%2F2026%3Fmonth%3D11')
    assert.equal(answer.headers['cache-control'], 'no-store')
    assert.deepEqual(upstream.requests, [])
  })

  it('answers a script 401, not a redirect', async () => {
    assertRefused(await createVisitor(gateway).call('/reports'), 401, 'not_signed_in')
    assertRefused(await createVisitor(gateway).visit('/reports', { method: 'POST' }), 401, 'not_signed_in')
  })

  it('CSRF-02 opens for a signed-in person who comes by a link of another site', async () => {
    const cookie = [...alice.jar].map(([name, value]) => `${name}=${value}`).join('; ')

    assert.equal((await alice.visit('/reports', { site: 'cross-site', headers: { cookie } })).status, 200)
  })

  it('shows a person a page with the code where a program gets a problem', async () => {
    const answer = await alice.visit('/api/vault')

    assertRefused(answer, 401, 'step_up_required')
    assert.equal(answer.type, 'text/html')
    assert.ok(answer.text.includes('step_up_required') && answer.text.includes(answer.headers['x-request-id'] ?? '?'))
    assert.match(answer.headers['content-security-policy'] ?? '', /default-src 'none'/)
  })
})

describe('a route where a session is optional', () => {
  it('names the person who is signed in, and nobody else', async () => {
    await alice.call('/shop')
    await createVisitor(gateway).call('/shop', { headers: { 'x-auth-user': 'mallory' } })

    assert.deepEqual(
      upstream.requests.map(request => request.all('x-auth-user')),
      [['a1'], []],
    )
  })
})

describe('what no route takes', () => {
  it('PXY-04 A-101 is another spelling of a path, which falls to the public route at most', async () => {
    await createVisitor(gateway).call('/API/orders')
    await createVisitor(gateway).call('/api/ordersX')

    assert.deepEqual(
      upstream.requests.map(request => [request.url, request.all('authorization')]),
      [
        ['/API/orders', []],
        ['/api/ordersX', []],
      ],
    )
  })

  it('FLOW-03 A-110 is a host that is none of ours', async () => {
    assertRefused(await alice.call('/api/orders', { headers: { host: 'evil.test' } }), 421, 'wrong_authority')
  })

  it('PXY-11 is a token in the query', async () => {
    assertRefused(await alice.call('/api/orders?access_token=x'), 400, 'bad_request')
  })

  it('WEB-10 is a health page, metrics or an admin call on the public port', async () => {
    const closed = await startGateway({ idp, config: { routes: [{ path: '/app', upstream: upstream.origin, access: 'anyone' }] } })
    for (const path of ['/livez', '/readyz', '/metrics', '/admin/sessions', '/verify']) {
      assertRefused(await createVisitor(closed).call(path), 404, 'no_route')
    }
    await closed.close()
  })
})

describe('an upstream', () => {
  it('PXY-12 that is not there gives 502, with nothing of its address', async () => {
    const lost = await startGateway({ idp, config: { routes: [{ path: '/', upstream: 'http://127.0.0.1:9', access: 'anyone' }] } })

    const answer = await createVisitor(lost).call('/')

    assertRefused(answer, 502, 'upstream_unreachable')
    assert.equal(answer.text.includes('127.0.0.1'), false)
    await lost.close()
  })

  it('PXY-12 that does not answer in time gives 504', async () => {
    const stuck = await startUpstream(() => undefined)
    const waiting = await startGateway({
      idp,
      config: { routes: [{ path: '/', upstream: stuck.origin, access: 'anyone', timeouts: { headers: '1s' } }] },
    })

    assertRefused(await createVisitor(waiting).call('/'), 504, 'upstream_timeout')
    await waiting.close()
    await stuck.close()
  })
})

describe('every answer', () => {
  it('WEB-01 WEB-03 carries HSTS and nosniff, be it ours or the upstream’s', async () => {
    const answers = [
      await alice.call('/api/orders'),
      await alice.call('/api/vault'),
      await alice.visit('/auth/login'),
      await alice.visit('/nowhere/..%2f'),
    ]

    for (const { headers } of answers) {
      assert.match(headers['strict-transport-security'] ?? '', /^max-age=31536000; includeSubDomains/)
      assert.equal(headers['x-content-type-options'], 'nosniff')
    }
  })

  it('CAC-02 is private where a session is read', async () => {
    assert.equal((await alice.call('/api/orders')).headers['cache-control'], 'private, no-store')
  })
})
