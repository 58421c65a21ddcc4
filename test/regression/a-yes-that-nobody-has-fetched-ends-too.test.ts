import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { deviceGrantType } from '../../src/native/device-authorization.ts'
import { createMemoryStore } from '../../src/store/memory.ts'
import { brokenStore } from '../support/broken-store.ts'
import { makeClock, startGateway } from '../support/gateway.ts'
import { startIdentityProvider } from '../support/identity-provider.ts'
import { arrive, createRun, decide, getCode, nativeClients, post, redeem } from '../support/native-client.ts'
import { createVisitor, refreshOf } from '../support/visitor.ts'

/*
 * What happened: a person who had been talked into approving somebody's device, and then ended all of their sessions, was
 * safe from nothing: the device had only not to ask before, and fetched its handle up to ten minutes later. No list showed
 * it until then. A code could be fetched likewise, for a minute.
 *
 * What holds it now: to end all sessions of a user leaves a mark, and what was approved before it begins none.
 */
describe('What was approved and is not fetched yet', () => {
  for (const way of ['at the sign-out', 'from the list']) {
    it(`ends with all sessions of the person (${way})`, async t => {
      const idp = await startIdentityProvider()
      const gateway = await startGateway({ idp, config: { native: { clients: nativeClients } } })
      t.after(() => Promise.all([gateway.close(), idp.close()]))
      const browser = createVisitor(gateway)
      await browser.signIn(idp)
      const approveDevice = async () => {
        const device = (await post(gateway, '/oauth/device_authorization', { client_id: 'cli' })).body
        const begun = await browser.visit('/device', { method: 'POST', body: `user_code=${device.user_code}` })
        await decide(browser, await arrive(browser, await idp.signIn(refreshOf(begun) ?? '')), 'approve')
        return () => post(gateway, '/oauth/token', { grant_type: deviceGrantType, client_id: 'cli', device_code: device.device_code })
      }
      const run = createRun()
      const code = await getCode(gateway, idp, run)
      const fetchByDevice = await approveDevice()

      if (way === 'at the sign-out') await browser.visit('/auth/logout', { method: 'POST', body: 'everywhere=true' })
      else await browser.call('/auth/sessions/revoke-others', { method: 'POST' })

      for (const answer of [await redeem(gateway, run, code), await fetchByDevice()]) {
        assert.deepEqual([answer.status, answer.body.error], [400, 'invalid_grant'])
      }
      assert.equal(gateway.audit.filter(({ reason }) => reason === 'logged_out_meanwhile').length, 2)
      gateway.clock.advance(1)
      assert.equal((await (await approveDevice())()).status, 200)
    })
  }

  it('a store that takes no mark still ends the sessions', async t => {
    const [idp, clock, state] = [await startIdentityProvider(), makeClock(), { isAway: false, verbs: ['setMark'] }]
    const gateway = await startGateway({ idp, clock, store: brokenStore(createMemoryStore(clock), state) })
    t.after(() => Promise.all([gateway.close(), idp.close()]))
    const [here, there] = [createVisitor(gateway), createVisitor(gateway)]
    for (const browser of [here, there]) await browser.signIn(idp)
    state.isAway = true

    await here.visit('/auth/logout', { method: 'POST', body: 'everywhere=true' })

    assert.deepEqual([(await here.session()).authenticated, (await there.session()).authenticated], [false, false])
  })
})
