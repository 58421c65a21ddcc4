import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { describeEndings } from './ending-suite.ts'
import { describeFamilies } from './family-suite.ts'
import { describeOneTimeItems } from './once-suite.ts'
import { createFamily, everyVerb, gone, hour, isMistake, isUnavailable, longLife, newId, type StoreUnderTest } from './store-under-test.ts'

/** What store.ts promises, held against one implementation. */
export function describeStore(name: string, makeStore: () => Promise<StoreUnderTest>): void {
  describe(name, () => {
    // Filled before the first test runs.
    const under = {} as StoreUnderTest
    before(async () => {
      Object.assign(under, await makeStore())
    })
    after(() => Promise.all([under.store.close(), under.other.close()]))

    describeFamilies(under)
    describeEndings(under)
    describeOneTimeItems(under)

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
        const [id, key] = [newId(), { kind: 'attempt', id: newId() } as const]
        for (const life of [Number.NaN, Number.POSITIVE_INFINITY]) {
          await isMistake(() => under.store.putOnce(key, 'value', life))
          await isMistake(() => under.store.endFamily(id, 'idle', life))
          await isMistake(() => under.store.createFamily(id, { session: 's', vault: 'v' }, { sessionTtlMs: life, vaultTtlMs: 1 }))
          await isMistake(() => under.store.createFamily(id, { session: 's', vault: 'v' }, { sessionTtlMs: 1, vaultTtlMs: life }))
        }
        assert.equal(await under.store.peekOnce(key), null)
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

        assert.deepEqual(await under.store.readFamily(family.id, '0'), { session: family.session, vault: family.vault })
      })
    })

    describe('ids', () => {
      it('RDS-10 A-068 that are not base64url, or too long, are a mistake of every verb', async () => {
        const hostile = ['', '*', 'a:b', 'a}b', '{a', 'a b', 'a\r\nDEL x', 'a\n', 'a\0', 'ä', '../a', 'a'.repeat(65), 'a'.repeat(10_240)]
        for (const id of hostile) {
          const key = { kind: 'attempt', id } as const
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

    it('rejects every verb once it is closed, and closes twice', async () => {
      const { store: closing, other: spare } = await makeStore()
      await spare.close()

      await closing.close()
      await closing.close()

      for (const call of everyVerb(closing, newId())) await assert.rejects(call, isUnavailable)
    })
  })
}
