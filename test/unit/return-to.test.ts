import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { createReturnTo } from '../../src/auth/return-to.ts'
import type { Origin, RouteRule } from '../../src/config/config.ts'
import type { Target } from '../../src/http/exchange.ts'
import { matchRoute } from '../../src/request/route.ts'

interface Entry {
  /** The attack of conformance.md, `A.1` for its appendix, `good` for what must pass, `api` for our own rule. */
  readonly of: string
  readonly as: 'return_to' | 'target_link_uri'
  readonly input: string
  readonly expect: string
}

const corpus = JSON.parse(readFileSync(new URL('../data/return-to.json', import.meta.url), 'utf8')) as readonly Entry[]
const origin: Origin = { href: 'https://gw.test', authority: 'gw.test', isSecure: true }
const routes = [route('/', 'page'), route('/api', 'api'), route('/app', 'page')]
const returnTo = createReturnTo({ config: { paths: { base: '/auth' } }, isPage })

describe('where a sign-in leads', () => {
  const groups = Map.groupBy(corpus, entry => entry.of)

  for (const [of, entries] of groups) {
    it(`FLOW-15 ${of}: ${entries.length} values lead to one of our pages or to /`, () => {
      for (const entry of entries) {
        const result = returnTo(entry.input, origin, { mayBeAbsolute: entry.as === 'target_link_uri' })

        assert.equal(result, entry.expect, `${entry.as} ${JSON.stringify(entry.input)}`)
      }
    })
  }

  it('FLOW-15 takes what it gave once more, unchanged', () => {
    for (const { input, as } of corpus) {
      const first = returnTo(input, origin, { mayBeAbsolute: as === 'target_link_uri' })

      assert.equal(returnTo(first, origin), first)
    }
  })

  it('FLOW-15 never leaves the origin, whatever is put together from the pieces of attacks', () => {
    const piece = fc.constantFrom(
      ...['/', '//', '\\', '.', '..', '%2f', '%5c', '%2e', '@', ':', '#', '?', '\t', ' ', 'gw.test', 'evil.test'],
      ...['https:', 'javascript:', 'auth', 'app', 'api', '%61uth', ';x', '\u3002', '\uff0f'],
    )
    const value = fc.array(piece, { maxLength: 9 }).map(pieces => pieces.join(''))

    fc.assert(
      fc.property(value, fc.boolean(), (input, mayBeAbsolute) => {
        const result = returnTo(input, origin, { mayBeAbsolute })
        const arrived = new URL(result, 'https://gw.test/auth/continue/x')

        assert.equal(arrived.origin, 'https://gw.test')
        assert.match(result, /^\/(?!\/)[\x21-\x7e]*$/)
        assert.ok(!decodeURIComponent(arrived.pathname).toLowerCase().startsWith('/auth/'), result)
        assert.ok(result === '/' || isPage({ origin, path: arrived.pathname, query: arrived.search, hasEncodedSlash: false }), result)
      }),
      { numRuns: 3000 },
    )
  })

  it('gives up on values too long for a Location header', () => {
    assert.equal(returnTo(`/${'a'.repeat(2047)}`, origin), `/${'a'.repeat(2047)}`)
    assert.equal(returnTo(`/${'a'.repeat(2048)}`, origin), '/')
  })

  it('judges by the origin of the request, its port and its scheme too', () => {
    const other: Origin = { href: 'http://localhost:8080', authority: 'localhost:8080', isSecure: false }
    const onOther = createReturnTo({ config: { paths: { base: '/auth' } }, isPage: () => true })

    assert.equal(onOther('http://localhost:8080/app', other, { mayBeAbsolute: true }), '/app')
    assert.equal(onOther('http://localhost/app', other, { mayBeAbsolute: true }), '/')
    assert.equal(onOther('http://localhost:8081/app', other, { mayBeAbsolute: true }), '/')
    assert.equal(onOther('https://gw.test/app', other, { mayBeAbsolute: true }), '/')
  })
})

function isPage(target: Target): boolean {
  try {
    return matchRoute(routes, target).kind === 'page'
  } catch {
    return false
  }
}

function route(path: string, kind: RouteRule['kind']): RouteRule {
  return {
    path,
    kind,
    origins: [origin],
    methods: null,
    upstream: { kind: 'servers', addresses: [{ name: 'http://127.0.0.1:1', origin: 'http://127.0.0.1:1', socketPath: null }], tls: {} },
    stripPrefix: false,
    preserveHost: false,
    encodedSlash: 'refuse',
    access: 'anyone',
    require: { scopes: [], claims: {}, acr: [] },
    token: null,
    assertion: null,
    identityHeaders: {},
    setHeaders: {},
    timeouts: { connectMs: 1, headersMs: 1, idleMs: 1 },
    limits: { bodyBytes: 1, perMinute: null },
    websocket: null,
  }
}
