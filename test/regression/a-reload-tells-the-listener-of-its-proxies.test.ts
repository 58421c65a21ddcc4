import assert from 'node:assert/strict'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { describe, it } from 'node:test'
import { eventually } from '../support/eventually.ts'
import { makeSecrets, providerConfig, sessionConfig } from '../support/gateway.ts'
import { startGatewayProcess } from '../support/gateway-process.ts'

// What happened: `listen.trustedProxies` can change with a reload, and did so for the addresses of requests. The limit
// on connections went on with the proxies of the start: one that was added later, which everybody came through, had half
// of the connections at most, and one that was taken away had all.
// What holds it now: the listener is told of the proxies together with its certificate.
const host = 'app.example.test'

const configOf = (trustedProxies: readonly string[]) => ({
  origins: [`https://${host}`],
  listen: { host: '127.0.0.1', port: 0, maxConnections: 100, trustedProxies },
  identityProviders: { main: providerConfig(undefined) },
  session: sessionConfig(),
  routes: [{ path: '/', upstream: 'http://127.0.0.1:9', access: 'anyone' }],
})

describe('a proxy that is trusted from a reload on', () => {
  it('MSG-12 may have all connections', async t => {
    const gateway = await startGatewayProcess({
      host,
      config: configOf([]),
      env: { CLIENT_SECRET: 'of-no-use-to-anybody', ...makeSecrets() },
    })
    t.after(() => gateway.kill())
    async function open(count: number) {
      const sockets = Array.from({ length: count }, () => connect(gateway.port, '127.0.0.1').on('error', () => {}))
      t.after(() => sockets.forEach(socket => void socket.destroy()))
      await Promise.all(sockets.map(socket => once(socket, 'connect')))
      return { stay: () => sockets.filter(socket => !socket.resume().closed && !socket.readableEnded).length }
    }
    const before = await open(60)
    await eventually(() => before.stay() === 50)

    writeFileSync(gateway.file, JSON.stringify(configOf(['127.0.0.1'])))
    gateway.hangUp()
    await eventually(() => gateway.lines.some(({ event }) => event === 'reloaded'))
    const after = await open(45)
    const last = connect(gateway.port, '127.0.0.1')
    t.after(() => void last.destroy())
    last.write(`GET /nowhere HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
    await once(last.resume(), 'close')

    assert.equal(after.stay(), 45)
    assert.ok(last.bytesRead > 0)
  })
})
