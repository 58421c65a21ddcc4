import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { describe, it } from 'node:test'
import type { ForwardAuthDialect } from '../../src/config/config.ts'
import { GatewayError } from '../../src/errors.ts'
import { createTrustedProxies } from '../../src/http/client-address.ts'
import { admitAsked, createReadAsked } from '../../src/request/asked.ts'
import { dialectNames } from '../../src/request/dialects.ts'
import { codeOf } from '../support/request-path.ts'

/** A question as Node hands it over. */
function question(
  url: string,
  lines: readonly (readonly [string, string])[],
  more: { method?: string; from?: string } = {},
): IncomingMessage {
  const headers: Record<string, string> = {}
  for (const [name, value] of lines) headers[name.toLowerCase()] ??= value
  const { method = 'GET', from = '127.0.0.1' } = more
  return {
    url,
    method,
    headers,
    rawHeaders: lines.flat(),
    httpVersionMinor: 1,
    socket: { remoteAddress: from },
  } as unknown as IncomingMessage
}

const told = {
  nginx: [
    ['Host', 'app.test'],
    ['X-Original-Method', 'POST'],
    ['X-Original-URI', '/a?b'],
  ],
  traefik: [
    ['Host', 'auth'],
    ['X-Forwarded-Method', 'POST'],
    ['X-Forwarded-Host', 'app.test'],
    ['X-Forwarded-Uri', '/a?b'],
  ],
} as const

/** A word of every dialect but this one's, as a client could send them. */
function foreign(dialect: 'nginx' | 'traefik'): [string, string][] {
  const own = told[dialect].map(([name]) => name.toLowerCase())
  return dialectNames.filter(name => !own.includes(name)).map(name => [name, 'GET'])
}

function faultOf(dialect: ForwardAuthDialect, asked: IncomingMessage, trusted: readonly string[] = []): string {
  const { fault } = createReadAsked(dialect, createTrustedProxies(trusted))(asked)
  return fault instanceof GatewayError ? `${fault.code} ${fault.reason ?? ''}`.trim() : 'none'
}

describe('what a question is about', () => {
  const nobody = createTrustedProxies([])

  for (const dialect of ['nginx', 'traefik'] as const) {
    it(`HDR-12 A-109 is what the headers of ${dialect} say, whatever the client sends of other dialects`, () => {
      const asked = createReadAsked(dialect, nobody)(question('/verify', [...foreign(dialect), ...told[dialect]]))

      assert.deepEqual([asked.method, asked.url, asked.headers.host, asked.fault], ['POST', '/a?b', 'app.test', null])
      for (const name of dialectNames) if (name !== 'host') assert.equal(asked.headers[name], undefined, name)
    })
  }

  it('is the method, the authority and the path behind /verify of the question itself, with Envoy', () => {
    const asked = createReadAsked(
      'envoy',
      nobody,
    )(
      question(
        '/verify/a//b?c',
        [
          ['host', 'app.test'],
          ['x-forwarded-uri', '/public'],
        ],
        { method: 'PUT' },
      ),
    )

    assert.deepEqual([asked.method, asked.url, asked.headers.host], ['PUT', '/a//b?c', 'app.test'])
    assert.equal(asked.headers['x-forwarded-uri'], undefined)
  })

  it('has the other headers as they came', () => {
    const asked = createReadAsked(
      'nginx',
      nobody,
    )(question('/verify', [...told.nginx, ['Cookie', 'a=b'], ['Sec-Fetch-Site', 'none'], ['X-Forwarded-For', '192.0.2.1']]))

    assert.deepEqual(
      [asked.headers.cookie, asked.headers['sec-fetch-site'], asked.headers['x-forwarded-for']],
      ['a=b', 'none', '192.0.2.1'],
    )
  })
})

describe('a question that is not answered', () => {
  const line = (name: string, value: string) => [name, value] as const

  it('names no method, host or URI', () => {
    for (const [i] of told.nginx.entries()) {
      assert.equal(faultOf('nginx', question('/verify', told.nginx.toSpliced(i, 1))), 'bad_request forwarded_missing')
    }
    for (const name of ['X-Forwarded-Method', 'X-Forwarded-Host', 'X-Forwarded-Uri']) {
      const lines = told.traefik.map(([other, value]) => (other === name ? line(name, '') : line(other, value)))
      assert.equal(faultOf('traefik', question('/verify', lines)), 'bad_request forwarded_missing', name)
    }
    for (const url of ['/verify', '/verify?/a', '/verify?a=/verify/b']) {
      assert.equal(faultOf('envoy', question(url, [['host', 'app.test']])), 'bad_request forwarded_missing', url)
    }
  })

  it('HDR-10 names one of them twice, in whatever case', () => {
    for (const [name, value] of told.nginx) {
      for (const again of [name, name.toLowerCase(), name.toUpperCase()]) {
        assert.equal(faultOf('nginx', question('/verify', [...told.nginx, line(again, value)])), 'bad_request forwarded_repeated', again)
      }
    }
    assert.equal(
      faultOf(
        'envoy',
        question('/verify/a', [
          ['host', 'app.test'],
          ['Host', 'app.test'],
        ]),
      ),
      'bad_request forwarded_repeated',
    )
  })

  it('names a method that HTTP does not have', () => {
    for (const method of ['get', 'GET, POST', 'FOO', 'TRACE ', 'constructor']) {
      const lines = told.nginx.map(([name, value]) => line(name, name === 'X-Original-Method' ? method : value))
      assert.equal(faultOf('nginx', question('/verify', lines)), 'bad_request forwarded_method', method)
    }
  })

  it('is asked elsewhere than at /verify', () => {
    for (const url of ['/', '/verifyX', '/Verify', '//verify', '/x/verify', 'http://auth/verify', '/auth/login']) {
      assert.equal(faultOf('nginx', question(url, told.nginx)), 'no_route', url)
      assert.equal(faultOf('envoy', question(url, [['host', 'app.test']])), 'no_route', url)
    }
  })

  // Who is answered gets a token to see.
  it('HDR-08 comes from somebody else than a listed proxy or this machine', () => {
    for (const from of ['127.0.0.1', '::1', '::ffff:127.0.0.1', '10.1.2.3', '::ffff:10.1.2.3']) {
      assert.equal(faultOf('nginx', question('/verify', told.nginx, { from }), ['10.0.0.0/8']), 'none', from)
    }
    for (const from of ['192.0.2.7', '::ffff:192.0.2.7', '2001:db8::1']) {
      assert.equal(faultOf('nginx', question('/verify', told.nginx, { from }), ['10.0.0.0/8']), 'bad_request untrusted_peer', from)
    }
    assert.equal(faultOf('nginx', question('/verify', told.nginx, { from: '10.1.2.3' })), 'bad_request untrusted_peer')
  })

  it('CSRF-06 is about a preflight', () => {
    const lines = [
      ...told.nginx.toSpliced(1, 1, line('X-Original-Method', 'OPTIONS') as never),
      line('Origin', 'https://a.test'),
      line('Access-Control-Request-Method', 'PUT'),
    ]
    const asked = createReadAsked('nginx', createTrustedProxies([]))(question('/verify', lines))

    assert.equal(
      codeOf(() => admitAsked(asked)),
      'cross_site_refused',
    )
  })
})
