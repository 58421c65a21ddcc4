import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Origin } from '../../src/config/config.ts'
import { createOwnCookieTest } from '../../src/http/cookies.ts'
import { clientTrailers, createClientHeaders, type UpstreamFields } from '../../src/http/response-headers.ts'
import { testConfig } from '../support/request-path.ts'

const config = testConfig([
  { path: '/api', upstream: 'http://127.0.0.1:9' },
  { path: '/maybe', upstream: 'http://127.0.0.1:9', access: 'optional' },
  { path: '/', upstream: 'http://127.0.0.1:9', access: 'anyone' },
])
const [api, maybe, open] = config.routes
assert.ok(api && maybe && open)
const routes = { api, maybe, open }
const isOwnCookie = createOwnCookieTest(config.session.cookie)
const plain: Origin = { href: 'http://localhost:8080', authority: 'localhost:8080', isSecure: false }

interface Asked {
  readonly route?: keyof typeof routes
  readonly status?: number
  readonly origin?: Origin
  readonly cors?: readonly string[]
  readonly hasAllowedOrigins?: boolean
}

function build(fields: UpstreamFields, asked: Asked = {}): Map<string, string[]> {
  const { route = 'api', status = 200, origin = config.origins[0], cors = [], hasAllowedOrigins = false } = asked
  const exchange = {
    requestId: 'request-0001',
    method: 'GET',
    clientAddress: '',
    target: { origin, path: '/', query: '', hasEncodedSlash: false },
    isNavigation: false,
    trace: null,
  }
  const flat = createClientHeaders(routes[route], { isOwnCookie, hasAllowedOrigins })({ status, fields, exchange, cors })
  const found = new Map<string, string[]>()
  for (let i = 0; i < flat.length; i += 2) found.set(flat[i] ?? '', [...(found.get(flat[i] ?? '') ?? []), flat[i + 1] ?? ''])
  return found
}

const one = (fields: UpstreamFields, name: string, asked?: Asked) => build(fields, asked).get(name)?.join(' | ')

describe('headers towards a client', () => {
  it('pass when they are the upstream’s business', () => {
    const fields = {
      ...{
        'content-type': 'text/html',
        'content-length': '5',
        etag: '"x"',
        location: 'http://elsewhere/',
        link: ['<a>', '<b>'],
        'www-authenticate': 'Basic',
      },
      ...{
        'content-security-policy': "default-src 'self'",
        'cross-origin-opener-policy': 'unsafe-none',
        'x-frame-options': 'DENY',
        'retry-after': '1',
      },
    }

    const found = build(fields)

    for (const [name, value] of Object.entries(fields)) assert.deepEqual(found.get(name), [value].flat(), name)
  })

  it('PXY-16 A-113 hold nothing that would weaken our origin or tell of the upstream’s make', () => {
    const fields = {
      ...{
        server: 'x',
        'x-powered-by': 'y',
        'alt-svc': 'h3=":443"',
        'clear-site-data': '"*"',
        'service-worker-allowed': '/',
        refresh: '0;url=//evil.test',
      },
      ...{
        'sallyport-error': 'not_signed_in',
        'access-control-allow-origin': '*',
        'access-control-allow-credentials': 'true',
        'access-control-allow-private-network': 'true',
      },
      ...{
        connection: 'close, X-Secret',
        'keep-alive': 'timeout=5',
        'transfer-encoding': 'chunked',
        upgrade: 'h2c',
        trailer: 'X',
        'proxy-authenticate': 'Basic',
        te: 'x',
        'x-secret': 's',
      },
    }

    const found = build(fields)

    assert.deepEqual([...found.keys()].toSorted(), ['cache-control', 'strict-transport-security', 'x-content-type-options', 'x-request-id'])
  })

  it('PXY-16 WEB-03 have nosniff and our request id, whatever the upstream says', () => {
    assert.equal(one({ 'x-content-type-options': 'sniff' }, 'x-content-type-options'), 'nosniff')
    assert.equal(one({ 'x-request-id': 'theirs' }, 'x-request-id'), 'request-0001')
  })

  it('WEB-01 have HSTS on https origins alone, never weaker than ours', () => {
    const own = 'max-age=31536000; includeSubDomains'
    assert.equal(one({}, 'strict-transport-security'), own)
    assert.equal(one({}, 'strict-transport-security', { origin: plain }), undefined)
    for (const weak of ['max-age=0', 'max-age=600; includeSubDomains', 'max-age=63072000', 'nonsense']) {
      assert.equal(one({ 'strict-transport-security': weak }, 'strict-transport-security'), own, weak)
    }
    const strong = 'max-age=63072000; includeSubDomains; preload'
    assert.equal(one({ 'strict-transport-security': strong }, 'strict-transport-security'), strong)
    assert.equal(one({ 'strict-transport-security': strong }, 'strict-transport-security', { origin: plain }), undefined)
  })

  it('CKE-13 A-112 hold no cookie of ours, none for a whole domain and none without a name', () => {
    const refused = [
      ...[
        '__Host-Http-sallyport=x',
        '__host-http-SALLYPORT=x; Path=/',
        'sallyport=x',
        '__Host-sallyport=x',
        ' __Host-Http-sallyport = x',
        '__Host-Http-sallyport.attempt.abcdefgh=x',
      ],
      ...[
        'a=b; Domain=example.test',
        'a=b;domain=.example.test',
        'a=b; DOMAIN',
        'a=b; Path=/; Domain =x',
        '=__Host-Http-sallyport=x',
        'novalue',
        ' =x',
      ],
    ]
    for (const cookie of refused) assert.equal(one({ 'set-cookie': cookie }, 'set-cookie'), undefined, cookie)
    assert.deepEqual(build({ 'set-cookie': ['a=domain', ...refused, 'theme=dark; Path=/; Secure'] }).get('set-cookie'), [
      'a=domain',
      'theme=dark; Path=/; Secure',
    ])
  })

  it('hold no length with a 204', () => {
    assert.equal(one({ 'content-length': '5' }, 'content-length', { status: 204 }), undefined)
    assert.equal(one({ 'content-length': '5' }, 'content-length', { status: 304 }), '5')
  })

  it('CSRF-05 hold our CORS headers and none of the upstream’s', () => {
    const cors = ['access-control-allow-origin', 'https://console.example.test']
    const found = build({ 'access-control-allow-origin': '*' }, { cors, hasAllowedOrigins: true })

    assert.deepEqual(found.get('access-control-allow-origin'), ['https://console.example.test'])
  })
})

