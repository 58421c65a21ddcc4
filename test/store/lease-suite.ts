import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createFamily, hour, laterMs, newId, type StoreUnderTest, soonMs } from './store-under-test.ts'

/** What store.ts promises of the lease on a grant: one holder at a time, and never for ever. */
export function describeLeases(under: StoreUnderTest): void {
  describe('leases', () => {
    it('are held by one at a time, who cannot take them twice', async () => {
      const id = newId()

      assert.equal(await under.store.takeLease(id, 'first', hour), true)
      assert.equal(await under.other.takeLease(id, 'second', hour), false)
      assert.equal(await under.store.takeLease(id, 'first', hour), false)
    })

    it('of one family are nothing to another', async () => {
      const [one, another] = [newId(), newId()]
      await under.store.takeLease(one, 'first', hour)

      assert.equal(await under.other.takeLease(another, 'second', hour), true)
    })

    it('are taken by exactly one of 100 calls from two replicas', async () => {
      const id = newId()

      const taken = await Promise.all(
        Array.from({ length: 100 }, (_, index) => [under.store, under.other][index % 2]?.takeLease(id, `holder-${index}`, hour)),
      )

      assert.equal(taken.filter(Boolean).length, 1)
      assert.equal(await under.store.extendLease(id, `holder-${taken.indexOf(true)}`, hour), true)
    })

    it('pass on when they are given back', async () => {
      const id = newId()
      await under.store.takeLease(id, 'first', hour)

      assert.equal(await under.store.releaseLease(id, 'first'), undefined)

      assert.equal(await under.other.takeLease(id, 'second', hour), true)
    })

    it('are given back by their holder alone', async () => {
      const id = newId()
      await under.store.takeLease(id, 'first', hour)

      await under.other.releaseLease(id, 'second')
      await under.other.releaseLease(newId(), 'second')

      assert.equal(await under.other.takeLease(id, 'second', hour), false)
      assert.equal(await under.store.extendLease(id, 'first', hour), true)
    })

    it('RDS-07 run out, so that a holder that died keeps nobody waiting', async () => {
      const id = newId()
      await under.store.takeLease(id, 'first', soonMs)

      await under.pass(laterMs)

      assert.equal(await under.other.takeLease(id, 'second', hour), true)
    })

    it('last longer when they are extended', async () => {
      const id = newId()
      await under.store.takeLease(id, 'first', soonMs)

      assert.equal(await under.store.extendLease(id, 'first', hour), true)
      await under.pass(laterMs)

      assert.equal(await under.other.takeLease(id, 'second', hour), false)
    })

    it('are extended from now on, not added to', async () => {
      const id = newId()
      await under.store.takeLease(id, 'first', hour)

      assert.equal(await under.store.extendLease(id, 'first', soonMs), true)
      await under.pass(laterMs)

      assert.equal(await under.other.takeLease(id, 'second', hour), true)
    })

    it('are not extended by who has them no more', async () => {
      const id = newId()
      await under.store.takeLease(id, 'first', soonMs)
      await under.pass(laterMs)

      assert.equal(await under.store.extendLease(id, 'first', hour), false)
      await under.other.takeLease(id, 'second', hour)
      assert.equal(await under.store.extendLease(id, 'first', hour), false)

      await under.store.releaseLease(id, 'first')
      assert.equal(await under.other.extendLease(id, 'second', hour), true)
    })

    it('do not stand in the way of what happens to the family', async () => {
      const family = await createFamily(under.store)
      await under.store.takeLease(family.id, 'first', hour)

      assert.equal(await under.other.replaceVault(family.id, family.vault, 'next'), true)
      assert.equal(await under.other.endFamily(family.id, 'logged_out', hour), true)

      assert.equal(await under.store.extendLease(family.id, 'first', hour), true)
      await under.store.releaseLease(family.id, 'first')
    })
  })
}
