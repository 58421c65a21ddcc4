import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, describe, it } from 'node:test'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { type IdentityProvider, startIdentityProvider } from '../support/identity-provider.ts'
import { startSocketUpstream, startUpstream, type Upstream } from '../support/upstream.ts'
import { createVisitor, type Visitor } from '../support/visitor.ts'

let idp: IdentityProvider
let orders: Upstream
let elsewhere: Upstream
let gone: string
let folder: string
let gateway: TestGateway
let alice: Visitor

before(async () => {
  idp = await startIdentityProvider()
  elsewhere = await startUpstream()
  orders = await startUpstream((req, res) => {
    if (req.url === '/away') res.writeHead(307, { location: `${elsewhere.origin}/stolen` }).end()
    else if (req.url === '/own') res.writeHead(303, { location: `${orders.origin}/7` }).end()
    else res.end('ok')
  })
  const closed = await startSocketUpstream(() => {})
  gone = closed.origin
  await closed.close()
  folder = mkdtempSync(join(tmpdir(), 'sallyport-app-'))
  mkdirSync(join(folder, 'assets'))
  writeFileSync(join(folder, 'index.html'), '<title>app</title>')
  writeFileSync(join(folder, 'assets/app.js'), 'let app')
  gateway = await startGateway({
    idp,
    config: {
      routes: [
        { path: '/api/orders', upstream: [gone, orders.origin], token: 'access', stripPrefix: true },
        { path: '/app', upstream: { static: folder, fallback: 'index.html' }, stripPrefix: true },
        { path: '/', upstream: elsewhere.origin, access: 'anyone' },
      ],
    },
  })
  alice = createVisitor(gateway)
  await alice.signIn(idp)
})

after(async () => {
  await gateway.close()
  await Promise.all([orders.close(), elsewhere.close(), idp.close()])
  rmSync(folder, { recursive: true })
})

beforeEach(() => {
  orders.requests.length = 0
  elsewhere.requests.length = 0
})

describe('an API of which one address is gone', () => {
  it('PXY-10 is asked at the other one, with the token and without what the route is called', async () => {
    const answers = await Promise.all(Array.from({ length: 8 }, (_, i) => alice.call(`/api/orders/${i}`)))

    assert.deepEqual(new Set(answers.map(answer => answer.status)), new Set([200]))
    assert.deepEqual(orders.requests.map(request => request.url).toSorted(), ['/0', '/1', '/2', '/3', '/4', '/5', '/6', '/7'])
    for (const request of orders.requests) {
      assert.match(request.headers.authorization ?? '', /^Bearer .+/)
      assert.equal(request.headers['x-forwarded-prefix'], '/api/orders')
    }
  })

  it('LOG-07 is in the log once, by its address', async () => {
    for (let i = 0; i < 8; i++) await alice.call('/api/orders')

    const changes = gateway.lines.filter(line => line.event.startsWith('upstream_'))
    assert.deepEqual(
      changes.map(({ level, event, upstream }) => [level, event, upstream]),
      [['warn', 'upstream_down', gone]],
    )
  })

  it('PXY-08 A-071 leads where it says, without the token: to our own origin where it means itself', async () => {
    const [away, own] = [await alice.call('/api/orders/away'), await alice.call('/api/orders/own')]

    assert.deepEqual([away.status, away.headers.location], [307, `${elsewhere.origin}/stolen`])
    assert.deepEqual([own.status, own.headers.location], [303, `${gateway.origin}/api/orders/7`])
    assert.deepEqual(elsewhere.requests, [])
  })

  it('PXY-06 hears nothing of who is not signed in', async () => {
    const answer = await createVisitor(gateway).call('/api/orders')

    assert.equal(answer.body.code, 'not_signed_in')
    assert.deepEqual(orders.requests, [])
  })
})

describe('an application of files behind a session', () => {
  it('is shown to who is signed in, page by page, and kept by no shared cache', async () => {
    const [page, asset] = [await alice.visit('/app/orders/7'), await alice.call('/app/assets/app.js')]

    assert.deepEqual([page.text, asset.status, asset.headers['content-length']], ['<title>app</title>', 200, '7'])
    for (const { headers } of [page, asset]) assert.equal(headers['cache-control'], 'private, no-cache')
  })

  it('sends everybody else to sign in, and their scripts nowhere', async () => {
    const nobody = createVisitor(gateway)

    const [page, asset] = [await nobody.visit('/app/orders/7'), await nobody.call('/app/assets/app.js')]

    assert.deepEqual([page.status, page.headers.location], [302, '/auth/login?return_to=%2Fapp%2Forders%2F7'])
    assert.deepEqual([asset.status, asset.headers['sallyport-error']], [401, 'not_signed_in'])
  })

  it('CSRF-01 gives another site nothing but a page that somebody opened', async () => {
    const [asset, missing] = [
      await alice.call('/app/assets/app.js', {
        site: 'cross-site',
        headers: { cookie: [...alice.jar].map(pair => pair.join('=')).join('; ') },
      }),
      await alice.call('/app/assets/old.js'),
    ]

    assert.equal(asset.headers['sallyport-error'], 'cross_site_refused')
    assert.deepEqual([missing.status, missing.body.code], [404, 'no_route'])
  })
})
