import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, it } from 'node:test'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { type IdentityProvider, startIdentityProvider } from '../support/identity-provider.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'
import { createVisitor, type Visitor } from '../support/visitor.ts'

let idp: IdentityProvider
let upstream: Upstream
let gateway: TestGateway
let alice: Visitor
let bob: Visitor

before(async () => {
  idp = await startIdentityProvider()
  upstream = await startUpstream((req, res) => {
    res.setHeader('etag', '"of-alice"')
    // An upstream that believes every answer may be kept for ever, by anybody.
    res.setHeader('cache-control', 'public, max-age=600, s-maxage=600')
    res.end(`for ${req.headers.authorization ?? 'nobody'}`)
  })
  gateway = await startGateway({ idp, upstream: upstream.origin })
  alice = createVisitor(gateway)
  bob = createVisitor(gateway)
  await alice.signIn(idp)
  await bob.signIn(idp, { user: 'bob' })
})

after(async () => {
  await gateway.close()
  await upstream.close()
  await idp.close()
})

beforeEach(() => {
  upstream.requests.length = 0
})

describe('an answer on a route with a session', () => {
  it('CAC-03 A-133 is for one browser, whatever the upstream says', async () => {
    const { headers } = await alice.call('/api/orders')

    assert.equal(headers['cache-control'], 'private, max-age=600')
    assert.match(headers.vary ?? '', /\bcookie\b/i)
  })

  for (const path of ['/api/orders/me.css', '/api/orders/me;.css', '/api/orders/%20me.js', '/api/orders/logo.png']) {
    it(`CAC-05 is so though the path looks like a file: ${path}`, async () => {
      assert.match((await alice.call(path)).headers['cache-control'] ?? '', /^private\b/)
    })
  }

  it('CAC-05 is none for a path with a line break in it', async () => {
    assert.equal((await alice.call('/api/orders/me%0a.css')).status, 400)
    assert.deepEqual(upstream.requests, [])
  })

  it('CAC-06 comes from a conditional request with the caller’s own token', async () => {
    await alice.call('/api/orders')
    await bob.call('/api/orders', { headers: { 'if-none-match': '"of-alice"' } })

    const [first, second] = upstream.requests
    assert.equal(second?.headers['if-none-match'], '"of-alice"')
    assert.notEqual(second?.headers.authorization, first?.headers.authorization)
    assert.ok(idp.issued.has(second?.headers.authorization?.slice('Bearer '.length) ?? ''))
  })
})

describe('a public answer', () => {
  it('CAC-07 A-131 does not change with headers that no cache has in its key', async () => {
    const visitor = createVisitor(gateway)
    const headers = {
      'x-forwarded-host': 'evil.test',
      'x-original-url': '/api/orders',
      'x-forwarded-proto': 'http',
      'x-forwarded-prefix': '/evil',
    }
    await visitor.call('/page')
    await visitor.call('/page', { headers })

    const [plain, poisoned] = upstream.requests.map(request => [
      request.url,
      request.headers['x-forwarded-host'],
      request.headers['x-forwarded-proto'],
    ])
    assert.deepEqual(poisoned, plain)
    assert.equal(upstream.requests[1]?.headers['x-original-url'], undefined)
    assert.equal(upstream.requests[1]?.headers['x-forwarded-prefix'], undefined)
  })

  it('CAC-03 stays as the upstream wants it, for nobody’s session made it', async () => {
    assert.equal((await createVisitor(gateway).call('/page')).headers['cache-control'], 'public, max-age=600, s-maxage=600')
  })
})
