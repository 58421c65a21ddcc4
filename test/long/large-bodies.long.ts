import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable, type Writable } from 'node:stream'
import { finished, pipeline } from 'node:stream/promises'
import { after, before, describe, it } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { type Cluster, startCluster } from '../support/cluster.ts'
import { eventually } from '../support/eventually.ts'
import { assertFlat, describeMemory, tell } from '../support/memory-growth.ts'
import type { MemoryUse } from '../support/memory-witness.ts'
import type { Visitor } from '../support/visitor.ts'

const gibibyte = 1024 ** 3
const chunkBytes = 64 * 1024
/** After this much the reader stops, until nothing moves any more. */
const stallAt = 64 * 1024 ** 2
// What may be under way when the reader stops: buffers of three programs and of the system between them.
const mostUnderWay = 32 * 1024 ** 2
// A gateway that kept the body would have grown by a thousand. The first transfer makes room for the next.
const bounds = { heapMiB: 16, rssMiB: 160 }
const limit = { timeout: 180_000 }

let upstream: Server
let cluster: Cluster
let visitor: Visitor
let serve: (req: IncomingMessage, res: ServerResponse) => void

before(async () => {
  upstream = createServer((req, res) => serve(req, res)).listen(0, '127.0.0.1')
  await once(upstream, 'listening')
  const origin = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`
  const route = { path: '/files', upstream: origin, access: 'signed-in', kind: 'api', token: 'access', limits: { body: '2GiB' } }
  cluster = await startCluster({ replicas: 1, isWatched: true, routes: [route] })
  visitor = (await cluster.arrive()).at(0)
})

after(async () => {
  upstream?.closeAllConnections()
  upstream?.close()
  await cluster?.close()
})

describe('a body of 1 GiB, for a reader that is slow and at times does not read at all', () => {
  it('PXY-15 goes up whole, at flat memory', limit, async () => {
    const reading = readSlowly()
    serve = (req, res) => void reading.read(req).then(hash => res.end(hash))
    const asked = ask('PUT')
    const sent = writeBody(asked)
    const [response, body] = await watch('upload', reading, sent.bytes, async () => {
      const [answer] = (await once(asked, 'response')) as [IncomingMessage]
      return [answer, await textOf(answer)] as const
    })

    assert.equal(response.statusCode, 200)
    assert.equal(body, await sent.hash)
    assert.equal(reading.bytes(), gibibyte)
  })

  it('PXY-15 comes down whole, at flat memory', limit, async () => {
    const reading = readSlowly()
    const { promise, resolve } = Promise.withResolvers<ReturnType<typeof writeBody>>()
    let sentBytes = () => 0
    serve = (_req, res) => {
      const sent = writeBody(res)
      sentBytes = sent.bytes
      resolve(sent)
    }
    const asked = ask('GET').end()
    const received = await watch(
      'download',
      reading,
      () => sentBytes(),
      async () => {
        const [answer] = (await once(asked, 'response')) as [IncomingMessage]
        assert.equal(answer.statusCode, 200)
        return reading.read(answer)
      },
    )

    assert.equal(received, await (await promise).hash)
    assert.equal(reading.bytes(), gibibyte)
  })
})

function ask(method: 'PUT' | 'GET') {
  const { port, host } = cluster.at(0)
  const cookie = [...visitor.jar].map(([name, value]) => `${name}=${value}`).join('; ')
  const site = { 'sec-fetch-site': 'same-origin', 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty' }
  return request({ host: '127.0.0.1', port, method, path: '/files/1', headers: { host, cookie, ...site }, agent: false })
}

/** Writes a gibibyte in which no two chunks are the same. */
function writeBody(to: Writable) {
  const hash = createHash('sha256')
  let bytes = 0
  const { promise, resolve } = Promise.withResolvers<string>()
  function* chunks() {
    for (let number = 0; bytes < gibibyte; number += 1) {
      const chunk = Buffer.alloc(chunkBytes, number % 251)
      chunk.writeUInt32BE(number)
      hash.update(chunk)
      bytes += chunk.length
      yield chunk
    }
    resolve(hash.digest('hex'))
  }
  // Who is cut off fails at the other end.
  pipeline(Readable.from(chunks(), { objectMode: false }), to).catch(() => {})
  return { bytes: () => bytes, hash: promise }
}

/** A reader that stops after a while until it is told to go on, and takes its time later too. */
function readSlowly() {
  let bytes = 0
  const stalled = Promise.withResolvers<void>()
  const goingOn = Promise.withResolvers<void>()
  return {
    bytes: () => bytes,
    stalled: stalled.promise,
    goOn: () => goingOn.resolve(),
    async read(from: Readable): Promise<string> {
      const hash = createHash('sha256')
      from.on('data', (chunk: Buffer) => {
        const isStall = bytes < stallAt && bytes + chunk.length >= stallAt
        const isPause = Math.floor(bytes / 2 ** 20) % 8 === 7
        hash.update(chunk)
        bytes += chunk.length
        if (isStall) {
          from.pause()
          stalled.resolve()
          void goingOn.promise.then(() => from.resume())
        } else if (isPause) {
          from.pause()
          setImmediate(() => from.resume())
        }
      })
      await finished(from)
      return hash.digest('hex')
    },
  }
}

/** Lets a transfer run, sees the writer held back while the reader does not read, and the gateway's memory flat all the while. */
async function watch<Result>(
  what: string,
  reading: ReturnType<typeof readSlowly>,
  sentBytes: () => number,
  transfer: () => Promise<Result>,
): Promise<Result> {
  const gateway = cluster.at(0)
  const before = await gateway.memory('settle')
  let highest: MemoryUse = before
  let isOver = false
  const looking = (async () => {
    while (!isOver) {
      const now = await gateway.memory('look')
      if (now.rssBytes > highest.rssBytes) highest = now
    }
  })()
  const startedAt = performance.now()
  const done = transfer()
  try {
    await Promise.race([reading.stalled, done])
    const underWay = (await whenStill(sentBytes)) - reading.bytes()
    tell(what, `${(underWay / 2 ** 20).toFixed(1)} MiB under way while nobody reads`)
    assert.ok(underWay < mostUnderWay, `${underWay} bytes under way`)
    reading.goOn()
    await done
  } finally {
    isOver = true
    await looking
  }
  tell(what, `${((performance.now() - startedAt) / 1000).toFixed(1)} s, at most ${describeMemory(highest)}`)
  assert.ok(highest.rssBytes - before.rssBytes < bounds.rssMiB * 2 ** 20, `${what}: at most ${describeMemory(highest)}`)
  assertFlat(what, before, await gateway.memory('settle'), bounds)
  return done
}

/** The number once it has not changed for a while: the writer waits. */
async function whenStill(bytes: () => number): Promise<number> {
  let last = -1
  await eventually(async () => {
    const seen = last
    last = bytes()
    await wait(500)
    return seen === last
  })
  return last
}

async function textOf(from: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of from) text += chunk
  return text
}
