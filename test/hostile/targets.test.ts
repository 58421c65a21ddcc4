import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import fc from 'fast-check'
import { canonicalPath } from '../../src/http/canonical-path.ts'
import { exchangeRaw, sendRaw } from '../support/raw-http.ts'
import { codeOf, host, type RequestPath, signedInAs, startRequestPath } from '../support/request-path.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'

let upstream: Upstream
/** Nobody may ever reach this one. */
let other: Upstream
let path: RequestPath

before(async () => {
  upstream = await startUpstream()
  other = await startUpstream()
  path = await startRequestPath({
    signedIn: signedInAs(),
    routes: [
      { path: '/api/orders', upstream: upstream.origin, token: 'access', methods: ['GET', 'POST'] },
      { path: '/api/scoped', upstream: upstream.origin, require: { scopes: ['orders.read'] } },
      { path: '/reports', upstream: upstream.origin },
      { path: '/public', upstream: upstream.origin, access: 'anyone' },
      { path: '/deep', upstream: upstream.origin, access: 'anyone', encodedSlash: 'pass' },
    ],
  })
})

after(async () => {
  await path.close()
  await upstream.close()
  await other.close()
})

/** The status and code of the answer to one request line; the upstream must not have heard of it. */
async function refusal(line: string, headers = `Host: ${host}`): Promise<string> {
  const before = upstream.requests.length
  const response = await exchangeRaw(path.port, `${line} HTTP/1.1\r\n${headers}`)
  assert.equal(upstream.requests.length, before, `${line} reached the upstream`)
  return `${response.status} ${response.header('sallyport-error')}`
}

describe('a path that is not refused', () => {
  // The heart of it: what was judged is what is sent.
  it('PXY-03 arrives at the upstream byte for byte', async () => {
    const piece = fc.oneof(
      { weight: 4, arbitrary: fc.constantFrom(...'abcXYZ019-._~!$&\'()*+,;=:@[]{}|"<>^`') },
      { weight: 2, arbitrary: fc.constantFrom('%20', '%25', '%C3%A9', '%c3%a9', '%E2%82%AC', '%3F', '%2F', '%41', '%3b') },
      { weight: 2, arbitrary: fc.constant('/') },
      { weight: 1, arbitrary: fc.constantFrom('%2e', '..', '\\', '#', '%', '%00', '\x7f', '\xe9', '//') },
    )
    const query = fc.option(fc.string({ unit: fc.constantFrom(...'abc=&%+/?\\\'"[]{}.;'), maxLength: 20 }), { nil: undefined })
    let accepted = 0

    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 15 }), query, async (pieces, search) => {
        const target = `/deep/${pieces.join('')}${search === undefined ? '' : `?${search}`}`
        const seen = upstream.requests.length
        const response = await exchangeRaw(path.port, `GET ${target} HTTP/1.1\r\nHost: ${host}`)
        if (response.status === 200) {
          accepted++
          assert.equal(upstream.requests.at(-1)?.url, target)
          assert.equal(
            codeOf(() => canonicalPath(target)),
            'passed',
          )
        } else assert.equal(response.status, 400)
        assert.equal(upstream.requests.length, seen + (response.status === 200 ? 1 : 0))
      }),
      { numRuns: 250 },
    )

    assert.ok(accepted > 50, `only ${accepted} were accepted`)
  })
})

describe('where a request goes', () => {
  it('PXY-01 PXY-02 A-110 is not for the request to say', async () => {
    const elsewhere = other.origin.slice('http://'.length)
    const refused: [string, string?][] = [
      [`GET ${other.origin}/public`],
      [`GET http://${host}@${elsewhere}/public`],
      ['GET /public', `Host: ${elsewhere}`],
      ['GET /public', `Host: ${host}@${elsewhere}`],
      ['GET /public', `Host: ${host}\r\nHost: ${elsewhere}`],
      ['GET /public', `Host: ${host}:8443`],
      [`GET http://${host}/public`, `Host: ${elsewhere}`],
      [`GET //${elsewhere}/public`],
      ['GET /public', `Host: ${host} ${elsewhere}`],
      [`OPTIONS *`],
    ]
    for (const [line, headers] of refused) assert.match(await refusal(line, headers), /^4(00|21) /, `${line} ${headers}`)

    const passed = await exchangeRaw(
      path.port,
      `GET /public HTTP/1.1\r\nHost: ${host}\r\nX-Forwarded-Host: ${elsewhere}\r\nForwarded: host=${elsewhere}\r\nX-Host: ${elsewhere}\r\nX-Original-URL: ${other.origin}/`,
    )
    assert.equal(passed.status, 200)
    assert.deepEqual(other.requests, [])
  })

  it('PXY-02 is not a tunnel', async () => {
    const text = await sendRaw(path.port, `CONNECT ${other.origin.slice(7)} HTTP/1.1\r\nHost: ${host}\r\n\r\nGET / HTTP/1.1\r\n\r\n`)

    assert.ok(!text.includes(' 200 '), text)
    assert.deepEqual(other.requests, [])
  })

  it('PXY-02 may be said in absolute form, when it is us', async () => {
    const response = await exchangeRaw(path.port, `GET https://${host}/public/x?y HTTP/1.1\r\nHost: ${host}`)

    assert.equal(response.status, 200)
    assert.equal(upstream.requests.at(-1)?.url, '/public/x?y')
  })
})

describe('what a route asks for', () => {
  it('PXY-05 its methods, before anything else is looked at', async () => {
    for (const method of ['DELETE', 'PUT', 'TRACE', 'OPTIONS']) {
      const response = await exchangeRaw(path.port, `${method} /api/orders HTTP/1.1\r\nHost: ${host}`)
      assert.equal(response.status, 405, method)
      assert.equal(response.header('allow'), 'GET, POST')
    }
    assert.equal(await refusal('TRACE /public'), '405 method_not_allowed')
  })

  it('PXY-06 its scopes, before the upstream hears of it', async () => {
    assert.equal(await refusal('GET /api/scoped'), '403 insufficient_scope')
  })

  it('PXY-10 a token is sent where it is asked for and nowhere else', async () => {
    await exchangeRaw(path.port, `GET /api/orders HTTP/1.1\r\nHost: ${host}`)
    assert.deepEqual(upstream.requests.at(-1)?.all('authorization'), ['Bearer access-token-of-alice'])

    for (const target of ['/reports', '/public']) {
      await exchangeRaw(path.port, `GET ${target} HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer of-the-client`)
      assert.equal(upstream.requests.at(-1)?.url, target)
      assert.deepEqual(upstream.requests.at(-1)?.all('authorization'), [])
    }
  })
})

describe('sizes', () => {
  it('PXY-18 of the target and of the head are bounded', async () => {
    assert.equal(await refusal(`GET /public/${'a'.repeat(8200)}`), '414 uri_too_long')
    assert.equal(await refusal('GET /public', `Host: ${host}\r\nX-Long: ${'a'.repeat(17_000)}`), '431 headers_too_large')
  })
})
