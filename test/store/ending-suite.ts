import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { readTombstone, type Store } from '../../src/store/store.ts'
import { createFamily, gone, hour, laterMs, longLife, newId, type StoreUnderTest, soonMs } from './store-under-test.ts'

/** What store.ts promises of the end of a family: nothing brings it back. */
export function describeEndings(under: StoreUnderTest): void {
  describe('endFamily', () => {
    it('leaves a tombstone that can be told from a record, and no vault', async () => {
      const family = await createFamily(under.store)

      assert.equal(await under.store.endFamily(family.id, 'idle', hour), true)

      const { session, vault } = await under.store.readFamily(family.id, '0')
      assert.equal(vault, null)
      assert.equal(readTombstone(session ?? ''), 'idle')
      assert.equal(readTombstone(family.session), null)
    })

    it('RDS-09 is seen by another replica at once', async () => {
      const family = await createFamily(under.store)
      assert.equal((await under.other.readFamily(family.id, '0')).session, family.session)

      await under.store.endFamily(family.id, 'logged_out', hour)

      assert.deepEqual(await under.other.readFamily(family.id, '0'), { session: '!logged_out', vault: null })
    })

    it('ends nothing, and leaves no tombstone, where there is no family', async () => {
      const id = newId()

      assert.equal(await under.store.endFamily(id, 'revoked', hour), false)
      assert.deepEqual(await under.store.readFamily(id, '0'), gone)
    })

    it('keeps the first tombstone and its life', async () => {
      const family = await createFamily(under.store)
      assert.equal(await under.store.endFamily(family.id, 'idle', soonMs), true)

      assert.equal(await under.store.endFamily(family.id, 'revoked', hour), false)
      assert.equal(await under.other.endFamily(family.id, 'revoked', hour, { session: '!idle' }), false)

      assert.equal((await under.store.readFamily(family.id, '0')).session, '!idle')
      await under.pass(laterMs)
      assert.deepEqual(await under.store.readFamily(family.id, '0'), gone)
    })

    it('ends only the record that was expected', async () => {
      const family = await createFamily(under.store)

      assert.equal(await under.store.endFamily(family.id, 'idle', hour, { session: 'what was before' }), false)
      assert.deepEqual(await under.store.readFamily(family.id, '0'), { session: family.session, vault: family.vault })
      assert.equal(await under.store.endFamily(family.id, 'idle', hour, { session: family.session }), true)
      assert.equal((await under.store.readFamily(family.id, '0')).session, '!idle')
    })

    it('ends only while the vault is the one that was expected too', async () => {
      const family = await createFamily(under.store)
      await under.other.replaceVault(family.id, family.vault, 'rotated')

      assert.equal(await under.store.endFamily(family.id, 'revoked', hour, { session: family.session, vault: family.vault }), false)
      assert.equal(await under.store.endFamily(family.id, 'revoked', hour, { vault: family.vault }), false)
      assert.equal(await under.store.endFamily(family.id, 'revoked', hour, { session: 'another', vault: 'rotated' }), false)
      assert.deepEqual(await under.store.readFamily(family.id, '0'), { session: family.session, vault: 'rotated' })

      assert.equal(await under.store.endFamily(family.id, 'revoked', hour, { vault: 'rotated' }), true)
      assert.deepEqual(await under.store.readFamily(family.id, '0'), { session: '!revoked', vault: null })
    })

    it('tells a record that is expected not to be there from one that may be any', async () => {
      const whole = await createFamily(under.store)
      const half = await createFamily(under.store, { sessionTtlMs: hour, vaultTtlMs: 1 })
      await under.pass(20)

      assert.equal(await under.store.endFamily(whole.id, 'revoked', hour, { vault: null }), false)
      assert.equal(await under.store.endFamily(whole.id, 'revoked', hour, { session: null }), false)
      assert.equal(await under.store.endFamily(half.id, 'revoked', hour, { session: half.session, vault: '' }), false)
      assert.equal((await under.store.readFamily(half.id, '0')).session, half.session)
      assert.equal(await under.store.endFamily(half.id, 'revoked', hour, { session: half.session, vault: null }), true)
    })

    it('expects in vain where there is no family', async () => {
      const family = await createFamily(under.store, { sessionTtlMs: 1, vaultTtlMs: hour })
      await under.pass(20)

      assert.equal(await under.store.endFamily(newId(), 'idle', hour, { session: '' }), false)
      assert.equal(await under.store.endFamily(family.id, 'idle', hour, { session: '' }), false)
      assert.equal((await under.store.readFamily(family.id, '0')).vault, family.vault)
    })

    it('takes the vault away also when the session record has run out', async () => {
      const family = await createFamily(under.store, { sessionTtlMs: 1, vaultTtlMs: hour })
      await under.pass(20)

      assert.equal(await under.store.endFamily(family.id, 'revoked', hour), false)
      assert.deepEqual(await under.store.readFamily(family.id, '0'), gone)
    })

    it('lets one of many calls end it', async () => {
      const family = await createFamily(under.store)
      const end = (_: unknown, index: number) => [under.store, under.other][index % 2]?.endFamily(family.id, `reason-${index}`, hour)

      const ended = await Promise.all(Array.from({ length: 20 }, end))

      assert.equal(ended.filter(Boolean).length, 1)
      assert.equal((await under.store.readFamily(family.id, '0')).session, `!reason-${ended.indexOf(true)}`)
    })

    it('A-053 is undone by no other verb', async () => {
      const family = await createFamily(under.store)
      await under.store.endFamily(family.id, 'logged_out', hour)

      const late = await Promise.all([
        under.store.replaceSession(family.id, '0', family.session, 'late', longLife),
        under.store.replaceSession(family.id, '0', '!logged_out', 'late', longLife),
        under.store.replaceVault(family.id, family.vault, 'late'),
        under.other.createFamily(family.id, { session: 'late', vault: 'late' }, longLife),
      ])

      assert.deepEqual(late, [false, false, false, false])
      assert.deepEqual(await under.store.readFamily(family.id, '0'), { session: '!logged_out', vault: null })
    })

    it('A-053 holds against writers that come before, between and after', async () => {
      const orders = permute(['touch', 'renew', 'end', 'create'] as const)
      const families = await Promise.all(orders.map(() => createFamily(under.store)))

      await Promise.all(
        families.flatMap((family, index) => {
          const calls = {
            touch: (by: Store) => by.replaceSession(family.id, '0', family.session, 'touched', longLife),
            renew: (by: Store) => by.replaceVault(family.id, family.vault, 'renewed'),
            end: (by: Store) => by.endFamily(family.id, 'logged_out', hour),
            create: (by: Store) => by.createFamily(family.id, family, longLife),
          }
          return orders[index]?.map((call, turn) => calls[call](turn % 2 === 0 ? under.store : under.other))
        }),
      )

      for (const family of families) {
        assert.deepEqual(await under.store.readFamily(family.id, '0'), { session: '!logged_out', vault: null })
      }
    })
  })
}

function permute<Item>(items: readonly Item[]): readonly (readonly Item[])[] {
  if (items.length === 0) return [[]]
  return items.flatMap((item, index) => permute(items.toSpliced(index, 1)).map(rest => [item, ...rest]))
}
