import assert from 'node:assert/strict'
import { once } from 'node:events'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { type IdentityProvider, startIdentityProvider } from '../support/identity-provider.ts'
import { createVisitor, type Visitor } from '../support/visitor.ts'
import { openWebSocket, type SocketServer, startSocketServer } from '../support/web-socket.ts'

let idp: IdentityProvider
let upstream: SocketServer
let gateway: TestGateway
let alice: Visitor

beforeEach(async () => {
  idp = await startIdentityProvider()
  upstream = await startSocketServer({ echoes: true })
  const routes = [
    { path: '/api/live', upstream: upstream.origin, token: 'access', identityHeaders: { 'X-Auth-User': 'sub' }, websocket: {} },
    { path: '/public', upstream: upstream.origin, access: 'anyone', websocket: {} },
    { path: '/', upstream: upstream.origin, access: 'anyone' },
  ]
  gateway = await startGateway({ idp, config: { routes } })
  alice = createVisitor(gateway)
  await alice.signIn(idp)
})

afterEach(() => Promise.all([gateway.close(), upstream.close(), idp.close()]))

const cookie = () => Array.from(alice.jar, ([name, value]) => `${name}=${value}`).join('; ')

describe('a WebSocket', () => {
  it('passes messages both ways', async () => {
    const socket = await openWebSocket(gateway, '/api/live', { cookie: cookie() })

    socket.send('hello')
    const [event] = await once(socket, 'message')

    assert.equal(event.data, 'hello')
    const closed = once(socket, 'close')
    socket.close(4000, 'bye')
    const [{ code, reason }] = await closed
    assert.deepEqual([code, reason], [4000, 'bye'])
  })
})
