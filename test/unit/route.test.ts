import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { GatewayError } from '../../src/errors.ts'
import { canonicalPath } from '../../src/http/canonical-path.ts'
import { admitMethod, matchRoute } from '../../src/request/route.ts'
import { codeOf, testConfig } from '../support/request-path.ts'

const upstream = 'http://127.0.0.1:9'
const origins = ['https://app.example.com', 'https://admin.example.com']
const config = testConfig(
  [
    { path: '/', upstream, access: 'anyone' },
    { path: '/api/orders', upstream },
    { path: '/api/orders/archive', upstream, methods: ['GET', 'HEAD'] },
    { path: '/api/files', upstream, encodedSlash: 'pass' },
    { path: '/tools', upstream, origin: 'https://admin.example.com' },
  ],
  { origins },
)
const [app, admin] = config.origins

function match(path: string, origin = app): string {
  const found = canonicalPath(path)
  return matchRoute(config.routes, { origin, ...found }).path
}

describe('a route', () => {
  it('PXY-04 is the longest that fits, on segment borders', () => {
    assert.equal(match('/api/orders'), '/api/orders')
    assert.equal(match('/api/orders/'), '/api/orders')
    assert.equal(match('/api/orders/1'), '/api/orders')
    assert.equal(match('/api/orders/archive'), '/api/orders/archive')
    assert.equal(match('/api/orders/archive/2'), '/api/orders/archive')
    assert.equal(match('/api/orders/archived'), '/api/orders')
  })

  it('A-101 PXY-04 is not one that only begins alike, or differs in case', () => {
    for (const path of ['/api/ordersX', '/API/orders', '/api/Orders', '/api', '/', '/api/order']) assert.equal(match(path), '/', path)
  })

  it('is served on its own origins only', () => {
    assert.equal(match('/tools/x', admin), '/tools')
    assert.equal(match('/tools/x', app), '/')
  })

  it('PXY-07 is none for a path that no route has', () => {
    const withoutRoot = config.routes.filter(route => route.path !== '/')

    const code = codeOf(() => matchRoute(withoutRoot, { origin: app, ...canonicalPath('/elsewhere') }))

    assert.equal(code, 'no_route')
  })

  // Two routes share an upstream, one is public: a spelling that only the upstream understands would otherwise
  // be judged by the public one's rules.
  it('A-101 A-100 PXY-03 is refused when another reading of the path has another route', () => {
    const paths = [
      '/api/%6frders',
      '/api/%6Frders/1',
      '/api/orders;x',
      '/api/orders;v=1/2',
      '/api;x/orders',
      '/%61pi/orders',
      '/api/%256frders',
    ]
    for (const path of [...paths, '/api/orders/%61rchive', '/api/orders%3Bx', '/;x/api/orders'])
      assert.equal(
        codeOf(() => match(path)),
        'ambiguous_path',
        path,
      )
  })

  it('stands when no reading changes it', () => {
    for (const path of ['/api/orders/%61', '/api/orders/a;v=1', '/api/orders/100%25', '/api/orders/a%20b'])
      assert.equal(match(path), '/api/orders', path)
    assert.equal(match('/caf%C3%A9;x'), '/')
  })

  it('PXY-03 takes an encoded slash only where it says so', () => {
    assert.equal(
      codeOf(() => match('/api/orders/a%2Fb')),
      'ambiguous_path',
    )
    assert.equal(
      codeOf(() => match('/api/orders/a%252Fb')),
      'ambiguous_path',
    )
    assert.equal(match('/api/files/a%2Fb'), '/api/files')
  })

  it('PXY-03 is not reached through an encoded slash in front of it', () => {
    const open = testConfig([
      { path: '/', upstream, access: 'anyone', encodedSlash: 'pass' },
      { path: '/api/orders', upstream },
    ])
    for (const path of ['/api%2Forders', '/%2Fapi/orders', '/x%2F..', '/api/%2Forders']) {
      assert.equal(
        codeOf(() => matchRoute(open.routes, { origin: open.origins[0], ...canonicalPath(path) })),
        'ambiguous_path',
        path,
      )
    }
  })
})

describe('a method', () => {
  it('PXY-05 that the route does not list is refused, and Allow names those it does', () => {
    const archive = config.routes.find(route => route.path === '/api/orders/archive')
    assert.ok(archive)

    admitMethod(archive, 'GET')
    for (const method of ['POST', 'DELETE', 'TRACE', 'OPTIONS', 'PROPFIND']) {
      assert.throws(
        () => admitMethod(archive, method),
        (error: unknown) => error instanceof GatewayError && error.code === 'method_not_allowed' && error.headers.allow === 'GET, HEAD',
      )
    }
  })

  it('PXY-05 passes on a route that lists none, but TRACE and CONNECT', () => {
    const orders = config.routes.find(route => route.path === '/api/orders')
    assert.ok(orders)

    for (const method of ['GET', 'POST', 'DELETE', 'OPTIONS', 'REPORT']) admitMethod(orders, method)
    for (const method of ['TRACE', 'CONNECT'])
      assert.equal(
        codeOf(() => admitMethod(orders, method)),
        'method_not_allowed',
      )
  })
})
