import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, it } from 'node:test'
import { createCredential } from '../../src/session/credential.ts'
import type { Families } from '../../src/session/families.ts'
import { createMembers } from '../../src/session/members.ts'
import { createSealing } from '../../src/session/sealing.ts'
import type { Credential } from '../../src/session/session.ts'
import { createSessionIndex } from '../../src/session/session-index.ts'
import { createMemoryStore } from '../../src/store/memory.ts'
import { createEndings, type Endings } from '../../src/tokens/endings.ts'
import { createProviderLogout } from '../../src/tokens/provider-logout.ts'
import { createRevoke } from '../../src/tokens/revoke.ts'
import { beginning, makeFamilies } from '../support/families.ts'
import { hookedStore } from '../support/hooked-store.ts'
import { makeSignIn } from '../support/sign-in.ts'

const now = () => Date.UTC(2026, 10, 22, 12)
const sealing = createSealing([{ id: 'k1', key: Buffer.alloc(32, 7) }])
const alice = { provider: 'main', sub: 'alice' }

/*
 * What happened: an ending reads the family and ends it only while it still is what was read, three times at most. A
 * page whose tokens for many audiences are renewed in turn writes the vault again and again; where replicas of Redis do
 * not confirm, an ending waits 100 ms and more between its reading and its writing. After the third time it gave up
 * without a word: the sign-out cleared the cookie and said that it was done, the list said 404, the provider's logout
 * token got 200 and counted as spent, and the session lived on, its refresh token too.
 *
 * What holds it now: the last try ends the family whatever has been written meanwhile.
 */
describe('An ending that a renewal overtakes each time', () => {
  const ways: Readonly<Record<string, (endings: Endings, credential: Credential) => Promise<unknown>>> = {
    'a sign-out': async (endings, credential) => (await endings.signOut(credential)) !== null,
    'a revocation from the list': (endings, { familyId }) => endings.one(familyId, 'revoked', alice),
    'the end of all sessions': async endings => (await endings.all(alice, 'admin')) === 1,
  }
  for (const [way, end] of Object.entries(ways)) {
    for (const mode of ['holder', 'gateway'] as const) {
      it(`SES-15 ${way} ends the session all the same, and says so (${mode})`, async () => {
        const { endings, other, credential } = await overtaken(mode)

        const isEnded = await end(endings, credential)

        assert.equal((await other.read({ ...credential })).state, 'ended')
        assert.equal(isEnded, true)
      })
    }
  }

  it('BCL-07 a logout token is not spent in vain', async () => {
    const { providerLogout, other, credential } = await overtaken('holder')
    const token = { sub: 'alice', sid: null, jti: 'jti-1', issuedAt: now(), expiresAt: now() + 120_000 }

    assert.equal(await providerLogout.byToken('main', token), true)

    assert.equal((await other.read({ ...credential })).state, 'ended')
  })

  it('RTK-05 an ending for one version of the vault only still spares any other', async () => {
    const { families, other, credential } = await overtaken('holder')

    assert.equal(await families.end(credential, 'expired', 0), null)

    assert.equal((await other.read({ ...credential })).state, 'live')
  })
})

/** A session whose vault another replica writes each time before this one can end it. */
async function overtaken(mode: 'holder' | 'gateway') {
  const memory = createMemoryStore({ now })
  const other: Families = makeFamilies({ store: memory, sealing, now, mode })
  const credential = createCredential(randomBytes)
  await other.create(credential, makeSignIn(now()), beginning)
  const store = hookedStore(memory, async moment => {
    if (moment !== 'before endFamily') return
    const family = await other.read({ ...credential })
    if (family.state === 'live') await other.saveVault(family.signedIn, { ...family.signedIn.vault, refreshToken: 'rotated' })
  })
  const families = makeFamilies({ store, sealing, now, mode })
  const index = createSessionIndex({ store, now })
  const audit = () => undefined
  const revoke = createRevoke({ providers: new Map(), audit, pause: async () => undefined })
  const endings = createEndings({ families, members: createMembers({ store, sealing, now }), index, revoke, audit })
  return { families, endings, other, credential, providerLogout: createProviderLogout({ store, index, endings, now }) }
}
