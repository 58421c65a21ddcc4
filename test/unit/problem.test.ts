import assert from 'node:assert/strict'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, it } from 'node:test'
import { describeError, errorCodes, GatewayError } from '../../src/errors.ts'
import { problemBody, sendProblem } from '../../src/http/problem.ts'
import { exchangeRaw, openSocket, readToEnd, readUntil, sendRaw } from '../support/raw-http.ts'

const info = { requestId: 'request-0001', isSecure: true, loginUrl: '/auth/login' }

/** A server that answers every request like this. */
async function serve(t: { after(run: () => unknown): void }, answer: (res: ServerResponse) => void): Promise<number> {
  const server = createServer((_req, res) => answer(res))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

const get = 'GET / HTTP/1.1\r\nHost: x'

describe('an error of ours', () => {
  it('is a problem document that says its code, title and request, and no more', async t => {
    const secret = 'the message is for the operator'
    for (const code of errorCodes) {
      const port = await serve(t, res =>
        sendProblem(res, new GatewayError(code, secret, { cause: new Error(secret), reason: 'secret_reason' }), info),
      )

      const response = await exchangeRaw(port, get)

      const { status, title, retryAfterSeconds } = describeError(code)
      assert.equal(response.status, status)
      assert.deepEqual(response.json(), {
        ...{ type: `https://sallyport.example/docs/errors#${code}`, title, status, code, request_id: 'request-0001' },
        ...(status === 401 && { login_url: '/auth/login' }),
      })
      assert.equal(response.header('content-type'), 'application/problem+json; charset=utf-8')
      assert.equal(response.header('sallyport-error'), code)
      assert.equal(response.header('x-request-id'), 'request-0001')
      assert.equal(response.header('retry-after'), retryAfterSeconds === undefined ? undefined : String(retryAfterSeconds))
    }
  })

  it('CAC-01 WEB-01 WEB-03 is kept by nobody, sniffed by nobody, and brings HSTS over https', async t => {
    const error = new GatewayError('no_route', '')
    const secure = await exchangeRaw(await serve(t, res => sendProblem(res, error, info)), get)
    const plain = await exchangeRaw(await serve(t, res => sendProblem(res, error, { ...info, isSecure: false })), get)

    assert.equal(secure.header('cache-control'), 'no-store')
    assert.equal(secure.header('x-content-type-options'), 'nosniff')
    assert.equal(secure.header('strict-transport-security'), 'max-age=31536000; includeSubDomains')
    assert.equal(plain.header('strict-transport-security'), undefined)
  })

  it('carries the headers of the error and of CORS, and a challenge with every 401', async t => {
    const challenge = 'Bearer error="insufficient_user_authentication"'
    const stepUp = new GatewayError('step_up_required', '', { headers: { 'www-authenticate': challenge } })
    const cors = ['access-control-allow-origin', 'https://console.example.test']

    const first = await exchangeRaw(await serve(t, res => sendProblem(res, stepUp, { ...info, cors })), get)
    const second = await exchangeRaw(await serve(t, res => sendProblem(res, new GatewayError('not_signed_in', ''), info)), get)

    assert.deepEqual(first.all('www-authenticate'), [challenge])
    assert.equal(first.header('access-control-allow-origin'), cors[1])
    assert.deepEqual(second.all('www-authenticate'), ['Sallyport'])
  })

  it('has no body for HEAD', async t => {
    const port = await serve(t, res => sendProblem(res, new GatewayError('no_route', ''), info))

    const text = await sendRaw(port, 'HEAD / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')

    assert.match(text, /^HTTP\/1\.1 404 /)
    assert.ok(text.endsWith('\r\n\r\n'))
  })

  it('WEB-07 that nobody expected is a bare 500', async t => {
    for (const bug of [new TypeError('secret at /home/x.ts'), 'secret', undefined, null]) {
      const response = await exchangeRaw(await serve(t, res => sendProblem(res, bug, info)), get)

      assert.equal(response.status, 500)
      assert.deepEqual(response.json(), { type: 'about:blank', title: 'Internal Server Error', status: 500, request_id: 'request-0001' })
      assert.equal(response.header('sallyport-error'), undefined)
    }
  })

  it('PXY-14 cuts an answer that has begun instead of ending it', async t => {
    const port = await serve(t, res => {
      res.write('half an ans')
      sendProblem(res, new GatewayError('upstream_timeout', ''), info)
    })

    const text = await sendRaw(port, `${get}\r\n\r\n`)

    assert.ok(!text.includes('\r\n0\r\n\r\n'), text)
  })
})

describe('the answer to a body that is too large', () => {
  it('PXY-18 arrives before the connection ends, although the client goes on sending', async t => {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const port = await serve(t, res => sendProblem(res, new GatewayError('body_too_large', ''), info))
    const socket = await openSocket(port)
    socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n')
    const pump = setInterval(() => socket.write(Buffer.alloc(65_536)), 5)
    t.after(() => clearInterval(pump))

    const text = await readUntil(socket, text => text.includes('"body_too_large"'))

    assert.match(text, /^HTTP\/1\.1 413 /)
    assert.match(text, /\r\nconnection: close\r\n/i)
    // Closed at once, with bytes unread, it would be reset, and the reset may overtake the answer.
    const end = readToEnd(socket)
    assert.equal(await Promise.race([end, nextTurns(50).then(() => 'open')]), 'open')
    t.mock.timers.tick(1000)
    await end
  })

  it('PXY-18 ends the connection at once when the body has come to its end', async t => {
    // The clock that would end it later stands still.
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const port = await serve(t, res => sendProblem(res, new GatewayError('body_too_large', ''), info))

    const text = await sendRaw(port, 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello')

    assert.match(text, /^HTTP\/1\.1 413 /)
  })
})

describe('problemBody', () => {
  it('tells where to sign in only where that would help', () => {
    assert.equal(problemBody(new GatewayError('session_expired', ''), info).login_url, '/auth/login')
    assert.equal('login_url' in problemBody(new GatewayError('claim_missing', ''), info), false)
  })
})

async function nextTurns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await new Promise(resolve => setImmediate(resolve))
}
