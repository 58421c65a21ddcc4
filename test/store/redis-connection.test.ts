import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { describe, it, type TestContext } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { promisify } from 'node:util'
import { createRedisStore } from '../../src/store/redis.ts'
import { livedMs } from '../support/lived-time.ts'
import { startRedis } from '../support/redis-server.ts'
import { listenToStore } from '../support/store-events.ts'
import { isUnavailable, newId } from './store-under-test.ts'

const run = promisify(execFile)

describe('the connection to Redis', { concurrency: true }, () => {
  it('gives up on a server that accepts and says nothing', async t => {
    const { store, events } = open(t, await startServer(t, () => {}))

    await events.until('down')

    await assert.rejects(() => store.ping(), isUnavailable)
    assert.deepEqual(events.told, ['down: no answer in time'])
  })

  it('gives up on a server that is none of Redis', async t => {
    const { store, events } = open(t, await startServer(t, socket => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n')))

    await events.until('down')

    await assert.rejects(() => store.ping(), isUnavailable)
  })

  // After an answer that makes no sense, the next one could be taken for that of another question: one
  // person's session for another's.
  it('gives nobody an answer that comes after one that cannot be read', async t => {
    let questions = 0
    const url = await startServer(t, (socket, text) => {
      if (text.includes('HELLO')) return socket.write('%1\r\n$6\r\nserver\r\n$5\r\nredis\r\n')
      questions += text.split('MGET').length - 1
      if (questions < 3) return
      socket.write('@what is this\r\n')
      setTimeout(() => socket.write('*2\r\n$1\r\na\r\n$1\r\nb\r\n'.repeat(3)), 50)
    })
    const { store, events } = open(t, url)
    await events.until('up')

    const reads = await Promise.allSettled(Array.from({ length: 3 }, () => store.readFamily(newId(), '0')))

    for (const read of reads) assert.ok(read.status === 'rejected' && isUnavailable(read.reason))
  })
})

describe('the connection to Redis', () => {
  // A timer would fire before the answer is looked at, which has been there all the time.
  it('does not take a standstill of its own process for one of Redis', async t => {
    const redis = await startRedis()
    t.after(() => redis.stop())
    const { store, events } = open(t, redis.url)
    await events.until('up')

    const reading = store.readFamily(newId(), '0')
    await nextTurn()
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1500)

    assert.deepEqual(await reading, { session: null, vault: null })
    assert.deepEqual(events.told, ['up'])
  })
})

describe('closing the Redis store', { concurrency: true }, () => {
  const redisStore = new URL('../../src/store/redis.ts', import.meta.url).href

  /** Runs a program that must come to its end by itself. */
  async function runToEnd(url: string, body: string): Promise<void> {
    const program = `
      import { createRedisStore } from ${JSON.stringify(redisStore)}
      let onUp, onDown
      const up = new Promise(resolve => (onUp = resolve))
      const down = new Promise(resolve => (onDown = resolve))
      const onEvent = event => (event === 'up' ? onUp() : onDown())
      const store = createRedisStore({ url: process.argv[1], namespace: 'sp', onEvent })
      ${body}
      // A socket that was destroyed needs a turn of the loop to go.
      for (let turn = 0; turn < 3; turn += 1) await new Promise(setImmediate)
      const left = process.getActiveResourcesInfo().filter(name => name === 'Timeout' || name.startsWith('TCP'))
      if (left.length > 0) throw new Error('left behind: ' + left)`
    await run(process.execPath, ['--input-type=module', '--eval', program, url], { timeout: 10_000 })
  }

  it('lets the process end after it was connected', async t => {
    const redis = await startRedis()
    t.after(() => redis.stop())

    await runToEnd(redis.url, 'await up; await store.ping(); await store.close()')
  })

  it('waits for what was asked before', async t => {
    const redis = await startRedis()
    t.after(() => redis.stop())
    const { store, events } = open(t, redis.url)
    await events.until('up')

    const writing = store.putOnce({ kind: 'attempt', id: newId() }, 'value', 60_000)
    await store.close()

    assert.equal(await writing, true)
    assert.equal((await redis.dump()).length, 1)
  })

  it('lets the process end while it connects', async t => {
    await runToEnd(await startServer(t, () => {}), 'await store.close()')
  })

  it('lets the process end between two attempts', async () => {
    const redis = await startRedis()
    await redis.stop()

    await runToEnd(redis.url, 'await down; await store.close()')
  })

  it('does not wait for a frozen Redis longer than for any answer', async t => {
    const redis = await startRedis()
    t.after(() => redis.stop())
    const { store, events } = open(t, redis.url)
    await events.until('up')

    redis.freeze()
    const reading = assert.rejects(async () => store.readFamily(newId(), '0'), isUnavailable)
    const startedAt = livedMs()
    await Promise.all([store.close(), store.close(), reading])

    assert.ok(livedMs() - startedAt < 1500)
  })
})

function open(t: TestContext, url: string) {
  const events = listenToStore()
  const store = createRedisStore({ url, namespace: 'sp', onEvent: events.onEvent })
  t.after(() => store.close())
  return { store, events }
}

/** A server that misbehaves as the test says; gives the URL at which it passes for a Redis. */
async function startServer(t: TestContext, answer: (socket: Socket, text: string) => unknown): Promise<string> {
  const sockets = new Set<Socket>()
  const server = createServer(socket => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('data', data => answer(socket, data.toString()))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const address = server.address()
  assert.ok(address !== null && typeof address !== 'string')
  return `redis://127.0.0.1:${address.port}`
}
