import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { describe, it } from 'node:test'
import { exchangeRaw } from '../support/raw-http.ts'
import { host, startRequestPath } from '../support/request-path.ts'
import { startSocketUpstream } from '../support/upstream.ts'

type Test = { after(run: () => unknown): void }

/** The gateway in front of some addresses, with a clock of its own. */
async function start(
  t: Test,
  addresses: readonly string[],
  timeouts = { connect: '1s', headers: '2s', idle: '2s' },
  lookUp = () => Promise.resolve(),
) {
  let now = 1_000_000
  const path = await startRequestPath({ routes: [{ path: '/', upstream: addresses, access: 'anyone', timeouts }], now: () => now, lookUp })
  t.after(() => path.close())
  const get = () => exchangeRaw(path.port, `GET / HTTP/1.1\r\nHost: ${host}`)
  return {
    path,
    get,
    /** The statuses of so many requests, one after the other. */
    async getMany(times: number) {
      const statuses: number[] = []
      for (let i = 0; i < times; i++) statuses.push((await get()).status)
      return statuses
    },
    advance(ms: number) {
      now += ms
    },
    changes: () => path.lines.map(line => `${line.level} ${line.event} ${line.upstream}`),
  }
}

/** A server that takes every connection and lets none come about: TLS is spoken to it, and it closes. */
async function startUnconnectable(t: Test, onConnection: (socket: Socket, accepted: number) => void = socket => socket.destroy()) {
  const upstream = await startSocketUpstream(() => {})
  t.after(() => upstream.close())
  upstream.server.on('connection', socket => onConnection(socket, upstream.accepted()))
  return { address: upstream.origin.replace('http:', 'https:'), attempts: upstream.accepted }
}

/** Holds requests until so many are there, so that all are sent on at once. */
function gather(count: number): () => Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  let there = 0
  return () => {
    there++
    if (there === count) resolve()
    return promise
  }
}

/** A server that can be stopped and started again at the same port. */
async function startRestartable(t: Test) {
  let server: Server | undefined
  let port = 0
  let requests = 0
  const up = async () => {
    server = createServer((_req, res) => {
      requests++
      res.end('ok')
    })
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
    port = (server.address() as AddressInfo).port
  }
  const down = async () => {
    server?.closeAllConnections()
    await new Promise(resolve => (server === undefined ? resolve(null) : server.close(resolve)))
    server = undefined
  }
  await up()
  t.after(down)
  return { address: `http://127.0.0.1:${port}`, up, down, requests: () => requests }
}

describe('an address that fails', () => {
  it('is left alone after three connections that did not come about, and the rest does its work', async t => {
    const [bad, good] = await Promise.all([startUnconnectable(t), startRestartable(t)])
    const { getMany, changes, path } = await start(t, [bad.address, good.address])

    const statuses = await getMany(20)

    assert.deepEqual(new Set(statuses), new Set([200]))
    assert.equal(bad.attempts(), 3)
    assert.deepEqual(changes(), [`warn upstream_down ${bad.address}`])
    assert.match(path.lines[0]?.error ?? '', /ECONNRESET|SSL/)
  })

  it('gets one request when its pause is over, and the next after a pause twice as long', async t => {
    const [bad, good] = await Promise.all([startUnconnectable(t), startRestartable(t)])
    const { getMany, advance, changes } = await start(t, [bad.address, good.address], { connect: '10ms', headers: '2s', idle: '2s' })
    await getMany(10)

    const attempts: number[] = []
    for (const ms of [999, 1, 1999, 1, 3999, 1]) {
      advance(ms)
      await getMany(4)
      attempts.push(bad.attempts())
    }

    assert.deepEqual(attempts, [3, 4, 4, 5, 5, 6])
    assert.equal(changes().length, 1)
  })

  it('is never left alone for longer than half a minute', async t => {
    const bad = await startUnconnectable(t)
    const { get, advance } = await start(t, [bad.address])
    for (let i = 0; i < 20; i++) {
      await get()
      advance(3_600_000)
    }
    const before = bad.attempts()
    await get()
    advance(30_000)
    await get()

    assert.equal(bad.attempts(), before + 2)
  })

  it('is used again when it can be reached', async t => {
    const [one, other] = await Promise.all([startRestartable(t), startRestartable(t)])
    const { getMany, advance, changes } = await start(t, [one.address, other.address])

    await one.down()
    const without = await getMany(10)
    await one.up()
    advance(1000)
    const again = await getMany(10)

    assert.deepEqual(new Set([...without, ...again]), new Set([200]))
    assert.ok(one.requests() >= 4, `${one.requests()} of 10`)
    assert.deepEqual(changes(), [`warn upstream_down ${one.address}`, `warn upstream_up ${one.address}`])
  })

  it('is not one whose answers are errors, late or broken: they may be the request’s fault', async t => {
    const upstream = await startSocketUpstream((socket, received) => {
      if (received.includes('/late')) return
      if (received.includes('/broken')) socket.resetAndDestroy()
      else socket.write('HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n')
    })
    t.after(() => upstream.close())
    const { path, changes } = await start(t, [upstream.origin], { connect: '1s', headers: '20ms', idle: '1s' })

    const statuses: number[] = []
    for (const target of ['/late', '/broken', '/error']) {
      const answers = await Promise.all(Array.from({ length: 5 }, () => exchangeRaw(path.port, `GET ${target} HTTP/1.1\r\nHost: ${host}`)))
      statuses.push(...new Set(answers.map(answer => answer.status)))
    }

    assert.deepEqual(statuses, [504, 502, 500])
    assert.deepEqual(changes(), [])
  })
})

