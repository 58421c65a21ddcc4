import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { eventually } from '../support/eventually.ts'
import { startGateway } from '../support/gateway.ts'
import { openSocket, readToEnd, responses } from '../support/raw-http.ts'
import { startUpstream } from '../support/upstream.ts'

// What happened: Node's parser stops behind a request with Upgrade, whether or not anybody follows it, and throws away
// what came in the same piece; then it goes on reading. A request that a client or a proxy had sent behind it was never
// answered, or, where only its head was in that piece, its body was read as a request of its own: smuggled, past
// whatever judges requests in front of us.
// What holds it now: the answer to a request with Upgrade is the last on its connection.
const key = 'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n'

async function start(t: TestContext) {
  const upstream = await startUpstream()
  const gateway = await startGateway({ upstream: upstream.origin })
  t.after(() => Promise.all([gateway.close(), upstream.close()]))
  return { gateway, upstream }
}

describe('a request with an Upgrade that nobody follows', () => {
  const asked = [
    ['another protocol', 'GET', 'Upgrade: h2c\r\n', ''],
    ['WebSocket, with a body', 'POST', `Upgrade: websocket\r\n${key}Content-Length: 5\r\n`, 'hello'],
    ['WebSocket, with a body in chunks', 'POST', `Upgrade: websocket\r\n${key}Transfer-Encoding: chunked\r\n`, '5\r\nhello\r\n0\r\n\r\n'],
  ]
  for (const [what, method, lines, body] of asked) {
    it(`MSG-09 is answered, and nothing behind it is read: ${what}`, async t => {
      const { gateway, upstream } = await start(t)
      const client = await openSocket(gateway.port)
      const smuggled = `GET /smuggled HTTP/1.1\r\nHost: ${gateway.host}\r\n\r\n`
      const behind = `POST /behind HTTP/1.1\r\nHost: ${gateway.host}\r\nContent-Length: ${smuggled.length}\r\n\r\n`

      client.write(`${method} /first HTTP/1.1\r\nHost: ${gateway.host}\r\nConnection: Upgrade\r\n${lines}\r\n${body}${behind}`)
      const whole = readToEnd(client)
      await eventually(() => client.bytesRead > 0)
      client.write(smuggled)

      const seen = responses(await whole)
      assert.deepEqual(
        seen.map(one => [one.status, one.header('connection')]),
        [[200, 'close']],
      )
      assert.deepEqual(
        upstream.requests.map(({ url }) => url),
        ['/first'],
      )
    })
  }
})
