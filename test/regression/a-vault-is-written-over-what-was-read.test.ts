import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, it } from 'node:test'
import { createCredential } from '../../src/session/credential.ts'
import type { Families } from '../../src/session/families.ts'
import { createSealing } from '../../src/session/sealing.ts'
import type { Credential, SignedIn } from '../../src/session/session.ts'
import { createMemoryStore } from '../../src/store/memory.ts'
import type { Store } from '../../src/store/store.ts'
import { beginning, makeFamilies } from '../support/families.ts'
import { makeSignIn } from '../support/sign-in.ts'

const minute = 60_000

/*
 * What happened: saveVault compared the store with what the process had opened last, not with what its caller had read.
 * While a slow renewal waited for the provider, another replica renewed and any other request of the same session made
 * this process open the result: the late tokens then replaced the newer ones. And a touch that failed after such a
 * save was never tried again, so that a session in use ran into its idle timeout.
 *
 * What holds it now: the versions are compared first, and a failed touch frees what is held now.
 */
describe('A vault written after another replica has renewed', () => {
  it('SES-15 is refused, also when this process has seen the newer one meanwhile', async () => {
    const [one, other] = createReplicas(createMemoryStore({ now: Date.now }))
    const credential = createCredential(randomBytes)
    await one.create(credential, makeSignIn(Date.now()), beginning)
    const slow = await readLive(one, credential)
    const theirs = await other.saveVault(await readLive(other, { ...credential }), { ...slow.vault, refreshToken: 'newer' })
    assert.notEqual(theirs, null)
    await readLive(one, credential)

    const late = await one.saveVault(slow, { ...slow.vault, refreshToken: 'late' })

    assert.equal(late, null)
    assert.equal((await readLive(one, credential)).vault.refreshToken, 'newer')
  })
})

describe('A touch that fails while the vault is saved', () => {
  it('is tried again', async () => {
    let now = Date.now()
    const store = createMemoryStore({ now: () => now })
    let touches = 0
    let failTouch = (_error: Error) => {}
    const failing: Store = {
      ...store,
      replaceSession(...args) {
        touches++
        return touches > 1 ? store.replaceSession(...args) : new Promise((_resolve, reject) => (failTouch = reject))
      },
    }
    const [families] = createReplicas(failing, () => now)
    const credential = createCredential(randomBytes)
    await families.create(credential, makeSignIn(Date.now()), beginning)
    now += 10 * minute
    const signedIn = await readLive(families, credential)
    families.touch(signedIn)
    // A touch sees to the index first.
    await new Promise(resolve => setImmediate(resolve))
    await families.saveVault(signedIn, { ...signedIn.vault, refreshToken: 'next' })
    failTouch(new Error('the store is away'))
    await new Promise(resolve => setImmediate(resolve))

    families.touch(await readLive(families, credential))
    await new Promise(resolve => setImmediate(resolve))

    assert.equal(touches, 2)
  })
})

function createReplicas(store: Store, now = Date.now): [Families, Families] {
  const sealing = createSealing([{ id: 'k1', key: randomBytes(32) }])
  const create = () => makeFamilies({ store, sealing, now })
  return [create(), create()]
}

async function readLive(families: Families, credential: Credential): Promise<SignedIn> {
  const family = await families.read(credential)
  return family.state === 'live' ? family.signedIn : assert.fail(family.state)
}
