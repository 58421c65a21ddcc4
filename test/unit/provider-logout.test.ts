import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, it } from 'node:test'
import { GatewayError } from '../../src/errors.ts'
import type { LogoutToken } from '../../src/oidc/provider.ts'
import { createCredential } from '../../src/session/credential.ts'
import { createMembers } from '../../src/session/members.ts'
import { createSealing } from '../../src/session/sealing.ts'
import { createSessionIndex } from '../../src/session/session-index.ts'
import { createSessionList } from '../../src/session/session-list.ts'
import { createMemoryStore } from '../../src/store/memory.ts'
import { readTombstone, type Store } from '../../src/store/store.ts'
import { createAdmit } from '../../src/tokens/admit.ts'
import { createEndings } from '../../src/tokens/endings.ts'
import { createProviderLogout } from '../../src/tokens/provider-logout.ts'
import type { Revoke } from '../../src/tokens/revoke.ts'
import { beginning, makeFamilies } from '../support/families.ts'
import { tryEveryOrder } from '../support/interleavings.ts'
import { makeSignIn } from '../support/sign-in.ts'

const now = () => Date.UTC(2026, 10, 22, 12)
const sealing = createSealing([{ id: 'k1', key: Buffer.alloc(32, 7) }])
const revoke = Object.assign(() => undefined, { ended: () => undefined, settle: async () => undefined }) satisfies Revoke

/** The parts of one process over its view of the store. */
function makeProcess(store: Store) {
  const index = createSessionIndex({ store, now })
  const families = makeFamilies({ store, sealing, now })
  const members = createMembers({ store, sealing, now })
  const endings = createEndings({ families, members, index, revoke, audit: () => undefined })
  const list = createSessionList({ families, members, index })
  return {
    families,
    admit: createAdmit({ index, list, endings, perUserLimit: 20 }),
    providerLogout: createProviderLogout({ store, index, endings, now }),
  }
}

function token(claims: Partial<LogoutToken>): LogoutToken {
  return { sub: null, sid: null, jti: 'j', issuedAt: now(), expiresAt: now() + 120_000, ...claims }
}

const verbs = ['addToIndex', 'createFamily', 'readMark', 'setMark', 'readIndex', 'readFamily', 'endFamily']

describe('a sign-in and a logout of the same session', () => {
  const ways: Readonly<Record<string, Partial<LogoutToken>>> = {
    'by sid': { sid: 'sid-1' },
    'by sub': { sub: 'alice' },
    'by both': { sub: 'alice', sid: 'sid-1' },
  }
  for (const [way, claims] of Object.entries(ways)) {
    it(`BCL-11 A-061 end with nobody signed in, in whichever order the store serves them (${way})`, async () => {
      const outcomes = new Set<string>()

      const orders = await tryEveryOrder(verbs, async (views, schedule) => {
        const store = createMemoryStore({ now })
        const { a, b } = views(store)
        const credential = createCredential(randomBytes)
        const signIn = makeSignIn(now())
        const [here, there] = [makeProcess(a), makeProcess(b)]

        const [outcome] = await Promise.all([
          here.families
            .create(credential, signIn, beginning)
            .then(() => here.admit(credential, signIn, now()))
            .then(
              () => 'admitted',
              (error: GatewayError) => error.code,
            ),
          there.providerLogout.byToken('main', token(claims)),
        ])

        outcomes.add(outcome)
        const records = await store.readFamily(credential.familyId, credential.member)
        const isEnded = records.vault === null && readTombstone(records.session ?? '') !== null
        assert.ok(isEnded, `lives on after ${schedule.join('')}`)
      })

      assert.ok(orders > 100, `${orders} orders`)
      // Some are let in before the logout finds them, others are kept out: both were seen.
      assert.deepEqual([...outcomes].sort(), ['admitted', 'session_revoked'])
    })
  }
})

describe('a sign-in after a logout', () => {
  async function signInAfter(claims: Partial<LogoutToken>, { begunAt = now(), authTime = now(), sid = 'sid-1' } = {}) {
    const { families, admit, providerLogout } = makeProcess(createMemoryStore({ now }))
    await providerLogout.byToken('main', token(claims))
    const credential = createCredential(randomBytes)
    const signIn = makeSignIn(now(), { authTime, sid })
    await families.create(credential, signIn, beginning)
    await admit(credential, signIn, begunAt)
  }
  const revoked = (error: unknown) => error instanceof GatewayError && error.code === 'session_revoked'

  // auth0/express-openid-connect#646: a person stayed logged out in a second browser.
  it('BCL-11 of all sessions works, with a person who was known before or has just authenticated', async () => {
    await signInAfter({ sub: 'alice' }, { begunAt: now() + 6_000, authTime: now() - 3_600_000 })
    await signInAfter({ sub: 'alice' }, { begunAt: now() - 60_000, authTime: now() + 1_000 })
    await assert.rejects(signInAfter({ sub: 'alice' }, { begunAt: now() - 60_000, authTime: now() - 60_000 }), revoked)
  })

  it('BCL-11 of one session works with another, and never with that one', async () => {
    await signInAfter({ sid: 'sid-1' }, { sid: 'sid-2' })
    await signInAfter({ sid: 'sid-1', sub: 'alice' }, { sid: 'sid-2' })
    await assert.rejects(signInAfter({ sid: 'sid-1' }, { begunAt: now() + 6_000, authTime: now() + 6_000 }), revoked)
    await assert.rejects(signInAfter({ sid: 'sid-1', sub: 'alice' }, { begunAt: now() + 6_000, authTime: now() + 6_000 }), revoked)
  })

  it('A-059 of another person in the same session works', async () => {
    await signInAfter({ sid: 'sid-1', sub: 'bob' })
    await signInAfter({ sub: 'bob' })
  })
})
