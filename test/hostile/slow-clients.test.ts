import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { RequestListener, Server } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { describe, it, type TestContext } from 'node:test'
import { closeServer, createPublicServer, type PublicServerOptions, type ServerLimits } from '../../src/listeners.ts'
import { makeCertificate } from '../support/certificate.ts'
import { eventually } from '../support/eventually.ts'
import { startGateway } from '../support/gateway.ts'
import { firstResponse, openSocket, readToEnd } from '../support/raw-http.ts'
import { startSocketUpstream, startUpstream } from '../support/upstream.ts'

const host = 'app.example.test'
const listen = { host: '127.0.0.1', port: 0, trustedProxies: [], maxConnections: 10_000 }
const patient: Partial<ServerLimits> = { headersTimeoutMs: 1500, bodyStalledMs: 1500, answerStalledMs: 1500, checkEveryMs: 50 }

async function serve(
  t: TestContext,
  handler: RequestListener,
  options: PublicServerOptions & { readonly listen?: object } = {},
): Promise<{ server: Server; port: number }> {
  const server = createPublicServer({ ...listen, ...options.listen }, handler, { limits: patient, ...options })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.closeAllConnections()
    return closeServer(server, 0)
  })
  return { server, port: (server.address() as AddressInfo).port }
}

/** The gateway's own handler behind a server of less patience. */
async function serveGateway(t: TestContext, upstream: string, limits: Partial<ServerLimits> = patient) {
  const gateway = await startGateway({ upstream })
  t.after(() => gateway.close())
  return serve(t, gateway.handler, { limits })
}

const connectionsOf = (server: Server) =>
  new Promise<number>((resolve, reject) => server.getConnections((error, count) => (error === null ? resolve(count) : reject(error))))

/** A connection from an address of this machine's own; whatever becomes of it. */
async function connectFrom(port: number, localAddress: string): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', localAddress })
  socket.on('error', () => {})
  await Promise.race([once(socket, 'connect'), once(socket, 'close')])
  return socket
}

describe('five thousand clients that drip', () => {
  it('A-121 MSG-12 are let go one after the other, and others are served meanwhile', { timeout: 60_000 }, async t => {
    const upstream = await startUpstream()
    t.after(() => upstream.close())
    const { server, port } = await serveGateway(t, upstream.origin, { ...patient, headersTimeoutMs: 3000, bodyStalledMs: 1500 })
    const beginnings = [
      'GET / HTTP/1.1\r\nHost: a',
      `POST / HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 100000\r\n\r\n`,
      `POST / HTTP/1.1\r\nHost: ${host}\r\nTransfer-Encoding: chunked\r\n\r\n`,
      '',
    ]
    const drippers: Socket[] = []
    t.after(() => drippers.forEach(socket => void socket.destroy()))
    for (let batch = 0; batch < 50; batch += 1) {
      drippers.push(...(await Promise.all(Array.from({ length: 100 }, () => connectFrom(port, '127.0.0.1')))))
    }
    drippers.forEach((socket, at) => void socket.write(beginnings[at % beginnings.length] ?? ''))
    const dripping = setInterval(() => {
      for (const [at, socket] of drippers.entries()) if (at % beginnings.length === 1 && socket.writable) socket.write('x')
    }, 500)
    t.after(() => clearInterval(dripping))

    let served = 0
    for (let most = await connectionsOf(server); most > 100; most = await connectionsOf(server)) {
      const visitor = await connectFrom(port, '127.0.0.2')
      visitor.write(`POST /other HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi`)
      assert.equal(firstResponse(await readToEnd(visitor)).status, 200)
      served += 1
    }

    assert.ok(served > 0)
    await eventually(async () => (await connectionsOf(server)) === 0, 30_000)
  })
})

