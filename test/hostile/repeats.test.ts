import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { describe, it } from 'node:test'
import { eventually } from '../support/eventually.ts'
import { exchangeRaw, openSocket } from '../support/raw-http.ts'
import { host, startRequestPath } from '../support/request-path.ts'
import { type SocketUpstream, startSocketUpstream, startUpstream } from '../support/upstream.ts'

type Test = { after(run: () => unknown): void }

const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
const timeouts = { connect: '1s', headers: '1s', idle: '1s' }

/** How many requests a connection has brought, by its request lines. */
const count = (received: string) => received.match(/^[A-Z]+ \S+ HTTP\/1\.1\r$/gm)?.length ?? 0

/** A server that answers the first request of each connection and does `fail` with the second. */
const staleAfterOne = (fail: (socket: Socket) => void) => (socket: Socket, received: string) => {
  if (count(received) > 1) fail(socket)
  else if (received.endsWith('\r\n\r\n')) socket.write(ok)
}

async function start(t: Test, upstreams: readonly SocketUpstream[]) {
  const path = await startRequestPath({
    routes: [{ path: '/', upstream: upstreams.map(upstream => upstream.origin), access: 'anyone', timeouts }],
  })
  t.after(async () => {
    await path.close()
    await Promise.all(upstreams.map(upstream => upstream.close()))
  })
  const ask = (line: string, body = '') =>
    exchangeRaw(path.port, `${line} HTTP/1.1\r\nHost: ${host}${body === '' ? '' : `\r\nContent-Length: ${body.length}`}`, body)
  return { path, ask }
}

/** An address at which nobody listens. */
async function startClosed(): Promise<SocketUpstream> {
  const upstream = await startSocketUpstream(() => {})
  await upstream.close()
  return { ...upstream, close: async () => {} }
}

