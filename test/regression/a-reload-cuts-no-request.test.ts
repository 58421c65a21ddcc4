import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { describe, it } from 'node:test'
import { createRetired } from '../../src/retired.ts'
import { eventually } from '../support/eventually.ts'
import { startGateway } from '../support/gateway.ts'
import { openSocket, readToEnd, readUntil, responses } from '../support/raw-http.ts'
import { makeTurns } from '../support/turns.ts'
import { startUpstream } from '../support/upstream.ts'

// What happened: a minute after a reload the gateway before it was closed, and with its connections all downloads and
// uploads were cut that still ran over them, although requests are to end as they began.
// What holds it now: a gateway that was replaced is asked every minute whether it is busy, and closed when it is not.
const everyMs = 60_000

describe('a gateway whose place another has taken', () => {
  it('serves what it has begun to the end, however long that takes, and is closed then', async t => {
    let answer: ServerResponse | undefined
    const upstream = await startUpstream((_req, res) => {
      answer = res
      res.write('the beginning, ')
    })
    const gateway = await startGateway({ upstream: upstream.origin })
    t.after(() => Promise.all([gateway.close(), upstream.close()]))
    const turns = makeTurns()
    const retired = createRetired(turns.every)
    let closed = 0
    const client = await openSocket(gateway.port)
    client.write(`GET /other HTTP/1.1\r\nHost: ${gateway.host}\r\nConnection: close\r\n\r\n`)
    await readUntil(client, text => text.includes('beginning'))

    gateway.drain()
    retired.add(gateway, async () => {
      closed += 1
    })
    for (let minute = 0; minute < 3; minute += 1) {
      turns.turn(everyMs)
      await new Promise(resolve => setImmediate(resolve))
    }
    answer?.end('and the end')
    const rest = await readToEnd(client)

    assert.match(rest, /and the end/)
    assert.equal(closed, 0)
    await eventually(() => !gateway.isBusy())
    turns.turn(everyMs)
    await eventually(() => closed === 1)
    assert.equal(turns.count(), 0)
  })

  it('is closed at the end of the program, whatever it still does', async t => {
    const upstream = await startUpstream((_req, res) => void res.write('the beginning, '))
    const gateway = await startGateway({ upstream: upstream.origin })
    t.after(() => Promise.all([gateway.close(), upstream.close()]))
    const turns = makeTurns()
    const retired = createRetired(turns.every)
    const client = await openSocket(gateway.port)
    client.write(`GET /other HTTP/1.1\r\nHost: ${gateway.host}\r\nConnection: close\r\n\r\n`)
    const first = await readUntil(client, text => text.includes('beginning'))
    retired.add(gateway, async () => {})

    await retired.close()

    assert.equal(responses(first + (await readToEnd(client)))[0]?.isComplete, false)
    assert.equal(turns.count(), 0)
  })
})
