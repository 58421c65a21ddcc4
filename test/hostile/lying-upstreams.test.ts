import assert from 'node:assert/strict'
import { connect, type Socket } from 'node:net'
import { describe, it } from 'node:test'
import { eventually } from '../support/eventually.ts'
import { exchangeRaw, firstResponse, openSocket, responses, sendRaw } from '../support/raw-http.ts'
import { host, startRequestPath } from '../support/request-path.ts'
import { answerHead, type SocketUpstream, startSocketUpstream } from '../support/upstream.ts'

type Test = { after(run: () => unknown): void }

const timeouts = { connect: '200ms', headers: '300ms', idle: '300ms' }

async function start(t: Test, onData: (socket: Socket, received: string) => void, route: Record<string, unknown> = {}) {
  const upstream = await startSocketUpstream(onData)
  const path = await startRequestPath({ routes: [{ path: '/', upstream: upstream.origin, access: 'anyone', timeouts, ...route }] })
  t.after(async () => {
    await path.close()
    await upstream.close()
  })
  return { upstream, path, get: (target = '/x') => exchangeRaw(path.port, `GET ${target} HTTP/1.1\r\nHost: ${host}`) }
}

/** Every connection that the gateway holds to an upstream is let go. */
async function allClosed(upstream: SocketUpstream): Promise<void> {
  await Promise.all([...upstream.sockets].map(socket => new Promise<void>(resolve => socket.once('close', () => resolve()))))
}

const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

describe('an upstream that is not there', () => {
  it('PXY-12 refuses connections: 502 upstream_unreachable', async t => {
    const { path, upstream, get } = await start(t, () => {})
    await upstream.close()

    const response = await get()

    assert.equal(`${response.status} ${response.header('sallyport-error')}`, '502 upstream_unreachable')
    assert.equal(path.errors.length, 1)
  })

  it('PXY-12 leaves the client its connection, with a body on the way as well', async t => {
    const { path, upstream } = await start(t, () => {})
    await upstream.close()
    const body = 'x'.repeat(4 * 1024 * 1024)

    const text = await sendRaw(
      path.port,
      `POST / HTTP/1.1\r\nHost: ${host}\r\nContent-Length: ${body.length}\r\n\r\n${body}GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`,
    )

    assert.deepEqual(
      responses(text).map(response => response.status),
      [502, 502],
    )
  })

  it('PXY-12 has no address: 502 upstream_unreachable', async t => {
    const path = await startRequestPath({
      routes: [{ path: '/', upstream: 'http://nowhere.invalid', access: 'anyone', timeouts: { connect: '2s' } }],
    })
    t.after(() => path.close())

    const response = await exchangeRaw(path.port, `GET / HTTP/1.1\r\nHost: ${host}`)

    assert.match(response.header('sallyport-error') ?? '', /^upstream_(unreachable|timeout)$/)
  })
})