describe('a body', () => {
  it('MSG-12 of which hardly anything comes is answered 408, and its upstream let go', { timeout: 20_000 }, async t => {
    const upstream = await startSocketUpstream(() => {})
    t.after(() => upstream.close())
    const { port } = await serveGateway(t, upstream.origin)
    const client = await openSocket(port)
    client.write(`POST / HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 100000\r\n\r\nx`)
    const dripping = setInterval(() => client.writable && client.write('x'), 100)
    t.after(() => clearInterval(dripping))

    const answer = firstResponse(await readToEnd(client))

    assert.deepEqual([answer.status, answer.header('sallyport-error'), answer.header('connection')], [408, 'request_timeout', 'close'])
    await eventually(() => upstream.accepted() === 1 && upstream.sockets.size === 0)
  })

  it('MSG-12 that a refused client goes on dripping keeps no socket', { timeout: 20_000 }, async t => {
    const { server, port } = await serve(t, (_req, res) => res.writeHead(403, { 'content-length': '0' }).end())
    const client = await openSocket(port)
    client.write(`POST / HTTP/1.1\r\nHost: ${host}\r\nTransfer-Encoding: chunked\r\n\r\n`)
    const dripping = setInterval(() => client.writable && client.write('1\r\nx\r\n'), 100)
    t.after(() => clearInterval(dripping))

    const text = await readToEnd(client)

    assert.equal(firstResponse(text).status, 403)
    await eventually(async () => (await connectionsOf(server)) === 0)
  })

  it('MSG-12 may take as long as it likes while it comes', { timeout: 30_000 }, async t => {
    const upstream = await startUpstream()
    t.after(() => upstream.close())
    const { port } = await serveGateway(t, upstream.origin, { ...patient, minBodyBytes: 20 })
    const client = await openSocket(port)
    client.write(`POST / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n`)
    const startedAt = performance.now()

    // Longer than all that is counted here together.
    while (performance.now() - startedAt < 4000) {
      client.write('a\r\n0123456789\r\n')
      await new Promise(resolve => setTimeout(resolve, 50))
    }
    client.write('0\r\n\r\n')

    assert.equal(firstResponse(await readToEnd(client)).status, 200)
  })

  it('PXY-15 waits for an upstream that is slow to take it', { timeout: 20_000 }, async t => {
    const size = 8 * 1024 * 1024
    const startedAt = performance.now()
    const upstream = await startSocketUpstream(() => {})
    upstream.server.on('connection', async (socket: Socket) => {
      socket.pause()
      await eventually(() => performance.now() - startedAt > 1500)
      socket.resume()
      await eventually(() => socket.bytesRead > size)
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
    })
    t.after(() => upstream.close())
    const { port } = await serveGateway(t, upstream.origin, { ...patient, bodyStalledMs: 500 })
    const client = await openSocket(port)

    client.write(`POST / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\nContent-Length: ${size}\r\n\r\n`)
    client.write(Buffer.alloc(size, 'x'))

    assert.equal(firstResponse(await readToEnd(client)).status, 200)
  })

  it('A-121 that drips holds no connection that others need, small or large', { timeout: 20_000 }, async t => {
    const upstream = await startUpstream()
    t.after(() => upstream.close())
    const { port } = await serveGateway(t, upstream.origin, { ...patient, bodyStalledMs: 60_000 })
    const drippers = await Promise.all(Array.from({ length: 200 }, () => openSocket(port)))
    t.after(() => drippers.forEach(socket => void socket.destroy()))
    for (const [at, socket] of drippers.entries())
      socket.write(`POST / HTTP/1.1\r\nHost: ${host}\r\nContent-Length: ${at % 2 === 0 ? 1000 : 1_000_000}\r\n\r\nx`)

    for (const [method, body] of [
      ['GET', ''],
      ['POST', 'hi'],
    ]) {
      const other = await openSocket(port)
      other.write(`${method} / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\nContent-Length: ${body?.length}\r\n\r\n${body}`)
      assert.equal(firstResponse(await readToEnd(other)).status, 200, method)
    }
    assert.equal(upstream.requests.length, 2)
  })

  it('MSG-12 with chunk extensions without end is refused', async t => {
    const { port } = await serve(t, req => void req.resume())
    const client = await openSocket(port)

    client.write(`POST / HTTP/1.1\r\nHost: ${host}\r\nTransfer-Encoding: chunked\r\n\r\n1;${'x'.repeat(64 * 1024)}`)

    assert.equal(firstResponse(await readToEnd(client)).status, 400)
  })
})

