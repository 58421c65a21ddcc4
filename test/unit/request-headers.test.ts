import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { GatewayError } from '../../src/errors.ts'
import { createOwnCookieTest } from '../../src/http/cookies.ts'
import type { Exchange } from '../../src/http/exchange.ts'
import type { Person } from '../../src/http/identity-headers.ts'
import { createUpstreamHeaders } from '../../src/http/request-headers.ts'
import { testConfig } from '../support/request-path.ts'

const config = testConfig([
  {
    path: '/api',
    upstream: 'http://127.0.0.1:9',
    token: 'access',
    identityHeaders: { 'X-Auth-User': 'sub', 'X-Auth-Name': 'name', 'X-Team': 'groups', 'X-From': 'provider' },
    setHeaders: { 'X-Tenant': 'acme' },
  },
  { path: '/kept', upstream: 'http://127.0.0.1:9', preserveHost: true },
])
const [api, kept] = config.routes
assert.ok(api && kept)
const deps = {
  isOwnCookie: createOwnCookieTest(config.session.cookie),
  identityNames: new Set(['x-auth-user', 'x-auth-name', 'x-team', 'x-from']),
}
const builders = { api: createUpstreamHeaders(api, deps), kept: createUpstreamHeaders(kept, deps) }
const exchange: Exchange = {
  requestId: 'request-0001',
  method: 'GET',
  clientAddress: '203.0.113.5',
  target: { origin: config.origins[0], path: '/api', query: '', hasEncodedSlash: false },
  isNavigation: false,
  trace: null,
}
const alice: Person = { provider: 'main', sub: 'alice', clientId: null, actors: [], claims: {} }

interface Sent {
  readonly lines?: readonly (readonly [string, string])[]
  readonly person?: Person | null
  readonly bearer?: string | null
  readonly assertion?: string | null
  readonly route?: keyof typeof builders
  readonly from?: Partial<Exchange>
}

/** The header lines that the upstream gets, as Node would have handed the client's over. */
function build({ lines = [], person = null, bearer = null, assertion = null, route = 'api', from = {} }: Sent): [string, string][] {
  const headers: Record<string, string> = {}
  for (const [name, value] of lines) {
    const lower = name.toLowerCase()
    headers[lower] = headers[lower] === undefined ? value : `${headers[lower]}${lower === 'cookie' ? '; ' : ', '}${value}`
  }
  const flat = builders[route]({
    rawHeaders: lines.flat(),
    headers,
    exchange: { ...exchange, ...from },
    person,
    authorization: bearer === null ? null : `Bearer ${bearer}`,
    assertion,
    contentLength: null,
  })
  return Array.from({ length: flat.length / 2 }, (_, i) => [flat[2 * i] ?? '', flat[2 * i + 1] ?? ''])
}

const values = (lines: [string, string][], name: string) =>
  lines.filter(([other]) => other.toLowerCase() === name).map(([, value]) => value)
