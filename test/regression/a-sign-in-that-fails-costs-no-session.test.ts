import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createMemoryStore } from '../../src/store/memory.ts'
import { brokenStore } from '../support/broken-store.ts'
import { makeClock, startGateway } from '../support/gateway.ts'
import { startIdentityProvider } from '../support/identity-provider.ts'
import { idOf, listedIds, signIn } from '../support/sessions.ts'
import { refreshOf } from '../support/visitor.ts'

/*
 * What happened: a sign-in in a browser that has a session ended that session first, then wrote the new one. A store
 * that went away in between, or one that was full, which takes endings and refuses what is new, left the person with
 * neither: an outage had signed somebody out.
 *
 * What holds it now: the new session is written first, then the one in its place ends.
 */
describe('A sign-in beside a session, while the store takes nothing new', () => {
  for (const verb of ['addToIndex', 'createFamily']) {
    it(`FLOW-17 RDS-06 leaves the session that was there (${verb})`, async t => {
      const idp = await startIdentityProvider()
      const clock = makeClock()
      const state = { isAway: false, verbs: [verb] }
      const gateway = await startGateway({ idp, clock, store: brokenStore(createMemoryStore(clock), state) })
      t.after(() => Promise.all([gateway.close(), idp.close()]))
      const visitor = await signIn(gateway, idp)
      const before = await idOf(visitor)
      const callback = await visitor.begin(idp, { query: 'prompt=login' })
      const handOff = await visitor.visit(callback.pathname + callback.search, { site: 'cross-site' })

      state.isAway = true
      const response = await visitor.visit(refreshOf(handOff) ?? '')
      state.isAway = false

      assert.deepEqual([response.status, response.headers['sallyport-error']], [503, 'store_unavailable'])
      assert.equal(await idOf(visitor), before)
      assert.deepEqual(await listedIds(visitor), [before])
    })
  }
})
