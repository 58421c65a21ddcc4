import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { describe, it } from 'node:test'
import { type EventStream, eventStreamHeaders, openEventStream } from '../../src/http/event-stream.ts'
import { eventually } from '../support/eventually.ts'
import { firstResponse, openSocket, readToEnd, readUntil } from '../support/raw-http.ts'
import { keepAliveMs, makeTurns, type Turns } from '../support/turns.ts'

interface Opened {
  readonly client: Socket
  readonly res: ServerResponse
  readonly stream: EventStream
  readonly turns: Turns
  /** How often the stream was told that it is closed. */
  closed(): number
}

/** A server that answers with one event stream, and a client on a bare socket. */
async function open(t: { after(run: () => unknown): void }): Promise<Opened> {
  const turns = makeTurns()
  const { promise, resolve } = Promise.withResolvers<Opened>()
  const server = createServer((_req, res) => {
    let closed = 0
    res.writeHead(200, eventStreamHeaders)
    const stream = openEventStream(res, { every: turns.every, onClose: () => (closed += 1) })
    resolve({ client, res, stream, turns, closed: () => closed })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close().closeAllConnections())
  const client = await openSocket((server.address() as AddressInfo).port)
  client.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')
  return promise
}

/** Sends until the kernel takes no more, and some of it stays here. */
async function fill({ res, stream }: Opened): Promise<void> {
  const data = { text: 'x'.repeat(64 * 1024) }
  await eventually(async () => {
    stream.send('large', data)
    await new Promise(resolve => setImmediate(resolve))
    return res.writableLength > 1024 * 1024
  })
}

describe('an event stream', () => {
  it('sends each event in one piece, with its data on one line', async t => {
    const { client, stream } = await open(t)

    stream.send('told', { text: 'line\nbreak' })

    assert.ok((await readUntil(client, text => text.includes('told'))).includes('event: told\ndata: {"text":"line\\nbreak"}\n\n'))
  })

  it('is ended whole, with its connection, and sends nothing afterwards', async t => {
    const { client, stream, turns, closed } = await open(t)

    stream.send('last', {})
    stream.end()
    turns.turn(keepAliveMs)

    const { body, isComplete } = firstResponse(await readToEnd(client))
    assert.equal(isComplete, true)
    assert.equal(body, 'retry: 2000\n\nevent: last\ndata: {}\n\n')
    assert.equal(closed(), 1)
    assert.equal(turns.count(), 0)
  })

  it('is kept alive for a client that reads', async t => {
    const { client, res, turns } = await open(t)

    for (const count of [1, 2, 3]) {
      turns.turn(keepAliveMs)
      await readUntil(client, text => text.includes(':\n\n'))
      await eventually(() => res.writableLength === 0)
      assert.equal(res.destroyed, false, `${count}`)
    }
  })

  it('is cut off for a client that does not read, rather than kept for it', async t => {
    const opened = await open(t)
    opened.client.pause()
    await fill(opened)

    opened.turns.turn(keepAliveMs)

    await eventually(() => opened.closed() === 1)
    assert.equal(opened.res.destroyed, true)
    assert.equal(opened.turns.count(), 0)
  })

  it('that has ended waits a second for a client that does not read, no longer', async t => {
    const opened = await open(t)
    opened.client.pause()
    await fill(opened)

    opened.stream.end()

    assert.equal(opened.turns.count(), 0)
    await eventually(() => opened.closed() === 1)
  })

  it('tells once that the client has left', async t => {
    const { client, stream, turns, closed } = await open(t)

    client.destroy()

    await eventually(() => closed() === 1)
    assert.equal(turns.count(), 0)
    stream.send('late', {})
    stream.end()
    await new Promise(resolve => setImmediate(resolve))
    assert.equal(closed(), 1)
  })
})
