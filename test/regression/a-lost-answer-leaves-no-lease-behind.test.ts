import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { GatewayError } from '../../src/errors.ts'
import { createMemoryStore } from '../../src/store/memory.ts'
import type { Store } from '../../src/store/store.ts'
import { createWithLease } from '../../src/tokens/lease.ts'

const familyId = 'V'.repeat(22)

/*
 * What happened: a Redis that was frozen carries out, when it thaws, what was asked of it meanwhile and given up. Leases
 * taken so were nobody's, and had names that nobody knew any more: each session that was to be renewed in that moment
 * waited ten seconds for its lease, and three more for whoever seemed to have shown its refresh token.
 *
 * What holds it now: the process remembers which of its questions got no answer, and takes back what may have come of
 * them before it asks again.
 */
describe('A lease whose taking got no answer', () => {
  it('RTK-02 keeps the next renewal of this process waiting for nothing', async () => {
    const { store, state, withLease, waited } = setUp()
    await assert.rejects(renew(), GatewayError)

    state.losesAnswers = false
    assert.equal(await renew(), 'renewed')
    assert.equal(waited(), 0)
    assert.equal(await store.takeLease(familyId, 'other', 1_000), true, 'and it is given back')

    function renew() {
      return withLease(
        familyId,
        async () => 'renewed',
        async () => undefined,
        5_000,
      )
    }
  })

  it('RTK-02 counts for the refresh token as well', async () => {
    const { state, withLease } = setUp()
    await assert.rejects(withLease.beginSpending(familyId, 3), GatewayError)

    state.losesAnswers = false
    assert.equal(await withLease.beginSpending(familyId, 3), true)
    assert.equal(await withLease.beginSpending(familyId, 3), false, 'what was answered stands')
  })

  it('RTK-02 takes nothing from another replica', async () => {
    const { store, state, withLease, waited } = setUp()
    await store.takeLease(familyId, 'other', 10_000)
    await store.takeLease(`${familyId}-3`, 'other', 10_000)
    const renew = () =>
      withLease(
        familyId,
        async () => 'renewed',
        async () => undefined,
        0,
      )
    await assert.rejects(renew(), GatewayError)
    await assert.rejects(withLease.beginSpending(familyId, 3), GatewayError)

    state.losesAnswers = false
    assert.equal(await withLease.beginSpending(familyId, 3), false)
    assert.equal(await renew(), 'renewed')
    assert.ok(waited() >= 10_000, `after ${waited()} ms`)
  })
})

/** A store that carries out what it is asked for, and whose answers to the taking of leases are lost. */
function setUp() {
  const startedAt = Date.UTC(2026, 10, 22, 12)
  let nowMs = startedAt
  let holders = 0
  const now = () => nowMs
  const store = createMemoryStore({ now })
  const state = { losesAnswers: true }
  const losing: Store = {
    ...store,
    async takeLease(...args) {
      const isTaken = await store.takeLease(...args)
      if (state.losesAnswers) throw new GatewayError('store_unavailable', 'The answer is lost.')
      return isTaken
    },
  }
  const pause = async (ms: number) => {
    nowMs += ms
  }
  const withLease = createWithLease({ store: losing, nextHolder: () => `holder-${holders++}`, now, pause })
  return { store, state, withLease, waited: () => nowMs - startedAt }
}
