import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, before, describe, it } from 'node:test'
import { eventually } from '../support/eventually.ts'
import { openForwardAuth } from '../support/forward-auth.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { type IdentityProvider, startIdentityProvider } from '../support/identity-provider.ts'
import { getHandle, nativeClients, post } from '../support/native-client.ts'
import { makeTurns, roundMs, type Turns } from '../support/turns.ts'
import { openWebSocket, type SocketServer, startSocketServer } from '../support/web-socket.ts'

describe('a handle, other than by a plain request', () => {
  let idp: IdentityProvider
  let upstream: SocketServer
  let turns: Turns
  let gateway: TestGateway
  before(async () => {
    idp = await startIdentityProvider()
    upstream = await startSocketServer()
    turns = makeTurns()
    const routes = [
      { path: '/api/live', upstream: upstream.origin, token: 'access', websocket: {} },
      { path: '/', upstream: upstream.origin, access: 'anyone' },
    ]
    const config = { native: { clients: nativeClients }, routes, forwardAuth: { port: 0, dialect: 'traefik' } }
    gateway = await startGateway({ idp, every: turns.every, config })
  })
  after(() => Promise.all([gateway.close(), upstream.close(), idp.close()]))

  it('opens a WebSocket, which is closed when its session ends', async () => {
    const handle = await getHandle(gateway, idp)
    const socket = await openWebSocket(gateway, '/api/live', { authorization: `Bearer ${handle}` })
    const closed = once(socket, 'close')

    await post(gateway, '/oauth/revoke', { token: handle })
    await eventually(() => {
      turns.turn(roundMs)
      return Promise.race([closed, new Promise<null>(resolve => setImmediate(resolve, null))])
    })

    const [{ code }] = (await closed) as [{ code: number }]
    assert.equal(code, 4401)
    assert.ok(!JSON.stringify(upstream).includes(handle))
  })

  it('is let through where a proxy asks, and refused there without a redirect', async t => {
    const proxy = await openForwardAuth(gateway, 'traefik')
    t.after(() => proxy.close())
    const handle = await getHandle(gateway, idp)
    const ask = (token: string) =>
      proxy.ask({ target: '/api/live', host: gateway.host, headers: [`Authorization: Bearer ${token}`, 'Accept: text/html'] })

    const [letIn, refused] = [await ask(handle), await ask(`${handle.slice(0, -1)}_`)]

    assert.deepEqual([letIn.status, refused.status], [200, 401])
    assert.ok(idp.issued.has((letIn.header('authorization') ?? '').replace('Bearer ', '')))
    assert.match(refused.header('www-authenticate') ?? '', /error="invalid_token"/)
    assert.equal(refused.header('sallyport-login'), undefined)
  })
})
