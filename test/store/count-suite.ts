import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { CountKey } from '../../src/store/store.ts'
import { isMistake, newId, type StoreUnderTest } from './store-under-test.ts'

/** Counting against a limit, as store.ts promises it. */
export function describeCounts(under: StoreUnderTest): void {
  const newKey = (): CountKey => ({ kind: 'address', id: newId() })

  describe('a count', () => {
    it('PXY-17 lets in as many at once as a minute may have, by whichever replica they come', async () => {
      const key = newKey()
      const first = await Promise.all([0, 1, 2].flatMap(() => [under.store.count(key, 7), under.other.count(key, 7)]))

      assert.deepEqual(first, [0, 0, 0, 0, 0, 0])
      assert.equal(await under.store.count(key, 7), 0)
      const [waitMs, elsewhereMs] = [await under.store.count(key, 7), await under.other.count(key, 7)]

      // One more in a seventh of a minute.
      for (const ms of [waitMs, elsewhereMs]) assert.ok(ms > 0 && ms <= Math.ceil(60_000 / 7), `${ms} ms`)
      assert.ok(Number.isInteger(waitMs))
    })

    it('is exact, whatever the limit', async () => {
      for (const perMinute of [1, 3, 59]) {
        const key = newKey()
        const answers = await Promise.all(Array.from({ length: perMinute }, () => under.store.count(key, perMinute)))

        assert.deepEqual(new Set(answers), new Set([0]), `${perMinute}`)
        assert.ok((await under.store.count(key, perMinute)) > 0, `${perMinute}`)
      }
    })

    it('lets one more in after as long as it told, for what was refused does not count', async () => {
      const key = newKey()
      for (let turn = 0; turn < 60; turn += 1) await under.store.count(key, 60)
      let waitMs = 0
      for (let turn = 0; turn < 5; turn += 1) waitMs = await under.store.count(key, 60)
      assert.ok(waitMs > 0 && waitMs <= 1000, `${waitMs} ms`)

      // A timer may be a millisecond early.
      await under.pass(waitMs + 2)

      assert.equal(await under.store.count(key, 60), 0)
    })

    it('is one for each key and kind', async () => {
      const key = newKey()
      assert.equal(await under.store.count(key, 1), 0)

      assert.equal(await under.store.count({ ...key, kind: 'session' }, 1), 0)
      assert.equal(await under.store.count(newKey(), 1), 0)
      assert.ok((await under.store.count(key, 1)) > 0)
    })

    it('against no number of a minute is a mistake', async () => {
      for (const perMinute of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])
        await isMistake(() => under.store.count(newKey(), perMinute))
    })
  })
}
