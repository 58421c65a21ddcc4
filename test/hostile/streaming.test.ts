import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { RequestListener, ServerResponse } from 'node:http'
import { describe, it } from 'node:test'
import { exchangeRaw, firstResponse, openSocket, readToEnd, readUntil, responses, sendRaw } from '../support/raw-http.ts'
import { host, startRequestPath } from '../support/request-path.ts'
import { startSocketUpstream, startUpstream } from '../support/upstream.ts'

type Test = { after(run: () => unknown): void }

async function start(t: Test, answer: RequestListener, route: Record<string, unknown> = {}) {
  const upstream = await startUpstream(answer)
  const path = await startRequestPath({ routes: [{ path: '/', upstream: upstream.origin, access: 'anyone', ...route }] })
  t.after(async () => {
    await path.close()
    await upstream.close()
  })
  return { upstream, path }
}

const head = (line: string, headers = '') => `${line} HTTP/1.1\r\nHost: ${host}\r\n${headers}`

describe('an answer', () => {
  it('PXY-15 is passed on as it comes: an event stream event by event, and is not idle for standing still', async t => {
    let send: ((event: string) => void) | undefined
    const { path } = await start(
      t,
      (_req, res) => {
        res.writeHead(200, { 'content-type': 'text/event-stream' })
        res.flushHeaders()
        send = event => res.write(`data: ${event}\n\n`)
      },
      { timeouts: { idle: '100ms' } },
    )
    const socket = await openSocket(path.port)
    socket.write(head('GET /', 'Accept: text/event-stream\r\n\r\n'))

    await readUntil(socket, text => text.includes('\r\n\r\n'))
    // Longer than the idle timeout, which event streams do not have.
    await new Promise(resolve => setTimeout(resolve, 300))
    for (const event of ['one', 'two']) {
      send?.(event)
      await readUntil(socket, text => text.includes(`data: ${event}\n\n`))
    }
    assert.equal(path.outcomes.length, 0)
    socket.destroy()
  })

  it('PXY-15 waits in the upstream while the client does not read: what is held here is bounded', async t => {
    const megabyte = Buffer.alloc(1024 * 1024, 'x')
    const total = 200 * megabyte.length
    let written = 0
    const { path } = await start(t, (_req, res) => {
      res.writeHead(200, { 'content-length': total })
      const fill = () => {
        while (written < total) {
          written += megabyte.length
          if (!res.write(megabyte)) return void res.once('drain', fill)
        }
        res.end()
      }
      fill()
    })
    const socket = await openSocket(path.port)
    socket.pause()
    socket.write(head('GET /', '\r\n'))

    // Until nothing has moved for a while: kernel buffers and ours are full.
    let last = -1
    while (last !== written) {
      last = written
      await new Promise(resolve => setTimeout(resolve, 200))
    }

    assert.ok(written < 40 * megabyte.length, `${written / megabyte.length} MiB left the upstream`)
    socket.destroy()
  })

  it('PXY-12 that the client does not go on reading is cut after the idle timeout', async t => {
    let gone: Promise<unknown> | undefined
    const { path } = await start(
      t,
      (_req, res) => {
        gone = once(res, 'close')
        res.write(Buffer.alloc(64 * 1024 * 1024))
      },
      { timeouts: { idle: '200ms' } },
    )
    const socket = await openSocket(path.port)
    socket.pause()
    socket.write(head('GET /', '\r\n'))

    while (gone === undefined) await new Promise(resolve => setImmediate(resolve))
    await gone
    assert.equal(path.outcomes[0]?.result, 'cut')
    socket.destroy()
  })

  it('PXY-14 of an upstream is given up when the client leaves', async t => {
    let gone: Promise<unknown> | undefined
    const { path } = await start(t, (_req, res) => {
      gone = once(res, 'close')
      res.write('first')
    })
    const socket = await openSocket(path.port)
    socket.write(head('GET /', '\r\n'))
    await readUntil(socket, text => text.includes('first'))

    socket.destroy()

    await gone
    assert.deepEqual(path.outcomes, [{ result: 'client_left', status: 200 }])
  })

  it('PXY-14 is not waited for when the client leaves before it has begun', async t => {
    let arrived: (() => void) | undefined
    const there = new Promise<void>(resolve => {
      arrived = resolve
    })
    let gone: Promise<unknown> | undefined
    const { path } = await start(t, (_req, res) => {
      gone = once(res, 'close')
      arrived?.()
    })
    const socket = await openSocket(path.port)
    socket.write(head('GET /', '\r\n'))
    await there

    socket.destroy()

    await gone
    assert.deepEqual(path.outcomes, [{ result: 'client_left', status: null }])
  })

  it('PXY-14 to a pipelined request is given up too, although another answer goes before it', async t => {
    const answers: ServerResponse[] = []
    const { path } = await start(t, (_req, res) => {
      answers.push(res)
      res.write(Buffer.alloc(32 * 1024 * 1024))
    })
    const socket = await openSocket(path.port)
    socket.pause()
    socket.write(head('GET /1', '\r\n') + head('GET /2', '\r\n'))
    // Both stand still: the first because nobody reads it, the second because it is not its turn.
    for (let last = -1, moved = 0; last !== moved || answers.length < 2; ) {
      last = moved
      await new Promise(resolve => setTimeout(resolve, 100))
      moved = answers.reduce((sum, res) => sum + (res.socket?.bytesWritten ?? 0) - res.writableLength, 0)
    }
    const closed = answers.map(res => once(res, 'close'))

    socket.destroy()

    await Promise.all(closed)
    assert.deepEqual(
      path.outcomes.map(outcome => outcome.result),
      ['client_left', 'client_left'],
    )
  })

  it('keeps its trailers and early hints', async t => {
    const { path } = await start(t, (_req, res) => {
      res.writeEarlyHints({ link: ['</a.css>; rel=preload; as=style', '</b.js>; rel=preload; as=script'] })
      res.writeHead(200, { trailer: 'grpc-status' })
      res.write('body')
      res.addTrailers({ 'grpc-status': '0', 'set-cookie': 'a=b' })
      res.end()
    })

    const text = await sendRaw(path.port, head('GET /', 'Connection: close\r\n\r\n'))
    const [hints, answer] = responses(text)

    assert.equal(hints?.status, 103)
    assert.match(hints?.header('link') ?? '', /a\.css.*b\.js/)
    assert.equal(answer?.body, 'body')
    assert.deepEqual(answer?.trailers, [['grpc-status', '0']])
  })

  it('has no body for HEAD, 204 and 304, and keeps its length for HEAD', async t => {
    const { path } = await start(t, (req, res) => {
      res.writeHead(req.url === '/204' ? 204 : req.url === '/304' ? 304 : 200, req.method === 'HEAD' ? { 'content-length': 1234 } : {})
      res.end()
    })

    const answer = await sendRaw(
      path.port,
      head('HEAD /x', '\r\n') + head('GET /204', '\r\n') + head('GET /304', 'Connection: close\r\n\r\n'),
    )

    assert.deepEqual(
      [...answer.matchAll(/^HTTP\/1\.1 (\d+)/gm)].map(found => found[1]),
      ['200', '204', '304'],
    )
    assert.match(answer, /content-length: 1234/i)
    assert.ok(answer.endsWith('\r\n\r\n'))
  })

  it('PXY-08 that redirects is passed on, not followed', async t => {
    const elsewhere = await startUpstream()
    t.after(() => elsewhere.close())
    const { path } = await start(t, (_req, res) => {
      res.writeHead(307, { location: `${elsewhere.origin}/stolen` })
      res.end()
    })

    const response = await exchangeRaw(path.port, head('GET /').trimEnd())

    assert.equal(response.status, 307)
    assert.equal(response.header('location'), `${elsewhere.origin}/stolen`)
    assert.deepEqual(elsewhere.requests, [])
  })

  it('PXY-08 that names its own origin names ours, with what was taken off the path', async t => {
    const { path } = await start(
      t,
      (req, res) => {
        const self = `http://${req.headers.host}`
        res.writeHead(201, { location: `${self}/orders/7`, 'content-location': `${self}/orders/7?v=1`, link: `<${self}/>` })
        res.end()
      },
      { path: '/api', stripPrefix: true },
    )

    const response = await exchangeRaw(path.port, head('POST /api/orders').trimEnd())

    assert.equal(response.header('location'), `https://${host}/api/orders/7`)
    assert.equal(response.header('content-location'), `https://${host}/api/orders/7?v=1`)
  })

  it('goes to HTTP/1.0 without chunks', async t => {
    const { path } = await start(t, (_req, res) => {
      res.write('a')
      res.end('b')
    })

    const text = await sendRaw(path.port, `GET / HTTP/1.0\r\nHost: ${host}\r\n\r\n`)

    assert.ok(text.endsWith('\r\n\r\nab'), text)
  })
})

