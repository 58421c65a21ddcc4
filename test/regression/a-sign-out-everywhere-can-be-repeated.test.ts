import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createMemoryStore } from '../../src/store/memory.ts'
import { brokenStore } from '../support/broken-store.ts'
import { makeClock, startGateway } from '../support/gateway.ts'
import { startIdentityProvider } from '../support/identity-provider.ts'
import { refused, signIn } from '../support/sessions.ts'

const everywhere = { method: 'POST', headers: { accept: 'application/json' }, body: 'everywhere=true' } as const

/*
 * What happened: `everywhere=true` ended the session that asked first, then the others. When the store went away in
 * between, the answer was 503 with the cookie kept, as promised; but the session was over, so the second try was one
 * without a session: 200, signed out, and all other sessions lived on.
 *
 * What holds it now: the others end first. While one of them may live, the session that asks lives, and can ask again.
 */
describe('everywhere=true while the store goes away', () => {
  for (const verb of ['readIndex', 'endFamily']) {
    it(`RPL-08 leaves the session that asks, which can ask again (${verb})`, async t => {
      const idp = await startIdentityProvider()
      const clock = makeClock()
      const state = { isAway: false, verbs: [verb] }
      const gateway = await startGateway({ idp, clock, store: brokenStore(createMemoryStore(clock), state) })
      t.after(() => Promise.all([gateway.close(), idp.close()]))
      const [first, second] = [await signIn(gateway, idp), await signIn(gateway, idp)]

      state.isAway = true
      refused(await first.call('/auth/logout', everywhere), 503, 'store_unavailable')
      state.isAway = false
      assert.deepEqual([(await first.session()).authenticated, (await second.session()).authenticated], [true, true])

      assert.equal((await first.call('/auth/logout', everywhere)).status, 200)
      assert.deepEqual([(await first.session()).authenticated, (await second.session()).authenticated], [false, false])
    })
  }
})