describe('an answer', () => {
  it('MSG-12 that is written and that nobody takes costs the client its connection', { timeout: 20_000 }, async t => {
    const { server, port } = await serve(t, (_req, res) => res.end(Buffer.alloc(32 * 1024 * 1024)))
    const client = await openSocket(port)
    client.pause()

    client.write(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`)

    await eventually(async () => (await connectionsOf(server)) === 1)
    await eventually(async () => (await connectionsOf(server)) === 0)
    client.destroy()
  })

  it('MSG-12 of an event stream that nobody reads ends after timeouts.idle, and its upstream is let go', { timeout: 30_000 }, async t => {
    let open = 0
    const upstream = await startUpstream((_req, res) => {
      open += 1
      res.once('close', () => {
        open -= 1
      })
      res.writeHead(200, { 'content-type': 'text/event-stream' })
      const event = `data: ${'x'.repeat(60_000)}\n\n`
      const timer = setInterval(() => !res.writableNeedDrain && res.write(event), 1)
      res.once('close', () => clearInterval(timer))
    })
    const routes = [{ path: '/', upstream: upstream.origin, access: 'anyone', timeouts: { idle: '500ms' } }]
    const gateway = await startGateway({ config: { routes } })
    t.after(() => Promise.all([gateway.close(), upstream.close()]))
    const client = await openSocket(gateway.port)
    client.pause()

    client.write(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`)

    await eventually(() => open === 1)
    await eventually(() => open === 0)
    const cut = await eventually(() => gateway.lines.find(line => line.event === 'answer_cut'))
    assert.match(String(cut.error), /^upstream_timeout/)
    client.destroy()
  })
})

describe('a TLS handshake', () => {
  it('MSG-12 that does not come costs a socket for seconds only', { timeout: 20_000 }, async t => {
    const { cert, key } = makeCertificate()
    const { server, port } = await serve(t, () => assert.fail('no request came'), {
      listen: { tls: { cert: Buffer.from(cert), key: Buffer.from(key) } },
    })
    const client = await openSocket(port)

    assert.equal(await readToEnd(client), '')
    await eventually(async () => (await connectionsOf(server)) === 0)
  })
})

describe('listen.maxConnections', () => {
  it('MSG-12 leaves one address half of them, and room for others', async t => {
    let refused = 0
    const { server, port } = await serve(t, (_req, res) => res.end('ok'), {
      listen: { maxConnections: 10 },
      onRefused: () => {
        refused += 1
      },
    })
    const held = await Promise.all(Array.from({ length: 5 }, () => connectFrom(port, '127.0.0.1')))
    t.after(() => held.forEach(socket => void socket.destroy()))
    await eventually(async () => (await connectionsOf(server)) === 5)

    for (let turn = 0; turn < 2; turn += 1) assert.equal(await readToEnd(await connectFrom(port, '127.0.0.1')), '')
    const other = await connectFrom(port, '127.0.0.2')
    other.write(`GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)

    assert.equal(firstResponse(await readToEnd(other)).status, 200)
    assert.equal(refused, 1)
    held.pop()?.destroy()
    await eventually(async () => (await connectionsOf(server)) === 4)
    const again = await connectFrom(port, '127.0.0.1')
    again.write(`GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
    assert.equal(firstResponse(await readToEnd(again)).status, 200)
  })

  it('MSG-12 is for all addresses together, and lets go of connections that nobody uses', async t => {
    const { server, port } = await serve(t, (_req, res) => res.end('ok'), { listen: { maxConnections: 10, trustedProxies: ['127.0.0.1'] } })
    const kept = await Promise.all(Array.from({ length: 10 }, () => connectFrom(port, '127.0.0.1')))
    t.after(() => kept.forEach(socket => void socket.destroy()))
    // Each has had its answer, and is kept for another.
    for (const socket of kept) {
      socket.write(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
      await once(socket, 'data')
    }
    assert.equal(await connectionsOf(server), 10)

    assert.equal(await readToEnd(await connectFrom(port, '127.0.0.1')), '')

    await eventually(async () => (await connectionsOf(server)) === 0)
    const next = await connectFrom(port, '127.0.0.1')
    next.write(`GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
    assert.equal(firstResponse(await readToEnd(next)).status, 200)
  })
})
