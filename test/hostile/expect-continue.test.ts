import assert from 'node:assert/strict'
import type { RequestListener } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, it } from 'node:test'
import { providerConfig, startGateway } from '../support/gateway.ts'
import { openSocket, readToEnd, readUntil, responses } from '../support/raw-http.ts'
import { host, startRequestPath } from '../support/request-path.ts'
import { startSocketUpstream, startUpstream } from '../support/upstream.ts'

type Test = { after(run: () => unknown): void }

async function start(t: Test, route: Record<string, unknown> = {}, answer?: RequestListener) {
  const upstream = await startUpstream(answer)
  const path = await startRequestPath({ routes: [{ path: '/', upstream: upstream.origin, access: 'anyone', ...route }] })
  t.after(async () => {
    await path.close()
    await upstream.close()
  })
  return { upstream, path }
}

/** A client that sends its body when it is told to, as it says that it will. */
async function openWaiting(port: number, line: string, headers: string) {
  const socket = await openSocket(port)
  socket.write(`${line} HTTP/1.1\r\nHost: ${host}\r\nExpect: 100-continue\r\n${headers}\r\n\r\n`)
  return socket
}

/** The statuses of all answers to a client that sends nothing but its head. */
async function statusesWithoutBody(port: number, line: string, headers: string): Promise<number[]> {
  const socket = await openWaiting(port, line, headers)
  const text = await readToEnd(socket)
  return responses(text).map(response => response.status)
}

