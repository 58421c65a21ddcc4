import assert from 'node:assert/strict'
import { type AddressInfo, connect as connectPlain } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { connect, type SecureVersion } from 'node:tls'
import { closeServer, createPublicServer } from '../../src/listeners.ts'
import { makeCertificate } from '../support/certificate.ts'

const certificate = makeCertificate(['localhost'])
const tls = { cert: Buffer.from(certificate.cert), key: Buffer.from(certificate.key) }
const server = createPublicServer({ host: '127.0.0.1', port: 0, trustedProxies: [], maxConnections: 100, tls }, (_req, res) => res.end())

before(() => new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve)))
after(() => closeServer(server, 0))

/** The version that a client with just this one comes to, or why it comes to none. */
function speak(version: SecureVersion): Promise<string | null> {
  const { port } = server.address() as AddressInfo
  const ciphers = 'DEFAULT@SECLEVEL=0'
  return new Promise(resolve => {
    const socket = connect({
      port,
      host: '127.0.0.1',
      ca: certificate.cert,
      servername: 'localhost',
      minVersion: version,
      maxVersion: version,
      ciphers,
    })
    socket.once('secureConnect', () => {
      resolve(socket.getProtocol())
      socket.destroy()
    })
    socket.once('error', error => resolve((error as NodeJS.ErrnoException).code ?? error.message))
  })
}

/** What comes back until the connection closes. */
function exchangePlain(port: number, text: string): Promise<string> {
  return new Promise(resolve => {
    let answer = ''
    const socket = connectPlain(port, '127.0.0.1', () => socket.write(text))
    socket.on('data', chunk => {
      answer += chunk.toString('latin1')
    })
    socket.once('close', () => resolve(answer))
    socket.once('error', () => undefined)
  })
}

describe('a port with TLS of its own', () => {
  it('OPS-05 speaks TLS 1.2 and 1.3, and nothing older', async () => {
    assert.deepEqual([await speak('TLSv1.2'), await speak('TLSv1.3')], ['TLSv1.2', 'TLSv1.3'])

    for (const version of ['TLSv1', 'TLSv1.1'] as const)
      assert.match(String(await speak(version)), /ALERT_PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL/)
  })

  // To redirect pages is for what listens on port 80.
  it('WEB-06 serves nothing over plain http', async () => {
    const { port } = server.address() as AddressInfo
    const answer = await exchangePlain(port, 'GET /api HTTP/1.1\r\nHost: localhost\r\n\r\n')

    assert.doesNotMatch(answer, /HTTP\/1\.1 [23]/)
  })

  it('MSG-08 offers no HTTP/2', async () => {
    const { port } = server.address() as AddressInfo
    const chosen = await new Promise(resolve => {
      const socket = connect({ port, host: '127.0.0.1', ca: certificate.cert, servername: 'localhost', ALPNProtocols: ['h2', 'http/1.1'] })
      socket.once('secureConnect', () => {
        resolve(socket.alpnProtocol)
        socket.destroy()
      })
    })

    assert.equal(chosen, 'http/1.1')
  })
})
