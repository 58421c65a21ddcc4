import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { describe, it } from 'node:test'
import { closeServer, createPublicServer } from '../../src/listeners.ts'
import { startGateway } from '../support/gateway.ts'
import { startSocketUpstream } from '../support/upstream.ts'

/*
 * What happened: the answer to what Node could not parse, or had waited for too long, was written and our half of the
 * connection closed; a client that kept its own half open kept the socket for good, and with a body that never came to
 * its end a connection to the upstream as well. Some hundred of them, and a route was busy for everybody.
 *
 * What holds it now: such a socket is destroyed a second after its answer.
 */
describe('A connection whose request the parser refused', () => {
  it('MSG-12 is closed although the client never closes its half', { timeout: 10_000 }, async t => {
    const server = createPublicServer({ host: '127.0.0.1', port: 0, trustedProxies: [], maxConnections: 100 }, () =>
      assert.fail('no request came'),
    )
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    t.after(() => closeServer(server, 0))
    const client = await openHalfOpen((server.address() as AddressInfo).port)
    t.after(() => client.destroy())

    client.write('GARBAGE\r\n\r\n')

    assert.match(await readAnswer(client), /^HTTP\/1\.1 400 Bad Request\r\n/)
    while ((await connectionsOf(server)) > 0) await new Promise(resolve => setTimeout(resolve, 50))
  })

  it('MSG-12 lets go of the upstream when a body never comes to its end', { timeout: 10_000 }, async t => {
    const upstream = await startSocketUpstream(() => {})
    const gateway = await startGateway({ upstream: upstream.origin })
    const client = await openHalfOpen(gateway.port)
    t.after(async () => {
      client.destroy()
      await gateway.close()
      await upstream.close()
    })
    client.write(`POST / HTTP/1.1\r\nHost: ${gateway.host}\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n`)
    while (upstream.received[0]?.includes('hello') !== true) await new Promise(resolve => setTimeout(resolve, 5))

    client.write('no chunk size\r\n')

    assert.match(await readAnswer(client), /^HTTP\/1\.1 400 Bad Request\r\n/)
    while (upstream.sockets.size > 0) await new Promise(resolve => setTimeout(resolve, 50))
  })
})

async function openHalfOpen(port: number): Promise<Socket> {
  const client = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  client.on('error', () => {})
  await once(client, 'connect')
  return client
}

async function readAnswer(client: Socket): Promise<string> {
  let text = ''
  client.setEncoding('latin1').on('data', chunk => {
    text += chunk
  })
  await once(client, 'end')
  return text
}

function connectionsOf(server: ReturnType<typeof createPublicServer>): Promise<number> {
  return new Promise((resolve, reject) => server.getConnections((error, count) => (error ? reject(error) : resolve(count))))
}
