import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createFamily, gone, hour, laterMs, longLife, newId, type StoreUnderTest, soonMs } from './store-under-test.ts'

/** What store.ts promises of a family while it lives. */
export function describeFamilies(under: StoreUnderTest): void {
  describe('readFamily', () => {
    it('gives null for what is not there', async () => {
      assert.deepEqual(await under.store.readFamily(newId(), '0'), gone)
    })

    it('gives the session record of the member that was asked for', async () => {
      const family = await createFamily(under.store)

      assert.deepEqual(await under.store.readFamily(family.id, '0'), { session: family.session, vault: family.vault })
      assert.deepEqual(await under.store.readFamily(family.id, 'm1'), { session: null, vault: family.vault })
    })

    it('gives back any text as it was written', async () => {
      const id = newId()
      const records = { session: 'a\r\n\0"\'\\$1{} ü €  😀', vault: 'x'.repeat(100_000) }

      await under.store.createFamily(id, records, longLife)

      assert.deepEqual(await under.other.readFamily(id, '0'), records)
    })

    it('reads many families at once, each its own', async () => {
      const families = await Promise.all(Array.from({ length: 50 }, () => createFamily(under.store)))

      const read = await Promise.all(families.map(family => under.store.readFamily(family.id, '0')))

      assert.deepEqual(
        read,
        families.map(({ session, vault }) => ({ session, vault })),
      )
    })
  })

  describe('createFamily', () => {
    it('writes nothing when the family is there', async () => {
      const family = await createFamily(under.store)

      assert.equal(await under.other.createFamily(family.id, { session: 'another', vault: 'another' }, longLife), false)
      assert.deepEqual(await under.store.readFamily(family.id, '0'), { session: family.session, vault: family.vault })
    })

    it('writes nothing when only the vault is left', async () => {
      const family = await createFamily(under.store, { sessionTtlMs: 1, vaultTtlMs: hour })
      await under.pass(20)

      assert.equal(await under.store.createFamily(family.id, { session: 'another', vault: 'another' }, longLife), false)
      assert.deepEqual(await under.store.readFamily(family.id, '0'), { session: null, vault: family.vault })
    })

    it('writes nothing over a tombstone', async () => {
      const family = await createFamily(under.store)
      await under.store.endFamily(family.id, 'logged_out', hour)

      assert.equal(await under.store.createFamily(family.id, family, longLife), false)
      assert.deepEqual(await under.store.readFamily(family.id, '0'), { session: '!logged_out', vault: null })
    })

    it('lets one of many calls create it', async () => {
      const id = newId()
      const create = (_: unknown, index: number) =>
        [under.store, under.other][index % 2]?.createFamily(id, { session: `${index}`, vault: `${index}` }, longLife)

      const created = await Promise.all(Array.from({ length: 20 }, create))

      const winner = String(created.indexOf(true))
      assert.equal(created.filter(Boolean).length, 1)
      assert.deepEqual(await under.store.readFamily(id, '0'), { session: winner, vault: winner })
    })

    it('RDS-07 keeps each record for its own life', async () => {
      const family = await createFamily(under.store, { sessionTtlMs: soonMs, vaultTtlMs: hour })
      const another = await createFamily(under.store, { sessionTtlMs: hour, vaultTtlMs: soonMs })

      await under.pass(laterMs)

      assert.deepEqual(await under.store.readFamily(family.id, '0'), { session: null, vault: family.vault })
      assert.deepEqual(await under.store.readFamily(another.id, '0'), { session: another.session, vault: null })
    })
  })

  describe('replaceSession', () => {
    it('replaces the record that was expected, and nothing else', async () => {
      const family = await createFamily(under.store)

      assert.equal(await under.store.replaceSession(family.id, '0', family.session, 'next', longLife), true)
      assert.deepEqual(await under.store.readFamily(family.id, '0'), { session: 'next', vault: family.vault })
    })

    it('moves the life of both records', async () => {
      const family = await createFamily(under.store, { sessionTtlMs: soonMs, vaultTtlMs: soonMs })

      await under.store.replaceSession(family.id, '0', family.session, 'next', longLife)
      await under.pass(laterMs)

      assert.deepEqual(await under.store.readFamily(family.id, '0'), { session: 'next', vault: family.vault })
    })

    it('writes nothing when the record is another one, and moves no life', async () => {
      const family = await createFamily(under.store, { sessionTtlMs: soonMs, vaultTtlMs: soonMs })

      assert.equal(await under.store.replaceSession(family.id, '0', 'what was before', 'next', longLife), false)
      assert.deepEqual(await under.store.readFamily(family.id, '0'), { session: family.session, vault: family.vault })
      await under.pass(laterMs)
      assert.deepEqual(await under.store.readFamily(family.id, '0'), gone)
    })

    it('writes nothing when the record is gone, or never was', async () => {
      const family = await createFamily(under.store, { sessionTtlMs: 1, vaultTtlMs: hour })
      await under.pass(20)

      assert.equal(await under.store.replaceSession(family.id, '0', family.session, 'next', longLife), false)
      assert.equal(await under.store.replaceSession(family.id, 'm1', family.session, 'next', longLife), false)
      assert.deepEqual(await under.store.readFamily(family.id, '0'), { session: null, vault: family.vault })
      assert.deepEqual(await under.store.readFamily(family.id, 'm1'), { session: null, vault: family.vault })
    })

    it('writes nothing over a tombstone, even one that was expected', async () => {
      const family = await createFamily(under.store)
      await under.store.endFamily(family.id, 'revoked', hour)

      assert.equal(await under.store.replaceSession(family.id, '0', family.session, 'next', longLife), false)
      assert.equal(await under.store.replaceSession(family.id, '0', '!revoked', 'next', longLife), false)
      assert.deepEqual(await under.store.readFamily(family.id, '0'), { session: '!revoked', vault: null })
    })

    it('lets one of many writers win', async () => {
      const family = await createFamily(under.store)
      const replace = (_: unknown, index: number) =>
        [under.store, under.other][index % 2]?.replaceSession(family.id, '0', family.session, `next-${index}`, longLife)

      const replaced = await Promise.all(Array.from({ length: 20 }, replace))

      assert.equal(replaced.filter(Boolean).length, 1)
      assert.equal((await under.store.readFamily(family.id, '0')).session, `next-${replaced.indexOf(true)}`)
    })
  })

  describe('replaceVault', () => {
    it('replaces the vault that was expected, and nothing else', async () => {
      const family = await createFamily(under.store)

      assert.equal(await under.store.replaceVault(family.id, family.vault, 'next'), true)
      assert.deepEqual(await under.store.readFamily(family.id, '0'), { session: family.session, vault: 'next' })
    })

    it('leaves its life as it was', async () => {
      const family = await createFamily(under.store, { sessionTtlMs: hour, vaultTtlMs: soonMs })

      assert.equal(await under.store.replaceVault(family.id, family.vault, 'next'), true)
      await under.pass(laterMs)

      assert.deepEqual(await under.store.readFamily(family.id, '0'), { session: family.session, vault: null })
    })

    it('writes nothing when the vault is another one, or gone', async () => {
      const family = await createFamily(under.store)

      assert.equal(await under.store.replaceVault(family.id, 'what was before', 'next'), false)
      assert.equal(await under.store.replaceVault(newId(), family.vault, 'next'), false)
      assert.equal((await under.store.readFamily(family.id, '0')).vault, family.vault)
    })

    it('lets one of many writers win, so that no rotated token is overwritten', async () => {
      const family = await createFamily(under.store)
      const replace = (_: unknown, index: number) =>
        [under.store, under.other][index % 2]?.replaceVault(family.id, family.vault, `next-${index}`)

      const replaced = await Promise.all(Array.from({ length: 20 }, replace))

      assert.equal(replaced.filter(Boolean).length, 1)
      assert.equal((await under.store.readFamily(family.id, '0')).vault, `next-${replaced.indexOf(true)}`)
    })
  })
}