describe('an upstream of which every address fails', () => {
  it('is told of at once, with the time to come again, and nobody connects', async t => {
    const [one, other] = await Promise.all([startUnconnectable(t), startUnconnectable(t)])
    const { getMany, get, path } = await start(t, [one.address, other.address])
    await getMany(10)
    const before = [one.attempts(), other.attempts()]

    const response = await get()

    assert.equal(`${response.status} ${response.header('sallyport-error')}`, '502 upstream_unreachable')
    assert.equal(response.header('retry-after'), '1')
    assert.equal((path.errors.at(-1) as { reason?: string }).reason, 'addresses_out')
    assert.deepEqual(before, [3, 3])
    assert.deepEqual([one.attempts(), other.attempts()], before)
  })

  it('is known to all its routes, and to requests for event streams', async t => {
    const bad = await startUnconnectable(t)
    const route = { upstream: bad.address, access: 'anyone' }
    const path = await startRequestPath({
      routes: [
        { ...route, path: '/', timeouts: { connect: '3s' } },
        { ...route, path: '/other' },
      ],
    })
    t.after(() => path.close())
    const ask = (target: string, more = '') => exchangeRaw(path.port, `GET ${target} HTTP/1.1\r\nHost: ${host}${more}`)
    for (let i = 0; i < 3; i++) await ask('/')

    const answers = [await ask('/other'), await ask('/', '\r\nAccept: text/event-stream')]

    assert.deepEqual(
      answers.map(answer => answer.header('retry-after')),
      ['1', '1'],
    )
    assert.equal(bad.attempts(), 3)
  })

  it('meets no storm: those who waited for a connection do not each try one', async t => {
    const waiting: Socket[] = []
    const bad = await startUnconnectable(t, (socket, accepted) => {
      waiting.push(socket)
      // As many as may connect at a time.
      if (accepted === 64) for (const one of waiting) one.destroy()
      else if (accepted > 64) socket.destroy()
    })
    const gathered = gather(200)
    const { get } = await start(t, [bad.address], undefined, gathered)

    const answers = await Promise.all(Array.from({ length: 200 }, get))

    assert.deepEqual(new Set(answers.map(answer => answer.header('sallyport-error'))), new Set(['upstream_unreachable']))
    // Two more may have begun while the first two failures were no outage yet.
    assert.ok(bad.attempts() <= 66, `${bad.attempts()} connections`)
  })

  it('PXY-12 is tried by one request at a time, and is there again for all when that one gets through', async t => {
    const server = await startRestartable(t)
    const { get, getMany, advance } = await start(t, [server.address])
    await server.down()
    await getMany(5)
    const out = await get()
    await server.up()
    advance(1000)

    const answers = await Promise.all([get(), get(), get()])
    const after = await getMany(5)

    assert.equal(out.header('retry-after'), '1')
    assert.equal(server.requests(), answers.filter(answer => answer.status === 200).length + 5)
    assert.equal(
      answers.some(answer => answer.status === 200),
      true,
    )
    assert.deepEqual(new Set(after), new Set([200]))
  })
})

describe('requests to an upstream with several addresses', () => {
  it('are spread evenly when they come one after the other', async t => {
    const servers = await Promise.all([startRestartable(t), startRestartable(t), startRestartable(t)])
    const { getMany } = await start(
      t,
      servers.map(server => server.address),
    )

    await getMany(12)

    assert.deepEqual(
      servers.map(server => server.requests()),
      [4, 4, 4],
    )
  })

  it('go to the address that has the fewest', async t => {
    const held: (() => void)[] = []
    const slow = createServer((_req, res) => void held.push(() => res.end('slow')))
    slow.listen(0, '127.0.0.1')
    await once(slow, 'listening')
    t.after(() => slow.close())
    const quick = await startRestartable(t)
    const { get, getMany } = await start(t, [`http://127.0.0.1:${(slow.address() as AddressInfo).port}`, quick.address])
    const waiting = get()
    while (held.length === 0) await new Promise(resolve => setImmediate(resolve))

    await getMany(10)

    assert.deepEqual([held.length, quick.requests()], [1, 10])
    held[0]?.()
    assert.equal((await waiting).body, 'slow')
  })
})
