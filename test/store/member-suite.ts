import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createFamily, hour, laterMs, newId, type StoreUnderTest, soonMs } from './store-under-test.ts'

const life = { sessionTtlMs: hour, vaultTtlMs: hour }

/** What store.ts promises of the members of a family beside its root. */
export function describeMembers(under: StoreUnderTest): void {
  const add = (id: string, member: string, beside = '0', most = 20, lives = life) =>
    under.store.addMember(id, beside, member, `record of ${member}`, lives, most)
  const names = async (id: string) => (await under.other.readMembers(id)).map(({ member }) => member).toSorted()

  describe('addMember', () => {
    it('adds a record that is read with the vault, and listed beside the root', async () => {
      const family = await createFamily(under.store)

      assert.equal(await add(family.id, 'one'), true)

      assert.deepEqual(await under.other.readFamily(family.id, 'one'), { session: 'record of one', vault: family.vault })
      assert.deepEqual(
        (await under.other.readMembers(family.id)).toSorted((one, other) => one.member.localeCompare(other.member)),
        [
          { member: '0', session: family.session },
          { member: 'one', session: 'record of one' },
        ],
      )
    })

    it('adds nothing beside one that does not live, to no family, or under a name that is taken', async () => {
      const family = await createFamily(under.store)
      await add(family.id, 'one')
      await under.store.endMembers(family.id, ['one'], 'revoked', hour)

      assert.equal(await add(family.id, 'two', 'one'), false)
      assert.equal(await add(family.id, 'two', 'nobody'), false)
      assert.equal(await add(family.id, 'one'), false)
      assert.equal(await add(family.id, '0'), false)
      assert.equal(await add(newId(), 'two'), false)
      assert.deepEqual(await names(family.id), ['0'])
    })

    it('holds to the number that may live, and counts no one who has ended', async () => {
      const family = await createFamily(under.store)

      const added = await Promise.all(['a', 'b', 'c', 'd'].map(member => add(family.id, member, '0', 3)))
      const [one = ''] = (await names(family.id)).filter(name => name !== '0')
      await under.store.endMembers(family.id, [one], 'revoked', hour)

      assert.equal(added.filter(Boolean).length, 2)
      assert.equal(await add(family.id, 'e', '0', 3), true)
      assert.equal(await add(family.id, 'f', '0', 3), false)
    })

    it('lets the vault live as long as the longest needs it, and a write of another does not cut that', async () => {
      const short = { sessionTtlMs: soonMs, vaultTtlMs: soonMs }
      const family = await createFamily(under.store, short)
      await add(family.id, 'one')
      await under.store.replaceSession(family.id, '0', family.session, 'touched', short)

      await under.pass(laterMs)

      assert.deepEqual(await under.store.readFamily(family.id, 'one'), { session: 'record of one', vault: family.vault })
      assert.deepEqual(await names(family.id), ['one'])
    })
  })

  describe('endMembers', () => {
    it('ends those alone, and tells who is left', async () => {
      const family = await createFamily(under.store)
      await add(family.id, 'one')
      await add(family.id, 'two', 'one')

      assert.equal(await under.store.endMembers(family.id, ['one', 'two'], 'revoked', hour), 'some')
      assert.equal(await under.store.endMembers(family.id, ['one'], 'expired', hour), 'none')

      assert.deepEqual(await under.store.readFamily(family.id, 'two'), { session: '!revoked', vault: family.vault })
      assert.deepEqual(await names(family.id), ['0'])
    })

    it('takes the vault along with the last, whoever that is', async () => {
      const family = await createFamily(under.store)
      await add(family.id, 'one')

      assert.equal(await under.store.endMembers(family.id, ['0'], 'idle', hour), 'some')
      assert.equal((await under.store.readFamily(family.id, 'one')).vault, family.vault)
      assert.equal(await under.store.endMembers(family.id, ['one'], 'expired', hour), 'all')

      assert.deepEqual(await under.store.readFamily(family.id, 'one'), { session: '!expired', vault: null })
      assert.deepEqual(await under.store.readFamily(family.id, '0'), { session: '!idle', vault: null })
    })

    it('ends only the record that was expected', async () => {
      const family = await createFamily(under.store)

      assert.equal(await under.store.endMembers(family.id, ['0'], 'idle', hour, 'what was before'), 'none')
      assert.equal(await under.store.endMembers(family.id, ['0'], 'idle', hour, family.session), 'all')
    })
  })

  describe('endFamily', () => {
    it('RDS-08 ends every member in one step, also where the root has ended before', async () => {
      const [whole, rootless] = [await createFamily(under.store), await createFamily(under.store)]
      for (const { id } of [whole, rootless]) await add(id, 'one')
      await under.store.endMembers(rootless.id, ['0'], 'idle', hour)

      for (const { id } of [whole, rootless]) assert.equal(await under.store.endFamily(id, 'revoked', hour), true)

      for (const { id } of [whole, rootless]) {
        assert.deepEqual(await under.store.readFamily(id, 'one'), { session: '!revoked', vault: null })
        assert.equal(await add(id, 'two'), false)
      }
      assert.equal((await under.store.readFamily(rootless.id, '0')).session, '!idle')
    })
  })

  describe('countFor', () => {
    it('counts each call once, whoever makes it, until its time is over', async () => {
      const id = newId()

      const counts = await Promise.all([under.store, under.other, under.store].map(store => store.countFor(id, 'one', soonMs)))

      assert.deepEqual(counts.toSorted(), [1, 2, 3])
      assert.equal(await under.store.countFor(id, 'two', soonMs), 1)
      await under.pass(laterMs)
      assert.equal(await under.store.countFor(id, 'one', soonMs), 1)
    })
  })

  describe('readCounts', () => {
    it('tells what was counted, for each in its place, and counts nothing', async () => {
      const id = newId()
      for (const member of ['one', 'two', 'one']) await under.store.countFor(id, member, soonMs)

      assert.deepEqual(await under.other.readCounts(id, ['nobody', 'one', 'two', 'one']), [0, 2, 1, 2])
      assert.deepEqual(await under.store.readCounts(newId(), ['one']), [0])
      assert.equal(await under.store.countFor(id, 'one', soonMs), 3)
      await under.pass(laterMs)
      assert.deepEqual(await under.store.readCounts(id, ['one', 'two']), [0, 0])
    })
  })
}