describe('a client that waits before it sends its body', () => {
  for (const framing of ['Content-Length: 5', 'Transfer-Encoding: chunked']) {
    it(`is told to go on when the upstream is reached, and its body passes: ${framing}`, async t => {
      const { upstream, path } = await start(t)
      const socket = await openWaiting(path.port, 'POST /orders', `Connection: close\r\n${framing}`)

      const told = await readUntil(socket, text => text.endsWith('\r\n\r\n'))
      socket.write(framing.startsWith('C') ? 'order' : '5\r\norder\r\n0\r\n\r\n')
      const rest = await readToEnd(socket)

      assert.equal(told, 'HTTP/1.1 100 Continue\r\n\r\n')
      assert.deepEqual(
        responses(rest).map(response => response.status),
        [200],
      )
      assert.equal(upstream.requests[0]?.body, 'order')
      // It is our connection that it speaks of (RFC 9110 §10.1.1).
      assert.deepEqual(upstream.requests[0]?.all('expect'), [])
    })
  }

  it('sees nothing else when it does not wait after all', async t => {
    const { upstream, path } = await start(t)
    const socket = await openSocket(path.port)
    socket.write(`POST / HTTP/1.1\r\nHost: ${host}\r\nExpect: 100-continue\r\nContent-Length: 5\r\nConnection: close\r\n\r\norder`)

    const statuses = responses(await readToEnd(socket)).map(response => response.status)

    assert.deepEqual(statuses, [100, 200])
    assert.equal(upstream.requests[0]?.body, 'order')
  })

  it('PXY-18 is not asked for a body that is refused: too large, of the wrong method, to no route, or not signed in', async t => {
    const { upstream, path } = await start(t, { methods: ['POST'], limits: { body: '1KiB' }, path: '/orders' })
    const guarded = await start(t, { access: 'signed-in' })

    const refused = await Promise.all([
      statusesWithoutBody(path.port, 'POST /orders', 'Content-Length: 1025'),
      statusesWithoutBody(path.port, 'PUT /orders', 'Content-Length: 5'),
      statusesWithoutBody(path.port, 'POST /else', 'Content-Length: 5'),
      statusesWithoutBody(path.port, 'POST /orders/../x', 'Content-Length: 5'),
      statusesWithoutBody(guarded.path.port, 'POST /', 'Transfer-Encoding: chunked'),
    ])

    assert.deepEqual(refused, [[413], [405], [404], [400], [401]])
    assert.deepEqual([...upstream.requests, ...guarded.upstream.requests], [])
  })

  it('is not asked for a body that nobody takes: the upstream is away', async t => {
    const { upstream, path } = await start(t)
    await upstream.close()

    assert.deepEqual(await statusesWithoutBody(path.port, 'PUT /', 'Content-Length: 5'), [502])
  })

  it('is told of any other expectation that nobody can meet', async t => {
    const { path } = await start(t)
    const socket = await openSocket(path.port)
    socket.write(`POST / HTTP/1.1\r\nHost: ${host}\r\nExpect: 200-ok\r\nContent-Length: 5\r\nConnection: close\r\n\r\n`)

    assert.match(await readToEnd(socket), /^HTTP\/1\.1 417 /)
  })

  it('is not told in HTTP/1.0, which knows no interim answers', async t => {
    const { path } = await start(t)
    const socket = await openSocket(path.port)
    socket.write(`POST / HTTP/1.0\r\nHost: ${host}\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\norder`)

    assert.match(await readToEnd(socket), /^HTTP\/1\.1 200 /)
  })

  it('is told once where the gateway is a guest in a server that has told it already', async t => {
    const upstream = await startUpstream()
    const gateway = await startGateway({ upstream: upstream.origin })
    const server = createServer(gateway.handler)
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    t.after(async () => {
      server.closeAllConnections()
      server.close()
      await gateway.close()
      await upstream.close()
    })
    const socket = await openWaiting((server.address() as AddressInfo).port, 'POST /', 'Content-Length: 5\r\nConnection: close')
    socket.write('order')

    const statuses = responses(await readToEnd(socket)).map(response => response.status)

    assert.deepEqual(statuses, [100, 200])
  })

  it('is told by our own endpoints when they read the body, and not before', async t => {
    const gateway = await startGateway()
    t.after(() => gateway.close())
    const own = `Origin: ${gateway.origin}\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close`
    const socket = await openWaiting(gateway.port, 'POST /auth/logout', own)

    await readUntil(socket, text => text === 'HTTP/1.1 100 Continue\r\n\r\n')
    socket.write('{}')
    const answer = await readToEnd(socket)
    const foreign = await statusesWithoutBody(gateway.port, 'POST /auth/logout', own.replace('application/json', 'text/plain'))

    assert.match(answer, /^HTTP\/1\.1 (200|303|401) /)
    assert.deepEqual(foreign, [400])
  })

  it('is told by the callback when it reads the form, and not before', async t => {
    const gateway = await startGateway({
      config: { identityProviders: { main: { ...providerConfig(undefined), responseMode: 'form_post' } } },
    })
    t.after(() => gateway.close())
    const form = 'Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 7\r\nConnection: close'
    const socket = await openWaiting(gateway.port, 'POST /auth/callback/main', form)

    await readUntil(socket, text => text === 'HTTP/1.1 100 Continue\r\n\r\n')
    socket.write('state=x')
    const answer = await readToEnd(socket)
    const plain = await statusesWithoutBody(
      gateway.port,
      'POST /auth/callback/main',
      form.replace('application/x-www-form-urlencoded', 'text/plain'),
    )

    assert.match(answer, /^HTTP\/1\.1 400 /)
    assert.deepEqual(plain, [400])
  })
})

describe('an upstream that has seen enough', () => {
  it('is heard while the body is still being sent: its 413 is the answer', async t => {
    const upstream = await startSocketUpstream((socket, received) => {
      if (!received.includes('\r\n\r\n')) return
      socket.end('HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 6\r\n\r\nenough')
    })
    const path = await startRequestPath({ routes: [{ path: '/', upstream: upstream.origin, access: 'anyone', limits: { body: '1GiB' } }] })
    t.after(async () => {
      await path.close()
      await upstream.close()
    })
    const socket = await openSocket(path.port)
    const size = 64 * 1024 * 1024
    socket.write(`POST / HTTP/1.1\r\nHost: ${host}\r\nContent-Length: ${size}\r\n\r\n`)
    const piece = Buffer.alloc(64 * 1024, 'x')
    let sent = 0
    const pump = () => {
      while (sent < size && !socket.writableNeedDrain) {
        sent += piece.length
        socket.write(piece)
      }
    }
    socket.on('drain', pump)
    pump()

    const text = await readUntil(socket, seen => seen.endsWith('enough'))

    const [answer] = responses(text)
    assert.equal(answer?.status, 413)
    assert.equal(answer?.header('sallyport-error'), undefined)
    socket.destroy()
  })
})