const ours = ['forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'via', 'x-request-id', 'x-tenant']

/** What is left of the client's own lines. */
function passed(...lines: [string, string][]): string[] {
  return build({ lines })
    .map(([name]) => name)
    .filter(name => !ours.includes(name.toLowerCase()))
}

describe('headers towards an upstream', () => {
  it('pass as they are when they are nobody else’s business', () => {
    const lines: [string, string][] = [
      ['Accept', 'a'],
      ['accept', 'b'],
      ['If-None-Match', '"x"'],
      ['X-CSRF', '1'],
      ['X-User-Agent', 'grpc-web'],
      ['Sec-Fetch-Site', 'same-origin'],
      ['Content-Type', 'text/plain'],
      ['X-Custom', '\xe9'],
    ]

    assert.deepEqual(build({ lines }).slice(0, lines.length), lines)
  })

  it('HDR-01 A-106 hold no Authorization but ours, once', () => {
    const lines: [string, string][] = [
      ['Authorization', 'Basic x'],
      ['AUTHORIZATION', 'Bearer y'],
      ['Proxy-Authorization', 'z'],
      ['DPoP', 'proof'],
    ]

    assert.deepEqual(values(build({ lines, bearer: 'token' }), 'authorization'), ['Bearer token'])
    assert.deepEqual(passed(...lines), [])
  })

  it('HDR-02 HDR-03 A-104 hold no identity but ours, in whatever spelling', () => {
    const names = [
      'X-Auth-User',
      'x-auth-user',
      'X_Auth_User',
      'x_auth_user',
      'X-Auth_User',
      'X.Auth.User',
      'X~Auth~User',
      'X-AUTH-USER',
      'X-Team',
      'x.team',
      'X-From',
    ]
    const common = [
      'X-User',
      'X-User-Id',
      'X-Username',
      'X-Forwarded-User',
      'X-Forwarded-Email',
      'X-Forwarded-Groups',
      'X-Forwarded-Preferred-Username',
      'Remote-User',
      'Remote_User',
      'X-Remote-User',
      'X-Auth-Request-Email',
      'X-Forwarded-Access-Token',
      'X-Access-Token',
      'X-WebAuth-User',
      'X-Goog-IAP-JWT-Assertion',
      'Client-Cert',
      'SSL-Client-S-DN',
      'X-Amzn-Oidc-Data',
    ]

    assert.deepEqual(passed(...[...names, ...common].map((name): [string, string] => [name, 'mallory'])), [])
  })

  it('HDR-02 hold ours in place of the client’s', () => {
    const lines = build({ lines: [['X-Auth-User', 'mallory']], person: alice })

    assert.deepEqual(values(lines, 'x-auth-user'), ['alice'])
    assert.deepEqual(values(lines, 'x-from'), ['main'])
  })

  it('HDR-03 hold no name with an underscore', () => {
    assert.deepEqual(passed(['Anything_Else', 'x'], ['_', 'x'], ['X-Fine', 'y']), ['X-Fine'])
  })

  it('HDR-04 A-118 hold nothing that is meant for one hop', () => {
    const names = [
      'Connection',
      'Keep-Alive',
      'Proxy-Connection',
      'TE',
      'Trailer',
      'Transfer-Encoding',
      'Upgrade',
      'HTTP2-Settings',
      'Proxy-Authorization',
      'Expect',
    ]

    assert.deepEqual(passed(...names.map((name): [string, string] => [name, 'x'])), [])
    assert.deepEqual(passed(['Connection', 'close, X-Secret , Accept'], ['X-Secret', 's'], ['Accept', 'a'], ['X-Fine', 'y']), ['X-Fine'])
  })

  it('HDR-05 A-107 cannot be talked out of ours by Connection', () => {
    const nominated = 'close, Authorization, X-Auth-User, Forwarded, Via, X-Forwarded-For, X-Request-Id, X-Tenant, Host'

    const lines = build({ lines: [['Connection', nominated]], person: alice, bearer: 'token' })

    for (const name of ['authorization', 'x-auth-user', ...ours]) assert.equal(values(lines, name).length, 1, name)
  })

  it('HDR-06 say that we forwarded them', () => {
    assert.deepEqual(values(build({}), 'via'), ['1.1 sallyport'])
    assert.deepEqual(values(build({ lines: [['Via', '1.0 fred, 1.1 edge']] }), 'via'), ['1.0 fred, 1.1 edge, 1.1 sallyport'])
  })

  it('HDR-07 are refused when they came round in a circle', () => {
    const via = (times: number) => build({ lines: [['Via', Array(times).fill('1.1 sallyport').join(', ')]] })

    via(2)
    assert.throws(
      () => via(3),
      (error: unknown) => error instanceof GatewayError && error.code === 'upstream_invalid_response' && error.reason === 'loop',
    )
  })

  it('HDR-08 HDR-09 say where they come from in our own words', () => {
    const spoofed = [
      'Forwarded',
      'X-Forwarded-For',
      'X-Forwarded-Host',
      'X-Forwarded-Proto',
      'X-Forwarded-Port',
      'X-Real-IP',
      'True-Client-IP',
      'X_Forwarded_For',
    ]

    const lines = build({ lines: spoofed.map((name): [string, string] => [name, '198.51.100.66']) })

    assert.deepEqual(values(lines, 'x-forwarded-for'), ['203.0.113.5'])
    assert.deepEqual(values(lines, 'x-forwarded-host'), ['app.example.test'])
    assert.deepEqual(values(lines, 'x-forwarded-proto'), ['https'])
    assert.deepEqual(values(lines, 'forwarded'), ['for=203.0.113.5;host="app.example.test";proto=https'])
    assert.ok(!lines.flat().includes('198.51.100.66'))
  })

  it('quote an IPv6 address as RFC 7239 asks', () => {
    const forwarded = values(build({ from: { clientAddress: '2001:db8::5' } }), 'forwarded')

    assert.deepEqual(forwarded, ['for="[2001:db8::5]";host="app.example.test";proto=https'])
  })

  it('HDR-09 leave Host to the upstream, or hold the browser’s where the route says so', () => {
    assert.deepEqual(values(build({ lines: [['Host', 'evil.test']] }), 'host'), [])
    assert.deepEqual(values(build({ lines: [['Host', 'evil.test']], route: 'kept' }), 'host'), ['app.example.test'])
  })

  it('HDR-12 A-109 CSRF-08 A-049 cannot make them another request', () => {
    const names = [
      'X-Original-URL',
      'X-Rewrite-URL',
      'X-Forwarded-Uri',
      'X-Forwarded-Prefix',
      'X-Forwarded-Method',
      'X-HTTP-Method-Override',
      'X-HTTP-Method',
      'X-Method-Override',
      'X-Original-Method',
      'X-Original-Host',
      'X_Http_Method_Override',
      'X-Host',
      'Proxy',
      'X-Accel-Mapping',
      'X-Sendfile-Type',
      'Sallyport-Error',
    ]

    assert.deepEqual(passed(...names.map((name): [string, string] => [name, '/public'])), [])
  })

  it('CKE-12 hold the cookies that are not ours', () => {
    const cookies = (...lines: [string, string][]) => values(build({ lines }), 'cookie')

    assert.deepEqual(cookies(['Cookie', 'theme=dark; __Host-Http-sallyport=secret'], ['Cookie', 'lang=en']), ['theme=dark; lang=en'])
    assert.deepEqual(cookies(['Cookie', '__Host-Http-sallyport=secret']), [])
    assert.deepEqual(cookies(['Connection', 'Cookie'], ['Cookie', 'theme=dark']), [])
  })

  it('HDR-15 hold the one request id and set headers of the route', () => {
    const lines = build({
      lines: [
        ['X-Request-Id', 'other'],
        ['x-tenant', 'evil'],
        ['X_Tenant', 'evil'],
      ],
    })

    assert.deepEqual(values(lines, 'x-request-id'), ['request-0001'])
    assert.deepEqual(values(lines, 'x-tenant'), ['acme'])
  })

  it('hold a trace only when it is well-formed', () => {
    const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
    const trace = (value: string) => passed(['traceparent', value], ['tracestate', 'a=b'])

    assert.deepEqual(trace(traceparent), ['traceparent', 'tracestate'])
    for (const bad of [
      'x',
      traceparent.toUpperCase(),
      `${traceparent}-x`,
      `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`,
      `${traceparent}, ${traceparent}`,
    ]) {
      assert.deepEqual(trace(bad), [], bad)
    }
  })

  it('remember what they learnt of names without growing for ever', () => {
    const lines = Array.from({ length: 3000 }, (_, i): [string, string] => [`X-Made-Up-${i}`, 'x'])

    assert.equal(passed(...lines, ['X-Auth-User', 'mallory']).length, 3000)
  })
})

describe('identity headers', () => {
  const named = (name: unknown, groups?: unknown) => build({ person: { ...alice, claims: { name, groups } } })
  const nameOf = (name: unknown) => values(named(name), 'x-auth-name')[0]

  it('HDR-11 hold nothing that a header cannot, and give the claim back when decoded', () => {
    for (const name of ['a\r\nX-Admin: 1', 'Zoë', '日本', '100%', ' padded ', 'tab\t', '\0', 'a\u2028b', '%41', 'plain name, Jr.']) {
      const value = nameOf(name)
      assert.match(value ?? '', /^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$/, JSON.stringify(name))
      assert.equal(decodeURIComponent(value ?? ''), name)
    }
    assert.equal(nameOf('plain name, Jr.'), 'plain name, Jr.')
    assert.equal(nameOf('Zoë'), 'Zo%C3%AB')
  })

  it('hold lists with commas between, and no element that could be two', () => {
    assert.deepEqual(values(named('x', ['ops', 'dev, admin', 7, true, null, { a: 1 }]), 'x-team'), ['ops,dev%2C%20admin,7,true'])
  })

  it('hold numbers and booleans, and leave out what is no value', () => {
    assert.equal(nameOf(7), '7')
    assert.equal(nameOf(false), 'false')
    for (const nothing of [undefined, null, '', {}, []]) assert.equal(nameOf(nothing), undefined, JSON.stringify(nothing))
  })

  it('HDR-14 are bounded: what is too large is left out whole', () => {
    assert.equal(nameOf('x'.repeat(9000)), undefined)
    assert.equal(nameOf('x'.repeat(4096))?.length, 4096)
    const both = named('x'.repeat(4000), Array(1000).fill('group'))
    assert.equal(values(both, 'x-auth-name').length + values(both, 'x-team').length, 1)
  })

  it('are not set for nobody', () => {
    assert.deepEqual(values(build({ person: null }), 'x-auth-user'), [])
  })

  it('WEB-09 read no property that claims inherit', () => {
    const claims = Object.create({ name: 'inherited' }) as Record<string, unknown>

    assert.deepEqual(values(build({ person: { ...alice, claims } }), 'x-auth-name'), [])
  })
})
