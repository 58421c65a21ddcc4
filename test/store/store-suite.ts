import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { describeCounts } from './count-suite.ts'
import { describeDeadlines } from './due-suite.ts'
import { describeEndings } from './ending-suite.ts'
import { describeFamilies } from './family-suite.ts'
import { describeIndexes } from './index-suite.ts'
import { describeLeases } from './lease-suite.ts'
import { describeMembers } from './member-suite.ts'
import { describeOneTimeItems } from './once-suite.ts'
import { createFamily, everyVerb, gone, hour, isMistake, isUnavailable, longLife, newId, type StoreUnderTest } from './store-under-test.ts'

/** What store.ts promises, held against one implementation. */
export function describeStore(
  name: string,
  makeStore: () => Promise<StoreUnderTest>,
  options: { readonly concurrency?: number } = {},
): void {
  describe(name, options, () => {
    // Filled before the first test runs.
    const under = {} as StoreUnderTest
    before(async () => {
      Object.assign(under, await makeStore())
    })
    after(() => Promise.all([under.store.close(), under.other.close()]))

    describeFamilies(under)
    describeEndings(under)
    describeMembers(under)
    describeOneTimeItems(under)
    describeLeases(under)
    describeIndexes(under)
    describeDeadlines(under)
    describeCounts(under)

    describe('lives', () => {
      it('that have run out, or are a fraction, count as one millisecond', async () => {
        const keys = [0, -5000, 0.2].map(life => ({ life, key: { kind: 'attempt', id: newId() } as const }))

        for (const { life, key } of keys) assert.equal(await under.store.putOnce(key, 'value', life), true)
        const family = await createFamily(under.store, { sessionTtlMs: -1, vaultTtlMs: 0.5 })
        await under.pass(20)

        for (const { key } of keys) assert.equal(await under.store.peekOnce(key), null)
        assert.deepEqual(await under.store.readFamily(family.id, '0'), gone)
      })

      it('RDS-07 without an end are a mistake', async () => {
        const [id, key, index] = [newId(), { kind: 'attempt', id: newId() } as const, { kind: 'user', id: newId() } as const]
        for (const life of [Number.NaN, Number.POSITIVE_INFINITY]) {
          await isMistake(() => under.store.putOnce(key, 'value', life))
          await isMistake(() => under.store.endFamily(id, 'idle', life))
          await isMistake(() => under.store.createFamily(id, { session: 's', vault: 'v' }, { sessionTtlMs: life, vaultTtlMs: 1 }))
          await isMistake(() => under.store.createFamily(id, { session: 's', vault: 'v' }, { sessionTtlMs: 1, vaultTtlMs: life }))
          await isMistake(() => under.store.takeLease(id, 'holder', life))
          await isMistake(() => under.store.extendLease(id, 'holder', life))
          await isMistake(() => under.store.addToIndex(index, id, life))
          await isMistake(() => under.store.setMark(index, 'value', life))
          await isMistake(() => under.store.putDue(id, life))
          await isMistake(() => under.store.takeDue(1, life))
        }
        assert.equal(await under.store.peekOnce(key), null)
        assert.equal(await under.store.readMark(index), null)
        assert.deepEqual(await under.store.readIndex(index), [])
        assert.equal(await under.store.takeLease(id, 'holder', 1), true)
        assert.deepEqual(await under.store.readFamily(id, '0'), gone)
      })
    })

    describe('values', () => {
      it("that would pass for the store's own are a mistake", async () => {
        const family = await createFamily(under.store)

        await isMistake(() => under.store.createFamily(newId(), { session: '!idle', vault: 'v' }, longLife))
        await isMistake(() => under.store.createFamily(newId(), { session: 's', vault: '!' }, longLife))
        await isMistake(() => under.store.replaceSession(family.id, '0', family.session, '!idle', longLife))
        await isMistake(() => under.store.replaceVault(family.id, family.vault, '!'))
        await isMistake(() => under.store.putOnce({ kind: 'attempt', id: newId() }, '!', hour))
        await isMistake(() => under.store.takeLease(family.id, '!', hour))
        await isMistake(() => under.store.setMark({ kind: 'user', id: newId() }, '!', hour))

        assert.deepEqual(await under.store.readFamily(family.id, '0'), { session: family.session, vault: family.vault })
      })
    })

    describe('ids', () => {
      it('RDS-10 A-068 that are not base64url, or too long, are a mistake of every verb', async () => {
        const hostile = ['', '*', 'a:b', 'a}b', '{a', 'a b', 'a\r\nDEL x', 'a\n', 'a\0', 'ä', '../a', 'a'.repeat(65), 'a'.repeat(10_240)]
        for (const id of hostile) {
          const [key, index] = [{ kind: 'attempt', id } as const, { kind: 'user', id } as const]
          await isMistake(() => under.store.readFamily(id, '0'))
          await isMistake(() => under.store.readFamily(newId(), id))
          await isMistake(() => under.store.createFamily(id, { session: 's', vault: 'v' }, longLife))
          await isMistake(() => under.store.replaceSession(id, '0', 's', 't', longLife))
          await isMistake(() => under.store.replaceSession(newId(), id, 's', 't', longLife))
          await isMistake(() => under.store.replaceVault(id, 'v', 'w'))
          await isMistake(() => under.store.endFamily(id, 'idle', hour))
          await isMistake(() => under.store.putOnce(key, 'value', hour))
          await isMistake(() => under.store.peekOnce(key))
          await isMistake(() => under.store.takeOnce(key, 'value'))
          await isMistake(() => under.store.takeLease(id, 'holder', hour))
          await isMistake(() => under.store.extendLease(id, 'holder', hour))
          await isMistake(() => under.store.releaseLease(id, 'holder'))
          await isMistake(() => under.store.addToIndex(index, newId(), hour))
          await isMistake(() => under.store.addToIndex({ kind: 'user', id: newId() }, id, hour))
          await isMistake(() => under.store.removeFromIndex(index, [newId()]))
          await isMistake(() => under.store.removeFromIndex(index, []))
          await isMistake(() => under.store.removeFromIndex({ kind: 'user', id: newId() }, [newId(), id]))
          await isMistake(() => under.store.readIndex(index))
          await isMistake(() => under.store.setMark(index, 'value', hour))
          await isMistake(() => under.store.readMark(index))
          await isMistake(() => under.store.putDue(id, hour))
          await isMistake(() => under.store.dropDue(id))
          await isMistake(() => under.store.count({ kind: 'address', id }, 60))
        }
      })

      it('RDS-10 keep families apart whose ids begin alike', async () => {
        const id = newId()
        await under.store.createFamily(id, { session: 's', vault: 'v' }, longLife)

        assert.deepEqual(await under.store.readFamily(`${id}-`, '0'), gone)
        assert.deepEqual(await under.store.readFamily(id.slice(0, -1), '0'), gone)
        assert.deepEqual(await under.store.readFamily(id.toLowerCase().concat('_'), '0'), gone)
      })
    })

    it('answers a ping', async () => {
      assert.equal(await under.store.ping(), undefined)
    })

    it('has no verb that the tests of outages leave out', async () => {
      const asked = new Set<string | symbol>()
      const recorder = new Proxy(under.store, { get: (_, verb) => async () => void asked.add(verb) })

      for (const call of everyVerb(recorder, newId())) await call()

      assert.deepEqual([...asked, 'close'].toSorted(), Object.keys(under.store).toSorted())
    })

    it('rejects every verb once it is closed, and closes twice', async () => {
      const { store: closing, other: spare } = await makeStore()
      await spare.close()

      await closing.close()
      await closing.close()

      for (const call of everyVerb(closing, newId())) await assert.rejects(call, isUnavailable)
    })
  })
}