describe('an upstream that breaks off before it answers', () => {
  const before: [string, (socket: Socket) => void][] = [
    ['closes at once', socket => socket.end()],
    ['resets', socket => socket.resetAndDestroy()],
    ['closes in mid-head', socket => socket.end('HTTP/1.1 200 OK\r\nContent-Le')],
    ['speaks another protocol', socket => socket.end('SSH-2.0-OpenSSH_9.2\r\n')],
    ['answers HTTP/0.9', socket => socket.end('<html>hello</html>')],
    ['sends a bad header name', socket => socket.write('HTTP/1.1 200 OK\r\nBad Name: x\r\nContent-Length: 2\r\n\r\nok')],
    ['sends a bare CR in a header', socket => socket.write('HTTP/1.1 200 OK\r\nX: a\rSet-Cookie: b=c\r\nContent-Length: 2\r\n\r\nok')],
    ['sends a bare LF in the head', socket => socket.write('HTTP/1.1 200 OK\nX: a\n\nok')],
    ['folds a header', socket => socket.write('HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 2\r\n\r\nok')],
    ['sends NUL in a header', socket => socket.write('HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 2\r\n\r\nok')],
    ['sends two lengths', socket => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok!')],
    [
      'sends a length and chunks',
      socket => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n'),
    ],
    ['sends no number for a length', socket => socket.write('HTTP/1.1 200 OK\r\nContent-Length: two\r\n\r\nok')],
    ['sends a head without end', socket => socket.write(`HTTP/1.1 200 OK\r\nX: ${'x'.repeat(40_000)}`)],
    [
      'switches protocols unasked',
      socket => socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n'),
    ],
    ['sends a status that is none', socket => socket.write('HTTP/1.1 042 Odd\r\nContent-Length: 0\r\n\r\n')],
    ['continues unasked', socket => socket.write('HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')],
  ]
  for (const [what, lie] of before) {
    it(`PXY-12 MSG-11 ${what}: 502 upstream_invalid_response, and nothing of it is shown`, async t => {
      const { upstream, get } = await start(t, (socket, received) => {
        if (received.endsWith('\r\n\r\n')) lie(socket)
      })

      const response = await get()

      assert.equal(`${response.status} ${response.header('sallyport-error')}`, '502 upstream_invalid_response')
      assert.equal(response.header('set-cookie'), undefined)
      await allClosed(upstream)
    })
  }

  it('PXY-13 is asked once, whatever the method', async t => {
    const { upstream, path, get } = await start(t, socket => socket.resetAndDestroy())

    await get()
    await exchangeRaw(path.port, `POST / HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 2`, 'hi')

    assert.equal(upstream.accepted(), 2)
  })
})

describe('an upstream that is slow', () => {
  it('PXY-12 never answers: 504 upstream_timeout, and the connection is let go', async t => {
    const { upstream, get } = await start(t, () => {})
    const startedAt = performance.now()

    const response = await get()

    assert.equal(`${response.status} ${response.header('sallyport-error')}`, '504 upstream_timeout')
    assert.ok(performance.now() - startedAt < 3000)
    await allClosed(upstream)
  })

  it('PXY-12 drips its head: 504 upstream_timeout', async t => {
    const { get } = await start(t, socket => {
      const drip = setInterval(() => socket.write('x'), 50)
      socket.once('close', () => clearInterval(drip))
      socket.write('HTTP/1.1 200 OK\r\nX: ')
    })

    assert.equal((await get()).header('sallyport-error'), 'upstream_timeout')
  })

  it('PXY-12 A-119 sends interim answers instead: 504 in time, 502 when there are many', async t => {
    const interim = 'HTTP/1.1 102 Processing\r\n\r\n'
    const slow = await start(t, socket => {
      const drip = setInterval(() => socket.write(interim), 100)
      socket.once('close', () => clearInterval(drip))
    })
    const flood = await start(t, answerHead(interim.repeat(1000)))

    assert.equal((await slow.get()).header('sallyport-error'), 'upstream_timeout')
    assert.equal((await flood.get()).header('sallyport-error'), 'upstream_invalid_response')
  })

  it('PXY-12 PXY-14 stands still in mid-answer: the answer is cut, not ended', async t => {
    const { path, upstream } = await start(t, answerHead('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart'))

    const text = await sendRaw(path.port, `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`)

    assert.equal(firstResponse(text).isComplete, false)
    assert.equal(path.outcomes[0]?.result, 'cut')
    await allClosed(upstream)
  })
})

describe('an upstream that breaks off in mid-answer', () => {
  const cuts: [string, string, (socket: Socket) => void][] = [
    ['a length', 'Content-Length: 100\r\n\r\npart', socket => socket.end()],
    ['a length, with a reset', 'Content-Length: 100\r\n\r\npart', socket => socket.resetAndDestroy()],
    ['chunks', 'Transfer-Encoding: chunked\r\n\r\n4\r\npart\r\n', socket => socket.end()],
    ['a chunk', 'Transfer-Encoding: chunked\r\n\r\n9\r\npart', socket => socket.resetAndDestroy()],
    ['chunks, with nonsense', 'Transfer-Encoding: chunked\r\n\r\n4\r\npart\r\nzz\r\n', () => {}],
  ]
  for (const [what, rest, cut] of cuts) {
    it(`PXY-14 A-119 within ${what}: the client sees that it is not whole`, async t => {
      const { path } = await start(t, (socket, received) => {
        if (received.endsWith('\r\n\r\n')) socket.write(`HTTP/1.1 200 OK\r\n${rest}`, () => setImmediate(cut, socket))
      })

      const text = await sendRaw(path.port, `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`)

      assert.equal(firstResponse(text).isComplete, false, text)
      assert.equal(path.outcomes[0]?.result, 'cut')
    })
  }

  it('PXY-14 is cut with a reset for HTTP/1.0, to which an end is an end', async t => {
    const { path } = await start(t, (socket, received) => {
      if (received.endsWith('\r\n\r\n'))
        socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n', () => setTimeout(() => socket.destroy(), 20))
    })
    const socket = connect(path.port, '127.0.0.1')
    socket.write(`GET / HTTP/1.0\r\nHost: ${host}\r\n\r\n`)
    socket.resume()

    const error = await new Promise<Error | null>(resolve => {
      socket.once('error', resolve)
      socket.once('end', () => resolve(null))
    })

    assert.equal((error as NodeJS.ErrnoException | null)?.code, 'ECONNRESET')
  })
})

describe('an upstream that sends more than it should', () => {
  it('A-119 MSG-11 reaches only the one who asked: what follows an answer is no answer to the next', async t => {
    const poison = 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\nSet-Cookie: evil=1\r\n\r\npoison'
    let answers = 0
    const { upstream, get } = await start(t, (socket, received) => {
      if (received.endsWith('\r\n\r\n')) socket.write(answers++ === 0 ? ok + poison : ok)
    })

    const first = await get()
    const second = await get()
    const third = await get()

    assert.deepEqual([first.body, second.body, third.body], ['ok', 'ok', 'ok'])
    assert.equal(second.header('set-cookie'), undefined)
    assert.ok(upstream.accepted() >= 2, 'the poisoned connection was used again')
  })

  it('A-119 sends a body where none belongs: HEAD, 204 and 304 stay without', async t => {
    const { upstream, path } = await start(t, (socket, received) => {
      const status = received.startsWith('HEAD') ? 200 : received.includes('/204') ? 204 : 304
      if (received.endsWith('\r\n\r\n')) socket.write(`HTTP/1.1 ${status} X\r\nContent-Length: 4\r\n\r\nbody`)
    })
    for (const [line, status] of [
      ['HEAD /x', 200],
      ['GET /204', 204],
      ['GET /304', 304],
    ] as const) {
      const text = await sendRaw(path.port, `${line} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
      assert.match(text, new RegExp(`^HTTP/1\\.1 ${status} `))
      assert.ok(text.endsWith('\r\n\r\n'), text)
    }
    assert.equal(upstream.accepted(), 3)
  })

  it('MSG-11 cannot put a second answer into ours', async t => {
    const { path } = await start(t, answerHead(`HTTP/1.1 200 Fine\rX: y\r\nContent-Length: 2\r\n\r\nok`))
    const split = await start(t, answerHead(`HTTP/1.1 302 Found\r\nLocation: /a%0d%0aSet-Cookie:%20x=y\r\nContent-Length: 0\r\n\r\n`))

    const first = await sendRaw(path.port, `GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
    const second = await split.get()

    assert.equal(responses(first).length, 1)
    assert.equal(second.header('set-cookie'), undefined)
    assert.equal(second.header('location'), '/a%0d%0aSet-Cookie:%20x=y')
  })
})

describe('a busy upstream', () => {
  it('PXY-12 has requests wait for a connection, some of them, and not for ever', async t => {
    const { path } = await start(t, () => {}, { timeouts: { connect: '1s', headers: '400ms', idle: '1s' } })
    const answers = await Promise.all(Array.from({ length: 400 }, () => exchangeRaw(path.port, `GET / HTTP/1.1\r\nHost: ${host}`)))

    const codes = Map.groupBy(answers, answer => answer.header('sallyport-error'))
    assert.deepEqual([...codes.keys()].toSorted(), ['upstream_busy', 'upstream_timeout'])
    assert.ok((codes.get('upstream_timeout')?.length ?? 0) >= 64)
    // 64 have a connection and 256 may wait for one; the rest are told at once, and of those who wait most in the end.
    assert.ok((codes.get('upstream_busy')?.length ?? 0) > 400 - 64 - 256)
    assert.equal(codes.get('upstream_busy')?.[0]?.header('retry-after'), '2')
  })
  it('PXY-12 tells those at once who come when too many wait already', async t => {
    const { path } = await start(t, () => {}, { timeouts: { connect: '1s', headers: '1h', idle: '1h' } })
    const codes: (string | undefined)[] = []
    const sockets = await Promise.all(Array.from({ length: 64 + 256 + 10 }, () => openSocket(path.port)))
    for (const socket of sockets) {
      socket.write(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
      socket.on('data', data => codes.push(firstResponse(String(data)).header('sallyport-error')))
    }

    await eventually(() => codes.length === 10)

    assert.deepEqual(new Set(codes), new Set(['upstream_busy']))
    for (const socket of sockets) socket.destroy()
  })
})