describe('a body', () => {
  it('PXY-18 that announces more than the route takes is refused before it is read', async t => {
    const { path, upstream } = await start(t, (_req, res) => res.end(), { limits: { body: '1KiB' } })
    const socket = await openSocket(path.port)
    socket.write(head('POST /', 'Content-Length: 1025\r\n\r\n'))

    const text = await readUntil(socket, text => text.includes('body_too_large"'))

    assert.equal(firstResponse(text).status, 413)
    assert.match(firstResponse(text).header('connection') ?? '', /close/)
    assert.equal(upstream.requests.length, 0)
    socket.destroy()
  })

  it('PXY-18 in chunks is refused as soon as it is too large, and the upstream is let go', async t => {
    const upstream = await startSocketUpstream(() => {})
    const path = await startRequestPath({ routes: [{ path: '/', upstream: upstream.origin, access: 'anyone', limits: { body: '64KiB' } }] })
    t.after(async () => {
      await path.close()
      await upstream.close()
    })
    const socket = await openSocket(path.port)
    socket.write(head('POST /', 'Transfer-Encoding: chunked\r\n\r\n'))
    const pump = setInterval(() => socket.write(`4000\r\n${'x'.repeat(0x4000)}\r\n`), 2)
    t.after(() => clearInterval(pump))

    const text = await readUntil(socket, text => text.includes('body_too_large"'))
    clearInterval(pump)

    assert.equal(firstResponse(text).status, 413)
    await readToEnd(socket)
    assert.ok((upstream.received[0] ?? '').length < 80_000)
    while (upstream.sockets.size > 0) await once([...upstream.sockets][0] ?? socket, 'close')
  })

  it('PXY-18 of just the size that the route takes passes', async t => {
    const { path, upstream } = await start(t, (_req, res) => res.end(), { limits: { body: '1KiB' } })

    const response = await exchangeRaw(path.port, head('POST /', 'Content-Length: 1024'), 'x'.repeat(1024))

    assert.equal(response.status, 200)
    assert.equal(upstream.requests[0]?.body.length, 1024)
  })

  it('PXY-15 waits in the client while the upstream does not read', async t => {
    const upstream = await startSocketUpstream(socket => socket.pause())
    const path = await startRequestPath({ routes: [{ path: '/', upstream: upstream.origin, access: 'anyone', limits: { body: '1GiB' } }] })
    t.after(async () => {
      await path.close()
      await upstream.close()
    })
    const socket = await openSocket(path.port)
    const megabyte = Buffer.alloc(1024 * 1024, 'x')
    socket.write(head('PUT /', `Content-Length: ${200 * megabyte.length}\r\n\r\n`))

    let sent = 0
    while (sent < 200 && socket.write(megabyte)) sent++
    for (let last = -1; last !== sent; ) {
      last = sent
      await Promise.race([once(socket, 'drain'), new Promise(resolve => setTimeout(resolve, 300))])
      while (!socket.writableNeedDrain && sent < 200) {
        sent++
        socket.write(megabyte)
      }
    }

    assert.ok(sent < 40, `${sent} MiB were taken`)
    socket.destroy()
  })

  it('PXY-14 whose client leaves in the middle is cut for the upstream', async t => {
    const upstream = await startSocketUpstream(() => {})
    const path = await startRequestPath({ routes: [{ path: '/', upstream: upstream.origin, access: 'anyone' }] })
    t.after(async () => {
      await path.close()
      await upstream.close()
    })
    const socket = await openSocket(path.port)
    socket.write(head('POST /', 'Content-Length: 20000\r\n\r\npart'))
    while (!upstream.received[0]?.includes('part')) await new Promise(resolve => setImmediate(resolve))

    socket.destroy()

    while (upstream.sockets.size > 0) await once([...upstream.sockets][0] ?? socket, 'close')
    assert.ok(upstream.received[0]?.endsWith('part'))
    assert.deepEqual(path.outcomes, [{ result: 'client_left', status: null }])
  })

  it('that the upstream answers before its end is answered, and the connection lives on', async t => {
    const upstream = await startSocketUpstream((socket, received) => {
      if (received.endsWith('first part')) socket.write('HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno')
      else if (received.startsWith('GET')) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nyes')
    })
    const path = await startRequestPath({ routes: [{ path: '/', upstream: upstream.origin, access: 'anyone' }] })
    t.after(async () => {
      await path.close()
      await upstream.close()
    })
    const socket = await openSocket(path.port)
    socket.write(head('POST /', 'Content-Length: 20000\r\n\r\nfirst part'))

    const early = firstResponse(await readUntil(socket, text => text.endsWith('no')))
    socket.write(`${'x'.repeat(19_990)}${head('GET /', '\r\n')}`)
    const next = firstResponse(await readUntil(socket, text => text.endsWith('yes')))

    assert.equal(early.status, 403)
    assert.equal(early.header('sallyport-error'), undefined)
    assert.equal(next.body, 'yes')
    socket.destroy()
  })
})
