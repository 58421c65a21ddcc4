import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { GatewayError } from '../../src/errors.ts'
import { createMemoryStore } from '../../src/store/memory.ts'
import type { Store } from '../../src/store/store.ts'
import { startGateway } from '../support/gateway.ts'
import { startIdentityProvider } from '../support/identity-provider.ts'
import { createVisitor } from '../support/visitor.ts'

/*
 * What happened: express-session saved the new session a second time when the answer ended, so that each sign-in was
 * sealed and sent to the store twice. When the store failed between the two, a sign-in that had come about was logged
 * as failed, and its connection destroyed under the answer.
 *
 * What holds it now: once saved, the session holds nothing that a second save could write.
 */
describe('A sign-in', () => {
  it('asks the store for its session once, and is not disturbed by what fails afterwards', async t => {
    const idp = await startIdentityProvider()
    const memory = createMemoryStore({ now: Date.now })
    let creations = 0
    const store: Store = {
      ...memory,
      async createFamily(...args) {
        creations++
        if (creations > 1) throw new GatewayError('store_unavailable', 'the store has failed meanwhile')
        return memory.createFamily(...args)
      },
    }
    const gateway = await startGateway({ idp, store })
    t.after(async () => {
      await gateway.close()
      await idp.close()
    })

    const response = await createVisitor(gateway).signIn(idp)

    assert.equal(response.status, 303)
    assert.equal(creations, 1)
    assert.deepEqual(
      gateway.lines.filter(line => line.event === 'request_failed'),
      [],
    )
  })
})
