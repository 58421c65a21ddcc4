import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { GatewayError } from '../../src/errors.ts'
import type { FamilyLife, Store } from '../../src/store/store.ts'

export interface StoreUnderTest {
  readonly store: Store
  /** A second store over the same data, such as another replica has. */
  readonly other: Store
  /** Lets time pass, in ms. */
  readonly pass: (ms: number) => Promise<void>
}

export const hour = 3_600_000
export const longLife: FamilyLife = { sessionTtlMs: hour, vaultTtlMs: hour }
export const gone = { session: null, vault: null }
// Long enough for the commands of a test to fit in, on a machine that is busy.
export const soonMs = 1500
export const laterMs = 1600

/** A family that is there, with records of its own. */
export async function createFamily(store: Store, life = longLife) {
  const id = newId()
  const records = { session: `1.k1.0.session-of-${id}`, vault: `1.-.0.vault-of-${id}` }
  assert.equal(await store.createFamily(id, records, life), true)
  return { id, ...records }
}

/** One call of every verb that asks the store for something. */
export function everyVerb(store: Store, id: string): readonly (() => Promise<unknown>)[] {
  const [key, index] = [{ kind: 'attempt', id } as const, { kind: 'user', id } as const]
  return [
    async () => store.readFamily(id, '0'),
    async () => store.createFamily(id, { session: 's', vault: 'v' }, longLife),
    async () => store.replaceSession(id, '0', 's', 't', longLife),
    async () => store.replaceVault(id, 'v', 'w'),
    async () => store.endFamily(id, 'idle', hour),
    async () => store.addMember(id, '0', 'one', 's', longLife, 20),
    async () => store.readMembers(id),
    async () => store.endMembers(id, ['0'], 'idle', hour),
    async () => store.countFor(id, 'one', hour),
    async () => store.readCounts(id, ['one', 'two']),
    async () => store.putOnce(key, 'value', hour),
    async () => store.peekOnce(key),
    async () => store.takeOnce(key, 'value'),
    async () => store.takeLease(id, 'holder', hour),
    async () => store.extendLease(id, 'holder', hour),
    async () => store.releaseLease(id, 'holder'),
    async () => store.addToIndex(index, id, hour),
    async () => store.removeFromIndex(index, [id]),
    async () => store.readIndex(index),
    async () => store.setMark(index, 'value', hour),
    async () => store.readMark(index),
    async () => store.putDue(id, hour),
    async () => store.takeDue(1, hour),
    async () => store.dropDue(id),
    async () => store.count({ kind: 'address', id }, 60),
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

/** A TypeError, whether it is thrown or rejected. */
export async function isMistake(call: () => Promise<unknown>): Promise<void> {
  // `async`, because some verbs throw before they return a promise.
  await assert.rejects(async () => call(), TypeError)
}
