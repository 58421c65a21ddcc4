import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, it } from 'node:test'
import { createCredential } from '../../src/session/credential.ts'
import { createSealing } from '../../src/session/sealing.ts'
import { createMemoryStore } from '../../src/store/memory.ts'
import { beginning, makeFamilies } from '../support/families.ts'
import { hookedStore } from '../support/hooked-store.ts'
import { makeSignIn } from '../support/sign-in.ts'

const startedAt = Date.UTC(2026, 10, 22, 12)
const grantExpiresAt = startedAt + 60_000

/*
 * What happened: where the provider says when its grant ends, that deadline is in the vault, and a renewal moves it. A
 * replica that read the family at the deadline ended it while the session record was the one it had read, whatever had
 * become of the vault: a renewal that another replica wrote between that reading and that ending was destroyed with the
 * session, and the tokens that were given back to the provider were the old ones.
 *
 * What holds it now: a deadline ends what was judged, record and vault.
 */
describe("The provider's deadline, passed while another replica renews", () => {
  it('RTK-09 ends nothing that was renewed in time', async () => {
    let now = startedAt
    const memory = createMemoryStore({ now: () => now })
    const sealing = createSealing([{ id: 'k1', key: Buffer.alloc(32, 7) }])
    const other = makeFamilies({ store: memory, sealing, now: () => now })
    const credential = createCredential(randomBytes)
    await other.create(credential, makeSignIn(startedAt, { grantExpiresAt }), beginning)
    now = grantExpiresAt - 5
    const renewing = await other.read({ ...credential })
    assert.ok(renewing.state === 'live')
    const store = hookedStore(memory, async moment => {
      if (moment !== 'before endFamily') return
      const next = { ...renewing.signedIn.vault, refreshToken: 'rotated', grantExpiresAt: grantExpiresAt + 60_000 }
      assert.notEqual(await other.saveVault(renewing.signedIn, next), null)
    })
    const lapsed: unknown[] = []
    const families = makeFamilies({ store, sealing, now: () => now, onLapsed: ended => lapsed.push(ended) })
    now = grantExpiresAt

    await families.read(credential)
    // What it has begun has come to its end.
    for (let turn = 0; turn < 10; turn += 1) await new Promise(resolve => setImmediate(resolve))

    const family = await other.read({ ...credential })
    assert.ok(family.state === 'live')
    assert.equal(family.signedIn.vault.refreshToken, 'rotated')
    assert.deepEqual(lapsed, [])
  })

  it('RTK-09 ends what nobody renewed', async () => {
    let now = startedAt
    const store = createMemoryStore({ now: () => now })
    const families = makeFamilies({ store, sealing: createSealing([{ id: 'k1', key: Buffer.alloc(32, 7) }]), now: () => now })
    const credential = createCredential(randomBytes)
    await families.create(credential, makeSignIn(startedAt, { grantExpiresAt }), beginning)
    now = grantExpiresAt

    assert.deepEqual(await families.read(credential), { state: 'ended', reason: 'expired' })
    assert.equal((await store.readFamily(credential.familyId, '0')).session, '!expired')
  })
})
