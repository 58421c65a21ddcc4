import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Store } from '../../src/store/store.ts'
import { hour, laterMs, newId, type StoreUnderTest, soonMs } from './store-under-test.ts'

/** What store.ts promises of the list of deadlines. There is one, so each test takes off it what it has put there. */
export function describeDeadlines(under: StoreUnderTest): void {
  describe('deadlines', { concurrency: 1 }, () => {
    it('are given out when their time has come, the oldest first, and not before', async () => {
      const [first, second, third] = [newId(), newId(), newId()]
      await under.store.putDue(second, soonMs)
      await under.other.putDue(first, 1)
      await under.store.putDue(third, hour)

      await under.pass(laterMs)

      assert.deepEqual(await under.other.takeDue(10, hour), [first, second])
      await dropAll(under.store, [first, second, third])
    })

    it('are given out to one of many who ask', async () => {
      const families = Array.from({ length: 20 }, newId)
      for (const family of families) await under.store.putDue(family, 1)
      await under.pass(20)

      const taken = await Promise.all(Array.from({ length: 10 }, (_, turn) => [under.store, under.other][turn % 2]?.takeDue(3, hour)))

      assert.ok(taken.every(some => some !== undefined && some.length <= 3))
      assert.deepEqual(taken.flat().toSorted(), families.toSorted())
      await dropAll(under.store, families)
    })

    it('come again unless they are dropped, for who took one may have died', async () => {
      const [done, left] = [newId(), newId()]
      await under.store.putDue(done, 1)
      await under.store.putDue(left, 2)
      await under.pass(20)

      assert.deepEqual(await under.store.takeDue(10, soonMs), [done, left])
      assert.equal(await under.store.dropDue(done), undefined)
      assert.deepEqual(await under.other.takeDue(10, soonMs), [])
      await under.pass(laterMs)

      assert.deepEqual(await under.other.takeDue(10, hour), [left])
      await dropAll(under.store, [left])
    })

    it('are moved by putting them again', async () => {
      const [later, sooner] = [newId(), newId()]
      await under.store.putDue(later, 1)
      await under.store.putDue(sooner, hour)

      await under.other.putDue(later, hour)
      await under.other.putDue(sooner, 1)
      await under.pass(20)

      assert.deepEqual(await under.store.takeDue(10, hour), [sooner])
      await dropAll(under.store, [later, sooner])
    })

    it('stay on the list though nobody comes for a while, and others are put there', async () => {
      const [waiting, next] = [newId(), newId()]
      await under.store.putDue(waiting, 1)
      await under.pass(20)
      await under.store.putDue(next, 1)
      await under.pass(20)

      assert.deepEqual(await under.store.takeDue(10, hour), [waiting, next])
      await dropAll(under.store, [waiting, next])
    })

    it('are dropped without having been there', async () => {
      assert.equal(await under.store.dropDue(newId()), undefined)
      assert.deepEqual(await under.store.takeDue(10, hour), [])
    })
  })
}

async function dropAll(store: Store, families: readonly string[]): Promise<void> {
  for (const family of families) await store.dropDue(family)
}
