import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { exchangeRaw, openSocket } from '../support/raw-http.ts'
import { host, startRequestPath } from '../support/request-path.ts'
import { startUpstream } from '../support/upstream.ts'

/*
 * What happened: clients that left while their session was looked up were proxied all the same. Nothing drains
 * an answer to nobody, so each of them kept a connection to the upstream for good; after some hundred a pool
 * of 128 served nothing at all (docs/decisions/007).
 *
 * What holds it now: forward asks whether the client is still there before it dispatches, when the request
 * starts and when the answer starts.
 */
describe('clients that leave while their session is looked up', () => {
  it('cost no connection to the upstream: a thousand of them, and it still answers', async t => {
    const large = Buffer.alloc(1024 * 1024)
    const upstream = await startUpstream((_req, res) => res.end(large))
    let waiting: (() => void)[] = []
    let isHeld = true
    const path = await startRequestPath({
      routes: [{ path: '/', upstream: upstream.origin, access: 'anyone' }],
      lookUp: () => (isHeld ? new Promise(resolve => waiting.push(resolve)) : Promise.resolve()),
    })
    t.after(async () => {
      await path.close()
      await upstream.close()
    })
    const request = `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`

    for (let round = 1; round <= 10; round++) {
      const clients = await Promise.all(Array.from({ length: 100 }, () => openSocket(path.port)))
      for (const client of clients) client.write(request)
      while (waiting.length < clients.length) await new Promise(resolve => setImmediate(resolve))
      for (const client of clients) client.destroy()
      // Half of the lookups end before the gateway has noticed that the client is gone.
      if (round % 2 === 0) await new Promise(resolve => setTimeout(resolve, 10))
      for (const resume of waiting) resume()
      waiting = []
      while (path.outcomes.length < round * 100) await new Promise(resolve => setImmediate(resolve))
    }

    isHeld = false
    const answers = await Promise.all(Array.from({ length: 70 }, () => exchangeRaw(path.port, request.slice(0, -4))))
    assert.ok(path.outcomes.slice(0, 1000).every(outcome => outcome.result === 'client_left'))
    assert.ok(answers.every(answer => answer.status === 200 && answer.isComplete))
  })

  it('never get as far as the upstream when the gateway has noticed', async t => {
    const upstream = await startUpstream()
    let resume: (() => void) | undefined
    const path = await startRequestPath({
      routes: [{ path: '/', upstream: upstream.origin, access: 'anyone' }],
      lookUp: () => new Promise(resolve => (resume = resolve)),
    })
    let connections = 0
    upstream.server.on('connection', () => connections++)
    t.after(async () => {
      await path.close()
      await upstream.close()
    })
    const client = await openSocket(path.port)
    client.write(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
    while (resume === undefined) await new Promise(resolve => setImmediate(resolve))
    client.destroy()
    while ((await path.clients()) > 0) await new Promise(resolve => setImmediate(resolve))

    resume()

    while (path.outcomes.length === 0) await new Promise(resolve => setImmediate(resolve))
    assert.equal(connections, 0)
  })
})
