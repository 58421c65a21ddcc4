import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { exchangeRaw, firstResponse, responses, sendRaw } from '../support/raw-http.ts'
import { host, type RequestPath, startRequestPath } from '../support/request-path.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'

let upstream: Upstream
let path: RequestPath

before(async () => {
  upstream = await startUpstream()
  path = await startRequestPath({ routes: [{ path: '/', upstream: upstream.origin, access: 'anyone' }] })
})

after(async () => {
  await path.close()
  await upstream.close()
})

const head = (method: string, headers: string) => `${method} /x HTTP/1.1\r\nHost: ${host}\r\n${headers}`

/** Sends bytes as they are; nothing of them may reach the upstream, and the connection has to end. */
async function refused(bytes: string): Promise<number> {
  const before = upstream.requests.length
  const text = await sendRaw(path.port, bytes)
  assert.equal(upstream.requests.length, before, `reached the upstream: ${JSON.stringify(bytes)}`)
  assert.equal(responses(text).length, 1)
  return firstResponse(text).status
}

describe('framing that two programs could read in two ways', () => {
  // What a front proxy might take for the body, and we for the next request.
  const smuggled = 'GET /admin HTTP/1.1\r\nHost: x\r\n\r\n'

  it('MSG-01 a length and chunks: refused and closed, in either order', async () => {
    const length = `Content-Length: ${smuggled.length}`
    const chunks = 'Transfer-Encoding: chunked'

    assert.equal(await refused(`${head('POST', length)}\r\n${chunks}\r\n\r\n0\r\n\r\n${smuggled}`), 400)
    assert.equal(await refused(`${head('POST', chunks)}\r\n${length}\r\n\r\n0\r\n\r\n${smuggled}`), 400)
  })

  it('MSG-02 lengths that are no one decimal number', async () => {
    for (const value of ['5, 5', '+5', '-5', '0x5', '5 5', '5;', 'five', '', '1e1', '99999999999999999999999']) {
      assert.equal(await refused(`${head('POST', `Content-Length: ${value}`)}\r\n\r\nhello`), 400, value)
    }
    assert.equal(await refused(`${head('POST', 'Content-Length: 5\r\nContent-Length: 5')}\r\n\r\nhello`), 400)
    assert.equal(await refused(`${head('POST', 'Content-Length: 5\r\nContent-Length: 6')}\r\n\r\nhello!`), 400)
  })

  it('MSG-03 A-115 codings other than chunked', async () => {
    for (const value of [
      'gzip, chunked',
      'chunked, identity',
      'identity',
      'xchunked',
      'chunked, chunked',
      'chunked\r\nTransfer-Encoding: chunked',
      '"chunked"',
      'chunked;q=1',
    ]) {
      assert.equal(await refused(`${head('POST', `Transfer-Encoding: ${value}`)}\r\n\r\n0\r\n\r\n${smuggled}`), 400, value)
    }
  })

  it('MSG-04 A-115 a coding in HTTP/1.0', async () => {
    assert.equal(
      await refused(
        `POST /x HTTP/1.0\r\nHost: ${host}\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n0\r\n\r\n${smuggled}`,
      ),
      400,
    )
  })

  it('MSG-05 bare CR or LF, folding, NUL and a space before the colon', async () => {
    const lines = ['X: a\rb', 'X: a\nY: b', 'X: a\r\n folded', 'X : a', 'X: a\0b', ' X: a', 'X\0: a', ': a', 'X Y: a', 'X: a\x01']
    for (const line of lines) assert.equal(await refused(`${head('GET', line)}\r\n\r\n`), 400, JSON.stringify(line))
    assert.equal(await refused(`GET /x HTTP/1.1\nHost: ${host}\n\n`), 400)
  })

  it('MSG-05 chunks that are none', async () => {
    for (const chunk of ['g\r\nx\r\n', '-1\r\n', '5\r\nhello!\r\n0\r\n\r\n', '\r\n', '0x1\r\na\r\n', 'fffffffffffffffff\r\n']) {
      const text = await sendRaw(path.port, `${head('POST', 'Transfer-Encoding: chunked')}\r\n\r\n${chunk}`)
      assert.ok(!text.startsWith('HTTP/1.1 200'), JSON.stringify(chunk))
    }
    assert.ok(upstream.requests.every(request => request.method !== 'POST'))
  })
})

