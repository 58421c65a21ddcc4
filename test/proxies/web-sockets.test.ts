import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, before, describe, it } from 'node:test'
import { eventually } from '../support/eventually.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { type IdentityProvider, startIdentityProvider } from '../support/identity-provider.ts'
import { type ProxyProgram, startNginxInFront } from '../support/proxy-program.ts'
import { firstResponse, openSocket, readUntil } from '../support/raw-http.ts'
import { makeTurns, roundMs } from '../support/turns.ts'
import { createVisitor } from '../support/visitor.ts'
import { handshake, openWebSocket, type SocketServer, startSocketServer } from '../support/web-socket.ts'

const host = 'app.example.test'
const turns = makeTurns()
let idp: IdentityProvider
let app: SocketServer
let gateway: TestGateway
let nginx: ProxyProgram

before(async () => {
  idp = await startIdentityProvider()
  app = await startSocketServer({ echoes: true })
  const listen = { host: '127.0.0.1', port: 0, trustedProxies: ['127.0.0.1'] }
  const routes = [{ path: '/live', kind: 'api', upstream: app.origin, websocket: {} }]
  gateway = await startGateway({ idp, every: turns.every, config: { listen, routes } })
  nginx = await startNginxInFront(gateway.port, host)
})

after(async () => {
  await nginx?.close()
  await gateway?.close()
  await app?.close()
  await idp?.close()
})

describe('nginx before the gateway', () => {
  it('WS-04 brings WebSockets through, and their end with the session', async () => {
    const alice = createVisitor({ port: nginx.port, host })
    await alice.signIn(idp)
    const cookie = Array.from(alice.jar, ([name, value]) => `${name}=${value}`).join('; ')
    const socket = await openWebSocket({ port: nginx.port, host }, '/live', { cookie })
    const echoed = once(socket, 'message')
    socket.send('hello')
    assert.equal((await echoed)[0].data, 'hello')
    const closed = once(socket, 'close')

    await alice.visit('/auth/logout', { method: 'POST' })
    turns.turn(roundMs)

    const [{ code, wasClean }] = await closed
    assert.deepEqual([code, wasClean], [4401, true])
    await eventually(() => app.peers[0]?.hasLost())
  })

  it('WS-02 WS-03 brings a refusal back as it is', async () => {
    const [stranger, foreign] = await Promise.all(
      [[], ['Origin: https://evil.test']].map(async lines => {
        const socket = await openSocket(nginx.port)
        socket.write(handshake('/live', host, lines))
        const answer = await readUntil(socket, text => text.endsWith('}'))
        socket.destroy()
        return firstResponse(answer)
      }),
    )

    assert.deepEqual([stranger?.status, stranger?.header('sallyport-error')], [401, 'not_signed_in'])
    assert.deepEqual([foreign?.status, foreign?.header('sallyport-error')], [403, 'cross_site_refused'])
  })
})
