import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { OneTimeKey } from '../../src/store/store.ts'
import { hour, laterMs, newId, type StoreUnderTest, soonMs } from './store-under-test.ts'

/** What store.ts promises of one-time items. */
export function describeOneTimeItems(under: StoreUnderTest): void {
  describe('one-time items', () => {
    const newKey = (): OneTimeKey => ({ kind: 'attempt', id: newId() })

    it('are live until they are taken, and spent afterwards', async () => {
      const key = newKey()

      assert.equal(await under.store.peekOnce(key), null)
      assert.equal(await under.store.putOnce(key, 'value', hour), true)
      assert.deepEqual(await under.other.peekOnce(key), { state: 'live', value: 'value' })
      assert.equal(await under.store.takeOnce(key, 'value'), true)
      assert.deepEqual(await under.other.peekOnce(key), { state: 'spent' })
    })

    it('are not written over, live or spent', async () => {
      const key = newKey()
      await under.store.putOnce(key, 'first', hour)

      assert.equal(await under.store.putOnce(key, 'second', hour), false)
      assert.deepEqual(await under.store.peekOnce(key), { state: 'live', value: 'first' })
      await under.store.takeOnce(key, 'first')
      assert.equal(await under.other.putOnce(key, 'third', hour), false)
      assert.deepEqual(await under.store.peekOnce(key), { state: 'spent' })
    })

    it('are taken only by who expects the right value', async () => {
      const key = newKey()
      await under.store.putOnce(key, 'value', hour)

      assert.equal(await under.store.takeOnce(key, 'another'), false)
      assert.deepEqual(await under.store.peekOnce(key), { state: 'live', value: 'value' })
      assert.equal(await under.store.takeOnce(newKey(), 'value'), false)
    })

    it('RDS-08 are taken by exactly one of 100 calls from two replicas', async () => {
      const key = newKey()
      await under.store.putOnce(key, 'value', hour)

      const taken = await Promise.all(
        Array.from({ length: 100 }, (_, index) => [under.store, under.other][index % 2]?.takeOnce(key, 'value')),
      )

      assert.equal(taken.filter(Boolean).length, 1)
      assert.equal(taken.filter(result => result === false).length, 99)
    })

    it('RDS-08 are not taken a second time, not even as what they have become', async () => {
      const key = newKey()
      await under.store.putOnce(key, 'value', hour)
      await under.store.takeOnce(key, 'value')

      assert.equal(await under.store.takeOnce(key, 'value'), false)
      assert.equal(await under.store.takeOnce(key, '!'), false)
      assert.deepEqual(await under.store.peekOnce(key), { state: 'spent' })
    })

    it('of one id are kept apart by their kind', async () => {
      const id = newId()
      await under.store.putOnce({ kind: 'attempt', id }, 'value', hour)

      assert.equal(await under.store.peekOnce({ kind: 'result', id }), null)
      assert.equal(await under.store.putOnce({ kind: 'result', id }, 'value', hour), true)
      assert.equal(await under.store.takeOnce({ kind: 'attempt', id }, 'value'), true)
      assert.deepEqual(await under.store.peekOnce({ kind: 'result', id }), { state: 'live', value: 'value' })
    })

    it('RDS-07 are gone after their life, and taking one does not prolong it', async () => {
      const [live, taken] = [newKey(), newKey()]
      await under.store.putOnce(live, 'value', soonMs)
      await under.store.putOnce(taken, 'value', soonMs)
      assert.equal(await under.store.takeOnce(taken, 'value'), true)

      await under.pass(laterMs)

      assert.equal(await under.store.peekOnce(live), null)
      assert.equal(await under.store.peekOnce(taken), null)
      assert.equal(await under.store.takeOnce(live, 'value'), false)
      assert.equal(await under.store.putOnce(live, 'again', hour), true)
    })
  })
}
