import assert from 'node:assert/strict'
import { METHODS } from 'node:http'
import { after, before, describe, it } from 'node:test'
import fc from 'fast-check'
import type { ForwardAuthDialect } from '../../src/config/config.ts'
import { hostileRoutes, ourHost, ownScript } from '../data/hostile-requests.ts'
import { type ForwardAuthPort, openForwardAuth, questionOf } from '../support/forward-auth.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { type IdentityProvider, startIdentityProvider } from '../support/identity-provider.ts'
import { openSocket, readUntil, responses, sendRaw } from '../support/raw-http.ts'
import { createVisitor } from '../support/visitor.ts'

interface Asking {
  readonly gateway: TestGateway
  readonly port: ForwardAuthPort
  /** Of alice and of bob. */
  readonly cookies: readonly [string, string]
}

const opened = new Map<ForwardAuthDialect, Asking>()
let idp: IdentityProvider

before(async () => {
  idp = await startIdentityProvider()
  for (const dialect of ['nginx', 'envoy'] as const) {
    const gateway = await startGateway({ idp, host: ourHost, config: { routes: hostileRoutes, forwardAuth: { dialect } } })
    const cookieOf = async (user: 'alice' | 'bob') => {
      const visitor = createVisitor(gateway)
      await visitor.signIn(idp, { user })
      return Array.from(visitor.jar, ([name, value]) => `${name}=${value}`).join('; ')
    }
    opened.set(dialect, {
      gateway,
      port: await openForwardAuth(gateway, dialect),
      cookies: [await cookieOf('alice'), await cookieOf('bob')],
    })
  }
})

after(async () => {
  for (const { gateway, port } of opened.values()) await Promise.all([port.close(), gateway.close()])
  await idp.close()
})

const on = (dialect: ForwardAuthDialect) => opened.get(dialect) ?? assert.fail(dialect)

function question(dialect: ForwardAuthDialect, cookie: string, ...headers: string[]): string {
  const asked = { target: '/api/orders', host: ourHost, headers: [`Cookie: ${cookie}`, ...ownScript, ...headers] }
  return questionOf(dialect, asked).replace('HTTP/1.0', 'HTTP/1.1')
}

describe('the forward-auth port', () => {
  it('MSG-10 tells each of several questions on one connection about its own person, in order', async () => {
    const { port, cookies } = on('nginx')
    const socket = await openSocket(port.port)

    socket.write([cookies[0], cookies[1], 'none=1', cookies[0]].map(cookie => `${question('nginx', cookie)}\r\n\r\n`).join(''))
    const text = await readUntil(socket, all => all.split('HTTP/1.1 ').length === 5 && responses(all).length === 4)
    socket.destroy()

    const told = responses(text).map(answer => [answer.status, answer.header('x-auth-user')])
    assert.deepEqual(told, [
      [200, 'a1'],
      [200, 'b2'],
      [401, undefined],
      [200, 'a1'],
    ])
  })

  it('MSG-06 takes what stands in the body of a question for no question', async () => {
    const { port, cookies } = on('envoy')
    const inner = `${question('envoy', cookies[0])}\r\nConnection: close\r\n\r\n`
    const line = question('envoy', cookies[1]).replace('content-length: 0', `content-length: ${inner.length}`)

    const text = await sendRaw(port.port, `${line}\r\nConnection: close\r\n\r\n${inner}`)

    assert.deepEqual(
      responses(text).map(answer => answer.header('x-auth-user')),
      ['b2'],
    )
  })

  it('MSG-03 MSG-04 A-115 refuses framing that two programs could read in two ways', async () => {
    const { port, cookies } = on('nginx')

    for (const framing of [
      'Transfer-Encoding: gzip, chunked',
      'Transfer-Encoding: identity',
      'Content-Length: 4\r\nTransfer-Encoding: chunked',
    ]) {
      const answer = await port.send(question('nginx', cookies[0], framing), '0\r\n\r\n')
      assert.ok([400, 403].includes(answer.status), `${framing}: ${answer.status}`)
    }
  })

  it('PXY-02 MSG-09 A-118 is no tunnel', async () => {
    const { port, cookies } = on('nginx')

    const connected = await sendRaw(port.port, `CONNECT ${ourHost}:443 HTTP/1.1\r\nHost: ${ourHost}\r\n\r\n`)
    const upgraded = await port.send(question('nginx', cookies[0], 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAAQAAP__'))

    assert.ok(!connected.includes(' 200 '), connected)
    assert.equal(upgraded.status, 200)
  })

  it('CKE-12 gives cookies back as they came, and ours in no spelling', async () => {
    const { port, cookies } = on('nginx')
    const theirs = 'theme=\xe9; odd; =x; a=b=c'

    const answer = await port.send(
      question('nginx', `${cookies[0]}; ${theirs}; __host-http-SALLYPORT=1; sallyport=2; sallyport.attempt.x=3`),
    )

    assert.deepEqual([answer.status, answer.all('cookie')], [200, [theirs]])
  })

  it('PXY-18 bounds the head of a question', async () => {
    const { port, cookies } = on('nginx')

    const answer = await port.send(question('nginx', cookies[0], `X-Long: ${'a'.repeat(17_000)}`))

    assert.deepEqual([answer.status, answer.header('sallyport-error')], [431, 'headers_too_large'])
  })

  // WEB-08: whatever stands in the three headers, there is an answer, and it is yes only for what a route has.
  it('WEB-08 answers every question with 200, 401 or 403', async () => {
    const { port, cookies } = on('nginx')
    const method = fc.oneof(fc.constant('GET'), fc.constantFrom(...METHODS, 'get', 'X', '', '__proto__', 'GET, GET'))
    const text = fc.string({ unit: fc.constantFrom(...'/ab.%2eF;:@?#\\*|\xe9 "'), maxLength: 12 })
    const target = fc.oneof(
      text,
      text.map(tail => `/public${tail}`),
      text.map(tail => `/api/orders${tail}`),
      text.map(tail => `https://${ourHost}${tail}`),
    )
    const host = fc.oneof({ weight: 5, arbitrary: fc.constant(ourHost) }, text)
    let allowed = 0

    await fc.assert(
      fc.asyncProperty(method, target, host, async (one, uri, name) => {
        const lines = [`Host: ${name}`, `X-Original-Method: ${one}`, `X-Original-URI: ${uri}`, `Cookie: ${cookies[0]}`, ...ownScript]
        const answer = await port.send(['GET /verify HTTP/1.1', ...lines].join('\r\n'))
        assert.ok([200, 401, 403].includes(answer.status), `${answer.status} ${answer.body}`)
        if (answer.status !== 200) return
        allowed++
        assert.match(uri, /^(https:\/\/app\.example\.test)?\/(public|api\/orders|reports)/)
        assert.ok(METHODS.includes(one) && name === ourHost)
      }),
      { numRuns: 400 },
    )

    assert.ok(allowed > 5, `only ${allowed} were allowed`)
  })
})
