import assert from 'node:assert/strict'
import { connect, type Socket } from 'node:net'
import { describe, it } from 'node:test'
import { createMemoryStore } from '../../src/store/memory.ts'
import type { Store } from '../../src/store/store.ts'
import { startGateway } from '../support/gateway.ts'
import { startIdentityProvider } from '../support/identity-provider.ts'
import { startUpstream } from '../support/upstream.ts'
import { createVisitor } from '../support/visitor.ts'

// What happened, in a prototype and in peers: a client that left while its session was looked up still had its
// request sent upstream; the answer never drained and the connection was lost. Fourteen times 64 such clients, and
// the gateway served nobody any more (reference/performance.md, section 4).
// What holds it now: forward asks whether the client is there before it sends, when the request starts and when the
// answer comes.
describe('clients that leave while their session is looked up', () => {
  it('PXY-14 are not asked for upstream, and leave every connection free for the next', async t => {
    const idp = await startIdentityProvider()
    const upstream = await startUpstream()
    const held = holdable(createMemoryStore({ now: Date.now }))
    const gateway = await startGateway({ idp, upstream: upstream.origin, store: held.store })
    t.after(() => Promise.all([gateway.close(), upstream.close(), idp.close()]))
    const visitor = createVisitor(gateway)
    await visitor.signIn(idp)
    const cookie = [...visitor.jar].map(([name, value]) => `${name}=${value}`).join('; ')
    const request = `GET /api/orders HTTP/1.1\r\nHost: ${gateway.host}\r\nCookie: ${cookie}\r\nX-CSRF: 1\r\n\r\n`

    for (let round = 0; round < 5; round += 1) {
      const release = held.hold()
      const sockets = await Promise.all(Array.from({ length: 100 }, () => send(gateway.port, request)))
      await held.reached(100)
      await Promise.all(sockets.map(leave))
      release()
    }
    const answers = await Promise.all(Array.from({ length: 100 }, () => visitor.call('/api/orders')))

    assert.deepEqual(new Set(answers.map(answer => answer.status)), new Set([200]))
    assert.equal(upstream.requests.length, 100)
  })
})

/** A store whose reads wait while they are held. */
function holdable(store: Store) {
  let gate: Promise<void> | null = null
  let waiting = 0
  return {
    store: {
      ...store,
      readFamily: async (familyId: string, member: string) => {
        waiting += 1
        await gate
        return store.readFamily(familyId, member)
      },
    },
    hold(): () => void {
      const { promise, resolve } = Promise.withResolvers<void>()
      gate = promise
      waiting = 0
      return () => {
        gate = null
        resolve()
      }
    },
    async reached(count: number): Promise<void> {
      while (waiting < count) await new Promise(resolve => setImmediate(resolve))
    },
  }
}

function send(port: number, request: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(request, () => resolve(socket)))
    socket.on('error', reject)
  })
}

/** The client is gone, and the gateway has had the time to learn of it. */
function leave(socket: Socket): Promise<void> {
  return new Promise(resolve => {
    socket.once('close', () => setTimeout(resolve, 20))
    socket.destroy()
  })
}
