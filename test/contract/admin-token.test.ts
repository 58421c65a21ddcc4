import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { type AdminPort, makeSession, makeToken, startAdminPort } from '../support/admin-port.ts'
import { exchangeRaw, openSocket, type RawResponse, readToEnd, responses, sendRaw } from '../support/raw-http.ts'

const target = '/admin/sessions?provider=main&sub=alice'
const sessionId = 'AAAAAAAAAAAAAAAAAAAAAA'

let admin: AdminPort

beforeEach(async () => {
  admin = await startAdminPort()
  admin.sessions.living = [makeSession({ sessionId })]
})

afterEach(() => admin.close())

/** Sends a request with these header lines, as they are. */
function send(lines: readonly string[], requestLine = `GET ${target}`): Promise<RawResponse> {
  return exchangeRaw(admin.port, [`${requestLine} HTTP/1.1`, 'Host: admin', ...lines].join('\r\n'))
}

function outcomeOf(response: RawResponse): [number, string | undefined] {
  return [response.status, response.header('sallyport-error')]
}

const unauthorized = [401, 'not_signed_in']

describe('a call with a token', () => {
  it('is let in with each that is configured, the scheme in any case', async () => {
    for (const line of [`Bearer ${admin.token}`, `bearer ${admin.token}`, `BEARER   ${admin.otherToken}`, `Bearer ${admin.token} \t`])
      assert.equal((await send([`Authorization: ${line}`])).status, 200, line)
  })

  it('is let in however it is sent', async () => {
    const response = await send([
      `aUTHORIZATION:Bearer ${admin.token}`,
      'Sec-Fetch-Site: none',
      'Sec-Fetch-Mode: cors',
      'User-Agent: curl/8',
    ])

    assert.equal(response.status, 200)
  })
})

describe('a call without the token', () => {
  const hostile: readonly (readonly [string, (token: string) => string[]])[] = [
    ['no header', () => []],
    ['an empty header', () => ['Authorization:']],
    ['an empty token', () => ['Authorization: Bearer ']],
    ['the token alone', token => [`Authorization: ${token}`]],
    ['another scheme', token => [`Authorization: Basic ${Buffer.from(`ops:${token}`).toString('base64')}`]],
    ['another header', token => [`X-Admin-Token: ${token}`, `Cookie: token=${token}; __Host-Http-sallyport=${token}`]],
    ['a prefix of the token', token => [`Authorization: Bearer ${token.slice(0, -1)}`]],
    ['one letter of the token', token => [`Authorization: Bearer ${token.slice(0, 1)}`]],
    ['more than the token', token => [`Authorization: Bearer ${token}A`]],
    ['the token with padding', token => [`Authorization: Bearer ${token}=`]],
    ['the token twice', token => [`Authorization: Bearer ${token} ${token}`]],
    ['the token and a parameter', token => [`Authorization: Bearer ${token}, realm=x`]],
    ['the token in other case', token => [`Authorization: Bearer ${swapCase(token)}`]],
    ['the token in quotes', token => [`Authorization: Bearer "${token}"`]],
    ['the id of the token', () => ['Authorization: Bearer ops']],
    ['the name of a member', () => ['Authorization: Bearer __proto__']],
    ['a strange token of the same length', () => [`Authorization: Bearer ${makeToken()}`]],
    ['a long one', () => [`Authorization: Bearer ${'A'.repeat(12_000)}`]],
    ['bytes beyond ASCII', token => [`Authorization: Bearer ${token}\u00e4`]],
  ]
  for (const [what, lines] of hostile) {
    it(`is refused: ${what}`, async () => {
      const response = await send(lines(admin.token))

      assert.deepEqual(outcomeOf(response), unauthorized)
      assert.deepEqual(response.all('www-authenticate'), ['Bearer'])
      assert.equal(response.header('retry-after'), undefined)
      assert.equal(admin.sessions.asked, 0)
    })
  }

  it('learns nothing of what is there: every path and method gets the same answer', async () => {
    const requests = [
      `GET ${target}`,
      `DELETE /admin/sessions/${sessionId}`,
      'DELETE /admin/sessions/other',
      'POST /nowhere',
      'GET /a/../b',
      'GET /admin/sessions',
    ]
    const answers = await Promise.all(requests.map(request => send(['X-Request-Id: the-same-one'], request)))

    for (const answer of answers) {
      assert.deepEqual(outcomeOf(answer), unauthorized)
      assert.equal(answer.body, answers[0]?.body)
    }
    assert.equal(admin.sessions.asked, 0)
  })

  it('is 400 with two Authorization lines, the right one among them or not', async () => {
    const right = `Authorization: Bearer ${admin.token}`
    const wrong = 'Authorization: Bearer wrong'

    for (const lines of [
      [right, wrong],
      [wrong, right],
      [right, right],
    ])
      assert.deepEqual(outcomeOf(await send(lines)), [400, 'bad_request'])

    assert.equal(admin.sessions.asked, 0)
    assert.deepEqual(
      admin.audit.map(({ reason, key_id }) => [reason, key_id]),
      Array(3).fill(['repeated_header', undefined]),
    )
  })
})

