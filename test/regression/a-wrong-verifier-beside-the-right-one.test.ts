import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createMemoryStore } from '../../src/store/memory.ts'
import { makeClock, startGateway } from '../support/gateway.ts'
import { hookedStore } from '../support/hooked-store.ts'
import { startIdentityProvider } from '../support/identity-provider.ts'
import { call, createRun, getCode, nativeClients, redeem } from '../support/native-client.ts'
import { startUpstream } from '../support/upstream.ts'

/*
 * What happened: a second use of a code ends what the first one was given, but one with a wrong verifier that came in the
 * very moment of the first, after both had found the code unspent, ended nothing: two had the code, and one kept a handle.
 *
 * What holds it now: who finds the code spent by another in that moment has used it a second time.
 */
describe('A code that two redeem at once, one of them with a wrong verifier', () => {
  it('NAT-18 NAT-19 leaves no handle, whichever is first', async t => {
    const [idp, upstream, clock] = [await startIdentityProvider(), await startUpstream(), makeClock()]
    let beforeSpending: () => Promise<unknown> = async () => undefined
    const store = hookedStore(createMemoryStore(clock), async moment => {
      if (moment === 'before takeOnce') await beforeSpending()
    })
    const routes = [{ path: '/api', upstream: upstream.origin, token: 'access' }]
    const gateway = await startGateway({ idp, clock, store, config: { native: { clients: nativeClients }, routes } })
    t.after(() => Promise.all([gateway.close(), upstream.close(), idp.close()]))
    for (const isWrongFirst of [true, false]) {
      const run = createRun()
      const code = await getCode(gateway, idp, run)
      const wrong = () => redeem(gateway, run, code, { code_verifier: 'w'.repeat(43) })
      const right = () => redeem(gateway, run, code)
      const [outer, inner] = isWrongFirst ? [wrong, right] : [right, wrong]
      let meanwhile: Awaited<ReturnType<typeof right>> | undefined
      beforeSpending = async () => {
        beforeSpending = async () => undefined
        meanwhile = await inner()
      }

      const answers = [await outer(), meanwhile]

      for (const answer of answers) {
        if (answer?.status !== 200) assert.equal(answer?.body.error, 'invalid_grant')
        else assert.equal((await call(gateway, '/api/x', answer.body.access_token)).status, 401)
      }
      assert.ok(gateway.audit.some(({ event, reason }) => event === 'replay' && reason === 'code_replayed'))
    }
  })
})
