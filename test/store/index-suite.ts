import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { IndexKey } from '../../src/store/store.ts'
import { hour, laterMs, newId, type StoreUnderTest, soonMs } from './store-under-test.ts'

/** What store.ts promises of indexes, and of the marks beside them. */
export function describeIndexes(under: StoreUnderTest): void {
  const newIndex = (kind: IndexKey['kind'] = 'user'): IndexKey => ({ kind, id: newId() })

  describe('indexes', () => {
    it('are empty until something is added', async () => {
      assert.deepEqual(await under.store.readIndex(newIndex()), [])
    })

    it('list what any replica has added, the soonest to pass first', async () => {
      const index = newIndex()
      const [late, soon, between] = [newId(), newId(), newId()]
      await under.store.addToIndex(index, late, 3 * hour)
      await under.other.addToIndex(index, soon, hour)
      await under.store.addToIndex(index, between, 2 * hour)

      assert.deepEqual(await under.other.readIndex(index), [soon, between, late])
    })

    it('have a family once, with its latest time', async () => {
      const index = newIndex()
      const [moved, other] = [newId(), newId()]
      await under.store.addToIndex(index, moved, soonMs)
      await under.store.addToIndex(index, other, 2 * hour)

      await under.store.addToIndex(index, moved, 3 * hour)
      assert.deepEqual(await under.store.readIndex(index), [other, moved])
      await under.pass(laterMs)
      // Another member of the family may need it there for longer.
      await under.store.addToIndex(index, moved, hour)

      assert.deepEqual(await under.store.readIndex(index), [other, moved])
    })

    it('lose nothing when many add at once', async () => {
      const index = newIndex()
      const families = Array.from({ length: 50 }, newId)

      await Promise.all(families.map((family, turn) => [under.store, under.other][turn % 2]?.addToIndex(index, family, hour)))

      assert.deepEqual((await under.store.readIndex(index)).toSorted(), families.toSorted())
    })

    it('of one id are kept apart by their kind', async () => {
      const [user, sid] = [newIndex('user'), newIndex('sid')]
      const family = newId()
      await under.store.addToIndex(user, family, hour)

      assert.deepEqual(await under.store.readIndex({ kind: 'sid', id: user.id }), [])
      assert.deepEqual(await under.store.readIndex(sid), [])
    })

    it('RDS-07 shrink when families are taken off, and take no offence at others', async () => {
      const index = newIndex()
      const families = [newId(), newId(), newId()] as const
      for (const [turn, family] of families.entries()) await under.store.addToIndex(index, family, hour + turn)

      await under.other.removeFromIndex(index, [families[0], newId(), families[2]])
      await under.other.removeFromIndex(newIndex(), [families[1]])
      await under.other.removeFromIndex(index, [])

      assert.deepEqual(await under.store.readIndex(index), [families[1]])
      await under.store.removeFromIndex(index, [families[1]])
      assert.deepEqual(await under.store.readIndex(index), [])
    })

    it('RDS-07 drop what has passed with every addition', async () => {
      const index = newIndex()
      const [passing, staying] = [newId(), newId()]
      await under.store.addToIndex(index, passing, soonMs)
      await under.pass(laterMs)

      await under.store.addToIndex(index, staying, hour)

      assert.deepEqual(await under.store.readIndex(index), [staying])
    })

    it('RDS-07 are gone when their last entry has passed, whichever was added last', async () => {
      const index = newIndex()
      await under.store.addToIndex(index, newId(), soonMs)
      await under.store.addToIndex(index, newId(), 1)

      await under.pass(laterMs)

      assert.deepEqual(await under.store.readIndex(index), [])
    })

    it('stay as long as their longest entry', async () => {
      const index = newIndex()
      const staying = newId()
      await under.store.addToIndex(index, staying, hour)
      await under.store.addToIndex(index, newId(), soonMs)

      await under.pass(laterMs)

      assert.ok((await under.store.readIndex(index)).includes(staying))
    })
  })

  describe('marks', () => {
    it('are there until their life is over', async () => {
      const [lasting, passing] = [newIndex(), newIndex('sid')]

      assert.equal(await under.store.readMark(lasting), null)
      assert.equal(await under.store.setMark(lasting, 'lasting', hour), undefined)
      await under.store.setMark(passing, 'passing', soonMs)
      assert.equal(await under.other.readMark(passing), 'passing')

      await under.pass(laterMs)
      assert.equal(await under.other.readMark(lasting), 'lasting')
      assert.equal(await under.other.readMark(passing), null)
    })

    it('take the place of earlier ones, life and all', async () => {
      const index = newIndex()
      await under.store.setMark(index, 'first', soonMs)

      await under.other.setMark(index, 'second', hour)
      await under.pass(laterMs)

      assert.equal(await under.store.readMark(index), 'second')
    })

    it('have nothing to do with what is on the index, nor with the mark of another kind', async () => {
      const index = newIndex('user')
      const family = newId()

      await under.store.setMark(index, 'value', hour)
      assert.deepEqual(await under.store.readIndex(index), [])
      await under.store.addToIndex(index, family, hour)
      await under.store.removeFromIndex(index, [family])

      assert.equal(await under.store.readMark(index), 'value')
      assert.equal(await under.store.readMark({ kind: 'sid', id: index.id }), null)
    })
  })
}
