import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { GatewayError } from '../../src/errors.ts'
import { type FamilyLife, type OneTimeKey, readTombstone, type Store } from '../../src/store/store.ts'

export interface StoreUnderTest {
  readonly store: Store
  /** A second store over the same data, such as another replica has. */
  readonly other: Store
  /** Lets time pass, in ms. */
  readonly pass: (ms: number) => Promise<void>
}

const hour = 3_600_000
const longLife: FamilyLife = { sessionTtlMs: hour, vaultTtlMs: hour }
const gone = { session: null, vault: null }
// Long enough for the commands of a test to fit in, on a machine that is busy.
const soonMs = 250
const laterMs = 300

/** What store.ts promises, held against one implementation. */
export function describeStore(name: string, makeStore: () => Promise<StoreUnderTest>): void {
  describe(name, () => {
    let store: Store
    let other: Store
    let pass: StoreUnderTest['pass']

    before(async () => {
      const made = await makeStore()
      store = made.store
      other = made.other
      pass = made.pass
    })
    after(() => Promise.all([store.close(), other.close()]))

    /** A family that is there, with records of its own. */
    async function createFamily(life = longLife) {
      const id = newId()
      const records = { session: `1.k1.0.session-of-${id}`, vault: `1.-.0.vault-of-${id}` }
      assert.equal(await store.createFamily(id, records, life), true)
      return { id, ...records }
    }

    describe('readFamily', () => {
      it('gives null for what is not there', async () => {
        assert.deepEqual(await store.readFamily(newId(), '0'), gone)
      })

      it('gives the session record of the member that was asked for', async () => {
        const family = await createFamily()

        assert.deepEqual(await store.readFamily(family.id, '0'), { session: family.session, vault: family.vault })
        assert.deepEqual(await store.readFamily(family.id, 'm1'), { session: null, vault: family.vault })
      })

      it('gives back any text as it was written', async () => {
        const id = newId()
        const records = { session: 'a\r\n\0"\'\\$1{} ü €  😀', vault: 'x'.repeat(100_000) }

        await store.createFamily(id, records, longLife)

        assert.deepEqual(await other.readFamily(id, '0'), records)
      })

      it('reads many families at once, each its own', async () => {
        const families = await Promise.all(Array.from({ length: 50 }, () => createFamily()))

        const read = await Promise.all(families.map(family => store.readFamily(family.id, '0')))

        assert.deepEqual(
          read,
          families.map(({ session, vault }) => ({ session, vault })),
        )
      })
    })

    describe('createFamily', () => {
      it('writes nothing when the family is there', async () => {
        const family = await createFamily()

        assert.equal(await other.createFamily(family.id, { session: 'another', vault: 'another' }, longLife), false)
        assert.deepEqual(await store.readFamily(family.id, '0'), { session: family.session, vault: family.vault })
      })

      it('writes nothing when only the vault is left', async () => {
        const family = await createFamily({ sessionTtlMs: 1, vaultTtlMs: hour })
        await pass(20)

        assert.equal(await store.createFamily(family.id, { session: 'another', vault: 'another' }, longLife), false)
        assert.deepEqual(await store.readFamily(family.id, '0'), { session: null, vault: family.vault })
      })

      it('writes nothing over a tombstone', async () => {
        const family = await createFamily()
        await store.endFamily(family.id, 'logged_out', hour)

        assert.equal(await store.createFamily(family.id, family, longLife), false)
        assert.deepEqual(await store.readFamily(family.id, '0'), { session: '!logged_out', vault: null })
      })

      it('lets one of many calls create it', async () => {
        const id = newId()
        const create = (_: unknown, index: number) =>
          [store, other][index % 2]?.createFamily(id, { session: `${index}`, vault: `${index}` }, longLife)

        const created = await Promise.all(Array.from({ length: 20 }, create))

        const winner = String(created.indexOf(true))
        assert.equal(created.filter(Boolean).length, 1)
        assert.deepEqual(await store.readFamily(id, '0'), { session: winner, vault: winner })
      })

      it('RDS-07 keeps each record for its own life', async () => {
        const family = await createFamily({ sessionTtlMs: soonMs, vaultTtlMs: hour })
        const another = await createFamily({ sessionTtlMs: hour, vaultTtlMs: soonMs })

        await pass(laterMs)

        assert.deepEqual(await store.readFamily(family.id, '0'), { session: null, vault: family.vault })
        assert.deepEqual(await store.readFamily(another.id, '0'), { session: another.session, vault: null })
      })
    })

    describe('replaceSession', () => {
      it('replaces the record that was expected, and nothing else', async () => {
        const family = await createFamily()

        assert.equal(await store.replaceSession(family.id, '0', family.session, 'next', longLife), true)
        assert.deepEqual(await store.readFamily(family.id, '0'), { session: 'next', vault: family.vault })
      })

      it('moves the life of both records', async () => {
        const family = await createFamily({ sessionTtlMs: soonMs, vaultTtlMs: soonMs })

        await store.replaceSession(family.id, '0', family.session, 'next', longLife)
        await pass(laterMs)

        assert.deepEqual(await store.readFamily(family.id, '0'), { session: 'next', vault: family.vault })
      })

      it('writes nothing when the record is another one, and moves no life', async () => {
        const family = await createFamily({ sessionTtlMs: soonMs, vaultTtlMs: soonMs })

        assert.equal(await store.replaceSession(family.id, '0', 'what was before', 'next', longLife), false)
        assert.deepEqual(await store.readFamily(family.id, '0'), { session: family.session, vault: family.vault })
        await pass(laterMs)
        assert.deepEqual(await store.readFamily(family.id, '0'), gone)
      })

      it('writes nothing when the record is gone, or never was', async () => {
        const family = await createFamily({ sessionTtlMs: 1, vaultTtlMs: hour })
        await pass(20)

        assert.equal(await store.replaceSession(family.id, '0', family.session, 'next', longLife), false)
        assert.equal(await store.replaceSession(family.id, 'm1', family.session, 'next', longLife), false)
        assert.deepEqual(await store.readFamily(family.id, '0'), { session: null, vault: family.vault })
        assert.deepEqual(await store.readFamily(family.id, 'm1'), { session: null, vault: family.vault })
      })

      it('writes nothing over a tombstone, even one that was expected', async () => {
        const family = await createFamily()
        await store.endFamily(family.id, 'revoked', hour)

        assert.equal(await store.replaceSession(family.id, '0', family.session, 'next', longLife), false)
        assert.equal(await store.replaceSession(family.id, '0', '!revoked', 'next', longLife), false)
        assert.deepEqual(await store.readFamily(family.id, '0'), { session: '!revoked', vault: null })
      })

      it('lets one of many writers win', async () => {
        const family = await createFamily()
        const replace = (_: unknown, index: number) =>
          [store, other][index % 2]?.replaceSession(family.id, '0', family.session, `next-${index}`, longLife)

        const replaced = await Promise.all(Array.from({ length: 20 }, replace))

        assert.equal(replaced.filter(Boolean).length, 1)
        assert.equal((await store.readFamily(family.id, '0')).session, `next-${replaced.indexOf(true)}`)
      })
    })

    describe('replaceVault', () => {
      it('replaces the vault that was expected, and nothing else', async () => {
        const family = await createFamily()

        assert.equal(await store.replaceVault(family.id, family.vault, 'next'), true)
        assert.deepEqual(await store.readFamily(family.id, '0'), { session: family.session, vault: 'next' })
      })

      it('leaves its life as it was', async () => {
        const family = await createFamily({ sessionTtlMs: hour, vaultTtlMs: soonMs })

        assert.equal(await store.replaceVault(family.id, family.vault, 'next'), true)
        await pass(laterMs)

        assert.deepEqual(await store.readFamily(family.id, '0'), { session: family.session, vault: null })
      })

      it('writes nothing when the vault is another one, or gone', async () => {
        const family = await createFamily()

        assert.equal(await store.replaceVault(family.id, 'what was before', 'next'), false)
        assert.equal(await store.replaceVault(newId(), family.vault, 'next'), false)
        assert.equal((await store.readFamily(family.id, '0')).vault, family.vault)
      })

      it('lets one of many writers win, so that no rotated token is overwritten', async () => {
        const family = await createFamily()
        const replace = (_: unknown, index: number) => [store, other][index % 2]?.replaceVault(family.id, family.vault, `next-${index}`)

        const replaced = await Promise.all(Array.from({ length: 20 }, replace))

        assert.equal(replaced.filter(Boolean).length, 1)
        assert.equal((await store.readFamily(family.id, '0')).vault, `next-${replaced.indexOf(true)}`)
      })
    })

    describe('endFamily', () => {
      it('leaves a tombstone that can be told from a record, and no vault', async () => {
        const family = await createFamily()

        assert.equal(await store.endFamily(family.id, 'idle', hour), true)

        const { session, vault } = await store.readFamily(family.id, '0')
        assert.equal(vault, null)
        assert.equal(readTombstone(session ?? ''), 'idle')
        assert.equal(readTombstone(family.session), null)
      })

      it('RDS-09 is seen by another replica at once', async () => {
        const family = await createFamily()
        assert.equal((await other.readFamily(family.id, '0')).session, family.session)

        await store.endFamily(family.id, 'logged_out', hour)

        assert.deepEqual(await other.readFamily(family.id, '0'), { session: '!logged_out', vault: null })
      })

      it('ends nothing, and leaves no tombstone, where there is no family', async () => {
        const id = newId()

        assert.equal(await store.endFamily(id, 'revoked', hour), false)
        assert.deepEqual(await store.readFamily(id, '0'), gone)
      })

      it('keeps the first tombstone and its life', async () => {
        const family = await createFamily()
        assert.equal(await store.endFamily(family.id, 'idle', soonMs), true)

        assert.equal(await store.endFamily(family.id, 'revoked', hour), false)
        assert.equal(await other.endFamily(family.id, 'revoked', hour, '!idle'), false)

        assert.equal((await store.readFamily(family.id, '0')).session, '!idle')
        await pass(laterMs)
        assert.deepEqual(await store.readFamily(family.id, '0'), gone)
      })

      it('ends only the record that was expected', async () => {
        const family = await createFamily()

        assert.equal(await store.endFamily(family.id, 'idle', hour, 'what was before'), false)
        assert.deepEqual(await store.readFamily(family.id, '0'), { session: family.session, vault: family.vault })
        assert.equal(await store.endFamily(family.id, 'idle', hour, family.session), true)
        assert.equal((await store.readFamily(family.id, '0')).session, '!idle')
      })

      it('expects in vain where there is no family', async () => {
        assert.equal(await store.endFamily(newId(), 'idle', hour, ''), false)
      })

      it('takes the vault away also when the session record has run out', async () => {
        const family = await createFamily({ sessionTtlMs: 1, vaultTtlMs: hour })
        await pass(20)

        assert.equal(await store.endFamily(family.id, 'revoked', hour), false)
        assert.deepEqual(await store.readFamily(family.id, '0'), gone)
      })

      it('lets one of many calls end it', async () => {
        const family = await createFamily()
        const end = (_: unknown, index: number) => [store, other][index % 2]?.endFamily(family.id, `reason-${index}`, hour)

        const ended = await Promise.all(Array.from({ length: 20 }, end))

        assert.equal(ended.filter(Boolean).length, 1)
        assert.equal((await store.readFamily(family.id, '0')).session, `!reason-${ended.indexOf(true)}`)
      })

      it('A-053 is undone by no other verb', async () => {
        const family = await createFamily()
        await store.endFamily(family.id, 'logged_out', hour)

        const late = await Promise.all([
          store.replaceSession(family.id, '0', family.session, 'late', longLife),
          store.replaceSession(family.id, '0', '!logged_out', 'late', longLife),
          store.replaceVault(family.id, family.vault, 'late'),
          other.createFamily(family.id, { session: 'late', vault: 'late' }, longLife),
        ])

        assert.deepEqual(late, [false, false, false, false])
        assert.deepEqual(await store.readFamily(family.id, '0'), { session: '!logged_out', vault: null })
      })

      it('A-053 holds against writers that come before, between and after', async () => {
        const orders = permute(['touch', 'renew', 'end', 'create'] as const)
        const families = await Promise.all(orders.map(() => createFamily()))

        await Promise.all(
          families.flatMap((family, index) => {
            const calls = {
              touch: (by: Store) => by.replaceSession(family.id, '0', family.session, 'touched', longLife),
              renew: (by: Store) => by.replaceVault(family.id, family.vault, 'renewed'),
              end: (by: Store) => by.endFamily(family.id, 'logged_out', hour),
              create: (by: Store) => by.createFamily(family.id, family, longLife),
            }
            return orders[index]?.map((call, turn) => calls[call](turn % 2 === 0 ? store : other))
          }),
        )

        for (const family of families) {
          assert.deepEqual(await store.readFamily(family.id, '0'), { session: '!logged_out', vault: null })
        }
      })
    })

    describe('one-time items', () => {
      const newKey = (): OneTimeKey => ({ kind: 'attempt', id: newId() })

      it('are live until they are taken, and spent afterwards', async () => {
        const key = newKey()

        assert.equal(await store.peekOnce(key), null)
        assert.equal(await store.putOnce(key, 'value', hour), true)
        assert.deepEqual(await other.peekOnce(key), { state: 'live', value: 'value' })
        assert.equal(await store.takeOnce(key, 'value'), true)
        assert.deepEqual(await other.peekOnce(key), { state: 'spent' })
      })

      it('are not written over, live or spent', async () => {
        const key = newKey()
        await store.putOnce(key, 'first', hour)

        assert.equal(await store.putOnce(key, 'second', hour), false)
        assert.deepEqual(await store.peekOnce(key), { state: 'live', value: 'first' })
        await store.takeOnce(key, 'first')
        assert.equal(await other.putOnce(key, 'third', hour), false)
        assert.deepEqual(await store.peekOnce(key), { state: 'spent' })
      })

      it('are taken only by who expects the right value', async () => {
        const key = newKey()
        await store.putOnce(key, 'value', hour)

        assert.equal(await store.takeOnce(key, 'another'), false)
        assert.deepEqual(await store.peekOnce(key), { state: 'live', value: 'value' })
        assert.equal(await store.takeOnce(newKey(), 'value'), false)
      })

      it('RDS-08 are taken by exactly one of 100 calls from two replicas', async () => {
        const key = newKey()
        await store.putOnce(key, 'value', hour)

        const taken = await Promise.all(Array.from({ length: 100 }, (_, index) => [store, other][index % 2]?.takeOnce(key, 'value')))

        assert.equal(taken.filter(Boolean).length, 1)
        assert.equal(taken.filter(result => result === false).length, 99)
      })

      it('RDS-08 are not taken a second time, not even as what they have become', async () => {
        const key = newKey()
        await store.putOnce(key, 'value', hour)
        await store.takeOnce(key, 'value')

        assert.equal(await store.takeOnce(key, 'value'), false)
        assert.equal(await store.takeOnce(key, '!'), false)
        assert.deepEqual(await store.peekOnce(key), { state: 'spent' })
      })

      it('of one id are kept apart by their kind', async () => {
        const id = newId()
        await store.putOnce({ kind: 'attempt', id }, 'value', hour)

        assert.equal(await store.peekOnce({ kind: 'result', id }), null)
        assert.equal(await store.putOnce({ kind: 'result', id }, 'value', hour), true)
        assert.equal(await store.takeOnce({ kind: 'attempt', id }, 'value'), true)
        assert.deepEqual(await store.peekOnce({ kind: 'result', id }), { state: 'live', value: 'value' })
      })

      it('RDS-07 are gone after their life, and taking one does not prolong it', async () => {
        const [live, taken] = [newKey(), newKey()]
        await store.putOnce(live, 'value', soonMs)
        await store.putOnce(taken, 'value', soonMs)
        assert.equal(await store.takeOnce(taken, 'value'), true)

        await pass(laterMs)

        assert.equal(await store.peekOnce(live), null)
        assert.equal(await store.peekOnce(taken), null)
        assert.equal(await store.takeOnce(live, 'value'), false)
        assert.equal(await store.putOnce(live, 'again', hour), true)
      })
    })

    describe('lives', () => {
      it('that have run out, or are a fraction, count as one millisecond', async () => {
        const keys = [0, -5000, 0.2].map(life => ({ life, key: { kind: 'attempt', id: newId() } as const }))

        for (const { life, key } of keys) assert.equal(await store.putOnce(key, 'value', life), true)
        const family = await createFamily({ sessionTtlMs: -1, vaultTtlMs: 0.5 })
        await pass(20)

        for (const { key } of keys) assert.equal(await store.peekOnce(key), null)
        assert.deepEqual(await store.readFamily(family.id, '0'), gone)
      })

      it('RDS-07 without an end are a mistake', async () => {
        const [id, key] = [newId(), { kind: 'attempt', id: newId() } as const]
        for (const life of [Number.NaN, Number.POSITIVE_INFINITY]) {
          await isMistake(() => store.putOnce(key, 'value', life))
          await isMistake(() => store.endFamily(id, 'idle', life))
          await isMistake(() => store.createFamily(id, { session: 's', vault: 'v' }, { sessionTtlMs: life, vaultTtlMs: 1 }))
          await isMistake(() => store.createFamily(id, { session: 's', vault: 'v' }, { sessionTtlMs: 1, vaultTtlMs: life }))
        }
        assert.equal(await store.peekOnce(key), null)
        assert.deepEqual(await store.readFamily(id, '0'), gone)
      })
    })

    describe('values', () => {
      it("that would pass for the store's own are a mistake", async () => {
        const family = await createFamily()

        await isMistake(() => store.createFamily(newId(), { session: '!idle', vault: 'v' }, longLife))
        await isMistake(() => store.createFamily(newId(), { session: 's', vault: '!' }, longLife))
        await isMistake(() => store.replaceSession(family.id, '0', family.session, '!idle', longLife))
        await isMistake(() => store.replaceVault(family.id, family.vault, '!'))
        await isMistake(() => store.putOnce({ kind: 'attempt', id: newId() }, '!', hour))

        assert.deepEqual(await store.readFamily(family.id, '0'), { session: family.session, vault: family.vault })
      })
    })

    describe('ids', () => {
      it('RDS-10 A-068 that are not base64url, or too long, are a mistake of every verb', async () => {
        const hostile = ['', '*', 'a:b', 'a}b', '{a', 'a b', 'a\r\nDEL x', 'a\n', 'a\0', 'ä', '../a', 'a'.repeat(65), 'a'.repeat(10_240)]
        for (const id of hostile) {
          const key = { kind: 'attempt', id } as const
          await isMistake(() => store.readFamily(id, '0'))
          await isMistake(() => store.readFamily(newId(), id))
          await isMistake(() => store.createFamily(id, { session: 's', vault: 'v' }, longLife))
          await isMistake(() => store.replaceSession(id, '0', 's', 't', longLife))
          await isMistake(() => store.replaceSession(newId(), id, 's', 't', longLife))
          await isMistake(() => store.replaceVault(id, 'v', 'w'))
          await isMistake(() => store.endFamily(id, 'idle', hour))
          await isMistake(() => store.putOnce(key, 'value', hour))
          await isMistake(() => store.peekOnce(key))
          await isMistake(() => store.takeOnce(key, 'value'))
        }
      })

      it('RDS-10 keep families apart whose ids begin alike', async () => {
        const id = newId()
        await store.createFamily(id, { session: 's', vault: 'v' }, longLife)

        assert.deepEqual(await store.readFamily(`${id}-`, '0'), gone)
        assert.deepEqual(await store.readFamily(id.slice(0, -1), '0'), gone)
        assert.deepEqual(await store.readFamily(id.toLowerCase().concat('_'), '0'), gone)
      })
    })

    it('answers a ping', async () => {
      assert.equal(await store.ping(), undefined)
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

/** One call of every verb that asks the store for something. */
export function everyVerb(store: Store, id: string): readonly (() => Promise<unknown>)[] {
  const key = { kind: 'attempt', id } as const
  return [
    async () => store.readFamily(id, '0'),
    async () => store.createFamily(id, { session: 's', vault: 'v' }, longLife),
    async () => store.replaceSession(id, '0', 's', 't', longLife),
    async () => store.replaceVault(id, 'v', 'w'),
    async () => store.endFamily(id, 'idle', hour),
    async () => store.putOnce(key, 'value', hour),
    async () => store.peekOnce(key),
    async () => store.takeOnce(key, 'value'),
    async () => store.ping(),
  ]
}

/** For assert.rejects: the one way in which a store may fail. */
export function isUnavailable(error: unknown): true {
  assert.ok(error instanceof GatewayError, `not a GatewayError: ${error}`)
  assert.equal(error.code, 'store_unavailable')
  return true
}

/** As sessions and attempts have them: 128 random bits. */
export function newId(): string {
  return randomBytes(16).toString('base64url')
}

async function isMistake(call: () => Promise<unknown>): Promise<void> {
  // `async`, because some verbs throw before they return a promise.
  await assert.rejects(async () => call(), TypeError)
}

function permute<Item>(items: readonly Item[]): readonly (readonly Item[])[] {
  if (items.length === 0) return [[]]
  return items.flatMap((item, index) => permute(items.toSpliced(index, 1)).map(rest => [item, ...rest]))
}