describe('a kept connection that the upstream closes as it is used again', () => {
  const ends: [string, (socket: Socket) => void][] = [
    ['a reset', socket => socket.resetAndDestroy()],
    ['an end', socket => socket.end()],
  ]
  for (const [how, end] of ends) {
    for (const method of ['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE']) {
      it(`PXY-13 fails no ${method}, with ${how}: it is sent once more, over a new connection`, async t => {
        const upstream = await startSocketUpstream(staleAfterOne(end))
        const { ask } = await start(t, [upstream])

        const first = await ask('GET /first')
        const second = await ask(`${method} /second`)

        assert.deepEqual([first.status, second.status], [200, 200])
        assert.deepEqual(upstream.received.map(count), [2, 1])
      })
    }
  }

  it('PXY-13 fails no request when others are as stale: none of them is used for the second try', async t => {
    const held = new Map<string, Socket[]>()
    const upstream = await startSocketUpstream((socket, received) => {
      const target = received.slice(received.lastIndexOf('GET ')).split(' ')[1] ?? ''
      if (target === '/second' && count(received) === 1) socket.write(ok)
      else held.set(target, [...(held.get(target) ?? []), socket])
    })
    const { ask } = await start(t, [upstream])
    const areHeld = (target: string, times: number) => eventually(() => held.get(target)?.length === times)
    const answer = (target: string) => {
      for (const socket of held.get(target) ?? []) socket.write(ok)
    }
    const first = [ask('GET /first'), ask('GET /first')]
    await areHeld('/first', 2)
    answer('/first')
    await Promise.all(first)
    // The one connection is busy when the other is used again, and free when that one fails.
    const busy = ask('GET /busy')
    await areHeld('/busy', 1)
    const second = ask('GET /second')
    await areHeld('/second', 1)
    answer('/busy')
    await busy

    held.get('/second')?.[0]?.resetAndDestroy()

    assert.equal((await second).status, 200)
    assert.deepEqual(upstream.received.map(count), [2, 2, 1])
  })

  it('PXY-13 fails a POST, which may have been done: it is not sent again', async t => {
    const upstream = await startSocketUpstream(staleAfterOne(socket => socket.resetAndDestroy()))
    const { ask } = await start(t, [upstream])

    await ask('GET /first')
    const second = await ask('POST /second')

    assert.equal(`${second.status} ${second.header('sallyport-error')}`, '502 upstream_invalid_response')
    assert.deepEqual(upstream.received.map(count), [2])
  })

  it('PXY-13 fails a PUT whose body is on its way: nobody has kept that', async t => {
    const upstream = await startSocketUpstream((socket, received) => {
      if (received.includes('PUT')) socket.resetAndDestroy()
      else if (received.endsWith('\r\n\r\n')) socket.write(ok)
    })
    const { ask } = await start(t, [upstream])

    await ask('GET /first')
    const second = await ask('PUT /second', 'body')

    assert.equal(second.header('sallyport-error'), 'upstream_invalid_response')
    assert.equal(upstream.accepted(), 1)
  })

  it('PXY-13 fails a request that fails a second time', async t => {
    const upstream = await startSocketUpstream((socket, received) => {
      if (received.includes('/first')) staleAfterOne(other => other.resetAndDestroy())(socket, received)
      else socket.resetAndDestroy()
    })
    const { ask, path } = await start(t, [upstream])

    await ask('GET /first')
    const second = await ask('GET /second')

    assert.equal(second.header('sallyport-error'), 'upstream_invalid_response')
    assert.equal(upstream.accepted(), 2)
    assert.equal(path.errors.length, 1)
  })

  it('PXY-13 fails a request that had begun to be answered, be it by a hint', async t => {
    for (const begun of ['H', 'HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n', 'HTTP/1.1 200 OK\r\nContent-Le']) {
      const upstream = await startSocketUpstream(staleAfterOne(socket => socket.end(begun)))
      const { ask } = await start(t, [upstream])

      await ask('GET /first')
      const second = await ask('GET /second')

      assert.equal(second.header('sallyport-error'), 'upstream_invalid_response', begun)
      assert.equal(upstream.accepted(), 1, begun)
    }
  })

  it('PXY-13 is not a slow upstream: what takes too long is not asked for again', async t => {
    const upstream = await startSocketUpstream(staleAfterOne(() => {}))
    const { ask } = await start(t, [upstream])

    await ask('GET /first')
    const second = await ask('GET /second')

    assert.equal(second.header('sallyport-error'), 'upstream_timeout')
    assert.equal(upstream.accepted(), 1)
  })

  it('leaves nothing behind: after hundreds of second tries there is room for all requests', async t => {
    const upstream = await startSocketUpstream(staleAfterOne(socket => socket.resetAndDestroy()))
    const { ask } = await start(t, [upstream])
    const statuses = new Set<number>()
    const client = async () => {
      for (let i = 0; i < 80; i++) statuses.add((await ask('GET /')).status)
    }

    // More than may be at an upstream at one time, so that one that is not counted off would fill it.
    await Promise.all(Array.from({ length: 10 }, client))

    assert.deepEqual(statuses, new Set([200]))
    assert.ok(upstream.accepted() > 350, `${upstream.accepted()} connections`)
  })

  it('PXY-14 ends the second try too when the client leaves', async t => {
    const upstream = await startSocketUpstream((socket, received) => {
      if (received.includes('/first')) staleAfterOne(other => other.resetAndDestroy())(socket, received)
    })
    const { ask, path } = await start(t, [upstream])
    await ask('GET /first')
    const socket = await openSocket(path.port)
    socket.write(`GET /second HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
    await eventually(() => upstream.received[1]?.includes('/second'))

    socket.destroy()

    const [left] = upstream.sockets
    if (left !== undefined) await once(left, 'close')
    assert.deepEqual(path.outcomes.at(-1), { result: 'client_left', status: null })
  })
})

describe('a new connection that ends without an answer', () => {
  const reset = (socket: Socket) => void socket.resetAndDestroy()
  const answer = (socket: Socket, received: string) => void (received.endsWith('\r\n\r\n') && socket.write(ok))

  it('PXY-13 sends an idempotent request to another address, and to the same one never', async t => {
    const [bad, good] = await Promise.all([startSocketUpstream(reset), startSocketUpstream(answer)])
    const { ask } = await start(t, [bad, good])

    const response = await ask('GET /')

    assert.equal(response.status, 200)
    assert.deepEqual([bad.accepted(), good.accepted()], [1, 1])
  })

  it('PXY-13 sends no POST anywhere else', async t => {
    const [bad, good] = await Promise.all([startSocketUpstream(reset), startSocketUpstream(answer)])
    const { ask } = await start(t, [bad, good])

    const response = await ask('POST /', 'order')

    assert.equal(response.header('sallyport-error'), 'upstream_invalid_response')
    assert.deepEqual([bad.accepted(), good.accepted()], [1, 0])
  })

  it('PXY-13 sends nothing a third time', async t => {
    const upstreams = await Promise.all([reset, reset, answer].map(onData => startSocketUpstream(onData)))
    const { ask } = await start(t, upstreams)

    const response = await ask('GET /')

    assert.equal(response.header('sallyport-error'), 'upstream_invalid_response')
    assert.deepEqual(
      upstreams.map(upstream => upstream.accepted()),
      [1, 1, 0],
    )
  })
})

describe('an address that refuses connections', () => {
  for (const method of ['GET', 'POST', 'PATCH']) {
    it(`PXY-13 has a ${method} go to another one, its body whole: nothing of it was sent`, async t => {
      const upstream = await startUpstream()
      const path = await startRequestPath({
        routes: [{ path: '/', upstream: [(await startClosed()).origin, upstream.origin], access: 'anyone' }],
      })
      t.after(async () => {
        await path.close()
        await upstream.close()
      })
      const body = method === 'GET' ? '' : 'x'.repeat(200_000)

      const response = await exchangeRaw(path.port, `${method} /orders HTTP/1.1\r\nHost: ${host}\r\nContent-Length: ${body.length}`, body)

      assert.equal(response.status, 200)
      assert.deepEqual(
        upstream.requests.map(request => [request.method, request.url, request.body.length]),
        [[method, '/orders', body.length]],
      )
    })
  }

  it('PXY-13 is told of, when there is no other', async t => {
    const { ask } = await start(t, [await startClosed()])

    assert.equal((await ask('GET /')).header('sallyport-error'), 'upstream_unreachable')
  })
})