describe('caching on a route with a session', () => {
  const rewritten = (value: string) => one({ 'cache-control': value }, 'cache-control')

  it('CAC-02 is off when the upstream says nothing', () => {
    for (const route of ['api', 'maybe'] as const) assert.equal(one({}, 'cache-control', { route }), 'private, no-store')
    assert.equal(one({ expires: 'Thu, 01 Dec 2099 16:00:00 GMT' }, 'cache-control'), 'private, no-store')
    assert.equal(rewritten(''), 'private, no-store')
  })

  it('CAC-03 A-133 is private whatever the upstream says', () => {
    assert.equal(rewritten('public, s-maxage=600, max-age=60'), 'private, max-age=60')
    assert.equal(rewritten('PUBLIC'), 'private')
    assert.equal(rewritten('max-age=60'), 'private, max-age=60')
    assert.equal(rewritten('no-cache'), 'private, no-cache')
    assert.equal(rewritten('private="set-cookie", max-age=5'), 'private, max-age=5')
    assert.equal(rewritten('max-age=5, no-cache="a, public"'), 'private, max-age=5, no-cache="a, public"')
    assert.equal(rewritten('private, max-age=60'), 'private, max-age=60')
    assert.equal(one({ 'cache-control': ['public', 's-maxage=1'] }, 'cache-control'), 'private')
  })

  it('keeps no-store as it is', () => {
    assert.equal(rewritten('no-store'), 'no-store')
    assert.equal(rewritten('public, no-store'), 'no-store')
    assert.equal(rewritten('private, no-store'), 'private, no-store')
  })

  it('CAC-03 leaves no word for a particular shared cache', () => {
    const fields = { 'surrogate-control': 'max-age=600', 'cdn-cache-control': 'public', 'x-accel-expires': '600' }
    const found = build(fields)

    for (const name of Object.keys(fields)) assert.equal(found.has(name), false, name)
    assert.equal(one(fields, 'cdn-cache-control', { route: 'open' }), 'public')
  })

  it('CAC-04 CSRF-13 says what an answer that may be kept depends on', () => {
    assert.equal(one({ 'cache-control': 'max-age=60', vary: 'Accept' }, 'vary'), 'Accept | Cookie, Sec-Fetch-Site')
    assert.equal(one({ 'cache-control': 'max-age=60' }, 'vary', { hasAllowedOrigins: true }), 'Cookie, Sec-Fetch-Site, Origin')
    assert.equal(one({}, 'vary'), undefined)
  })
})

describe('caching on a route for anyone', () => {
  it('is the upstream’s', () => {
    assert.equal(one({ 'cache-control': 'public, s-maxage=600' }, 'cache-control', { route: 'open' }), 'public, s-maxage=600')
    assert.equal(one({}, 'cache-control', { route: 'open' }), undefined)
    assert.equal(one({}, 'vary', { route: 'open' }), undefined)
  })

  it('CAC-04 depends on Origin where some origins may read across', () => {
    assert.equal(one({}, 'vary', { route: 'open', hasAllowedOrigins: true }), 'Origin')
  })
})

describe('trailers towards a client', () => {
  it('pass unless they would change how the answer is read', () => {
    const fields = {
      'grpc-status': '0',
      'server-timing': 'a',
      'set-cookie': 'a=b',
      'content-type': 'x',
      'access-control-allow-origin': '*',
      'sallyport-error': 'x',
      'cache-control': 'public',
      connection: 'x',
    }

    assert.deepEqual(clientTrailers(fields, isOwnCookie), { 'grpc-status': '0', 'server-timing': 'a' })
  })
})