describe('a page that calls', () => {
  const pages = [
    ['another site', ['Sec-Fetch-Site: cross-site', 'Origin: https://evil.test']],
    ['a sibling', ['Sec-Fetch-Site: same-site']],
    ['a page of this very port, its name rebound', ['Sec-Fetch-Site: same-origin']],
    ['an old browser', ['Origin: https://evil.test']],
    ['a page without an origin', ['Origin: null']],
  ] as const
  for (const [who, lines] of pages) {
    it(`is refused even with the token: ${who}`, async () => {
      const response = await send([`Authorization: Bearer ${admin.token}`, ...lines])

      assert.deepEqual(outcomeOf(response), [403, 'cross_site_refused'])
      assert.equal(response.header('access-control-allow-origin'), undefined)
      assert.equal(admin.sessions.asked, 0)
    })
  }

  it('gets no permission by a preflight', async () => {
    const response = await send(['Origin: https://evil.test', 'Access-Control-Request-Method: DELETE'], `OPTIONS ${target}`)

    assert.deepEqual(outcomeOf(response), [403, 'cross_site_refused'])
    assert.deepEqual(
      response.lines.filter(([name]) => name.toLowerCase().startsWith('access-control')),
      [],
    )
  })
})

describe('who guesses', () => {
  const guess = () => send([`Authorization: Bearer ${makeToken()}`])

  it('is told to slow down after a few wrong tokens, and the second after is told again that they are wrong', async () => {
    const statuses: number[] = []
    for (let i = 0; i < 7; i++) statuses.push((await guess()).status)
    const refused = await guess()
    admin.clock.nowMs += 1000
    const later = await guess()

    assert.deepEqual(statuses, [401, 401, 401, 401, 401, 429, 429])
    assert.deepEqual([...outcomeOf(refused), refused.header('retry-after')], [429, 'too_many_requests', '1'])
    assert.deepEqual(outcomeOf(later), unauthorized)
    assert.equal(admin.audit.filter(line => line.code === 'too_many_requests').length, 3)
  })

  it('keeps no administrator out', async () => {
    for (let i = 0; i < 10; i++) await guess()

    const response = await send([`Authorization: Bearer ${admin.token}`], `DELETE /admin/sessions/${sessionId}`)

    assert.equal(response.status, 204)
    assert.deepEqual(admin.sessions.living, [])
  })

  it('is not who forgot the token, or has none to try', async () => {
    for (let i = 0; i < 10; i++) await send(i % 2 === 0 ? [] : ['Authorization: Bearer '])

    assert.deepEqual(outcomeOf(await guess()), unauthorized)
  })
})

describe('bytes that are no call', () => {
  const authorization = () => `Authorization: Bearer ${admin.token}`

  it('are answered and the connection closed', async () => {
    const junk = [
      'hello\r\n\r\n',
      '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
      `GET ${target} HTTP/1.1\r\nHost: a\r\nAuthorization : Bearer x\r\n\r\n`,
      `GET ${target} HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`,
      `GET ${target} HTTP/1.1\r\nHost: a\nX: y\r\n\r\n`,
    ]

    for (const bytes of junk) {
      const text = await sendRaw(admin.port, bytes)

      assert.match(text, /^HTTP\/1\.1 4(00|31) /)
      assert.match(text, /\r\nCache-Control: no-store\r\n/)
      assert.match(text, /\r\nX-Content-Type-Options: nosniff\r\n/)
    }
    assert.equal(admin.sessions.asked, 0)
    assert.equal((await send([authorization()])).status, 200)
  })

  it('are refused where they have two readings', async () => {
    const requests = [
      ['GET /admin//sessions', []],
      ['GET /admin/./sessions', []],
      [`DELETE /admin/sessions/x/../${sessionId}`, []],
      [`DELETE /admin/sessions/x/%2e%2e/${sessionId}`, []],
      [`DELETE /admin/sessions/${sessionId}#x`, []],
      [`DELETE /admin\\sessions/${sessionId}`, []],
      [`GET http://admin${target}`, []],
      [`GET ${target}`, ['Transfer-Encoding: gzip, chunked']],
      [`GET ${target}`, ['Host: other']],
    ] as const

    for (const [requestLine, lines] of requests) {
      const response = await send([authorization(), ...lines], requestLine)

      assert.equal(response.status, 400, requestLine)
    }
    assert.equal(admin.sessions.asked, 0)
  })

  it('are no second call when they came as the body of the first', async () => {
    const inner = `DELETE /admin/sessions/${sessionId} HTTP/1.1\r\nHost: admin\r\n${authorization()}\r\n\r\n`
    const socket = await openSocket(admin.port)
    socket.write(
      `GET ${target} HTTP/1.1\r\nHost: admin\r\n${authorization()}\r\nContent-Length: ${inner.length}\r\n\r\n${inner}` +
        `GET /nowhere HTTP/1.1\r\nHost: admin\r\n${authorization()}\r\nConnection: close\r\n\r\n`,
    )

    const answers = responses(await readToEnd(socket))

    assert.deepEqual(
      answers.map(({ status }) => status),
      [200, 404],
    )
    assert.equal(admin.sessions.living.length, 1)
  })
})

function swapCase(text: string): string {
  return [...text].map(letter => (letter === letter.toUpperCase() ? letter.toLowerCase() : letter.toUpperCase())).join('')
}