describe('bodies', () => {
  it('MSG-06 A-116 of any method are one request upstream, framed by us', async () => {
    const inner = 'GET /admin HTTP/1.1\r\nHost: x\r\n\r\n'
    const chunked = `${inner.length.toString(16)}\r\n${inner}\r\n0\r\n\r\n`
    for (const method of ['GET', 'DELETE', 'OPTIONS', 'POST', 'PUT', 'PATCH', 'REPORT']) {
      for (const [headers, body] of [
        ['Transfer-Encoding: chunked', chunked],
        [`Content-Length: ${inner.length}`, inner],
      ] as const) {
        const before = upstream.requests.length

        const response = await exchangeRaw(path.port, head(method, headers), body)

        assert.equal(response.status, 200, method)
        assert.equal(upstream.requests.length, before + 1, `${method} ${headers}`)
        const seen = upstream.requests.at(-1)
        assert.equal(seen?.method, method)
        assert.equal(seen?.body, inner)
        assert.equal((seen?.all('content-length').length ?? 0) + (seen?.all('transfer-encoding').length ?? 0), 1)
      }
    }
  })

  it('MSG-06 that are empty are announced by no more than a zero', async () => {
    for (const [method, headers, body] of [
      ['POST', 'Content-Length: 0', ''],
      ['POST', 'Transfer-Encoding: chunked', '0\r\n\r\n'],
      ['DELETE', 'Transfer-Encoding: chunked', '0\r\n\r\n'],
      ['GET', 'Accept: */*', ''],
    ] as const) {
      await exchangeRaw(path.port, head(method, headers), body)

      const seen = upstream.requests.at(-1)
      assert.equal(seen?.method, method)
      assert.deepEqual(seen?.all('content-length'), method === 'POST' ? ['0'] : [])
      assert.deepEqual(seen?.all('transfer-encoding'), [])
    }
  })

  it('HDR-13 A-106 have no trailers upstream', async () => {
    const trailers = 'X-Auth-User: mallory\r\nAuthorization: Bearer x\r\nX-Fine: y\r\n'

    await exchangeRaw(path.port, head('POST', 'Transfer-Encoding: chunked\r\nTrailer: X-Auth-User'), `5\r\nhello\r\n0\r\n${trailers}\r\n`)

    const seen = upstream.requests.at(-1)
    assert.equal(seen?.body, 'hello')
    assert.deepEqual(seen?.rawTrailers, [])
    for (const name of ['x-auth-user', 'authorization', 'x-fine', 'trailer']) assert.deepEqual(seen?.all(name), [], name)
  })
})

describe('an upgrade', () => {
  it('MSG-09 A-118 to h2c is no tunnel: the request is served as what it is', async () => {
    const before = upstream.requests.length
    const text = await sendRaw(
      path.port,
      `${head('GET', 'Connection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA')}\r\n\r\nPRI * HTTP/2.0\r\n\r\nSM\r\n\r\n`,
    )

    assert.ok(!text.includes(' 101 '), text)
    assert.ok(upstream.requests.length <= before + 1)
    for (const seen of upstream.requests.slice(before))
      for (const name of ['upgrade', 'http2-settings']) assert.deepEqual(seen.all(name), [])
  })
})

describe('pipelined requests', () => {
  it('MSG-10 are answered in order, each with its own', async () => {
    const one = (id: number, more = '') => `GET /x?${id} HTTP/1.1\r\nHost: ${host}\r\nX-Request-Id: request-${id}\r\n${more}\r\n`

    const text = await sendRaw(path.port, one(1) + one(2) + one(3, 'Connection: close\r\n'))

    assert.deepEqual(
      responses(text).map(response => response.header('x-request-id')),
      ['request-1', 'request-2', 'request-3'],
    )
  })
})
