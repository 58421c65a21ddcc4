import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, it } from 'node:test'
import { ownToken } from '../../src/config/own-token.ts'
import type { Provider, Refreshed } from '../../src/oidc/provider.ts'
import { createCredential, randomToken } from '../../src/session/credential.ts'
import { createMembers } from '../../src/session/members.ts'
import { createSealing } from '../../src/session/sealing.ts'
import type { Credential, SignedIn } from '../../src/session/session.ts'
import { createSessionIndex } from '../../src/session/session-index.ts'
import { createMemoryStore } from '../../src/store/memory.ts'
import type { Store } from '../../src/store/store.ts'
import { createEndings, type Endings } from '../../src/tokens/endings.ts'
import { createWithLease } from '../../src/tokens/lease.ts'
import { createRenew } from '../../src/tokens/renew.ts'
import { createRevoke } from '../../src/tokens/revoke.ts'
import { beginning, makeFamilies } from '../support/families.ts'
import { hookedStore } from '../support/hooked-store.ts'
import { makeSignIn } from '../support/sign-in.ts'

// A renewal runs from the first await to the last; at one of them, in another replica, the session ends. Every moment
// is tried with every way to end it: nothing here waits for time to pass.

const startedAt = Date.UTC(2026, 10, 22, 12)

const around = (verb: string) => [`before ${verb}`, `after ${verb}`]
const everyMoment = [
  ...around('takeLease'),
  ...around('readFamily'),
  // The refresh token's own.
  ...around('takeLease'),
  'before the provider answers',
  ...around('replaceVault'),
  ...around('releaseLease'),
  ...around('releaseLease'),
]

interface Run {
  /** Every moment of the run, in order. */
  readonly moments: readonly string[]
  readonly revoked: readonly string[]
  readonly isWritten: boolean
  readonly result: SignedIn | Error
  readonly store: Store
  readonly state: string
}

const ways: Readonly<Record<string, (endings: Endings, credential: Credential) => Promise<unknown>>> = {
  'a sign-out': (endings, credential) => endings.signOut(credential),
  'a revocation from the list': (endings, { familyId }) => endings.one(familyId, 'revoked', { provider: 'main', sub: 'alice' }),
  'a back-channel logout': endings => endings.all({ provider: 'main', sid: 'sid-1' }, 'back_channel'),
}

/** Renews once, and ends the session at the moment with that number; -1 for never. */
async function renewAndEnd(way: string, at: number, mode: 'holder' | 'gateway'): Promise<Run> {
  const now = () => startedAt + 290_000
  const store = createMemoryStore({ now })
  const sealing = createSealing([{ id: 'k1', key: Buffer.alloc(32, 7) }])
  const [moments, revoked]: [string[], string[]] = [[], []]
  const provider = {
    config: { timeoutMs: 5_000 },
    async revoke({ token }: { token: string }) {
      revoked.push(token)
      return 'done'
    },
    async refresh(): Promise<Refreshed> {
      await hook('before the provider answers')
      const access = { token: 'new-access', scopes: ['openid'], expiresAt: now() + 300_000, refreshedAt: now() }
      return { refreshToken: 'rotated', grantExpiresAt: null, access, claims: null, idToken: null }
    },
  } as unknown as Provider
  const providers = new Map([['main', provider]])
  const pause = () => new Promise<void>(resolve => setImmediate(resolve))
  const audit = () => undefined
  const revoke = createRevoke({ providers, audit, pause })

  // The other replica: the store itself, and nothing of this one's memory.
  const elsewhere = makeFamilies({ store, sealing, now, mode })
  const endings = createEndings({
    families: elsewhere,
    members: createMembers({ store, sealing, now }),
    index: createSessionIndex({ store, now }),
    revoke,
    audit,
  })
  const credential = createCredential(randomBytes)
  await elsewhere.create(credential, makeSignIn(startedAt), beginning)

  async function hook(moment: string): Promise<void> {
    moments.push(moment)
    if (moments.length - 1 === at) await ways[way]?.(endings, { ...credential })
  }

  let isWritten = false
  const counted: Store = {
    ...store,
    replaceVault: async (...args) => {
      isWritten = await store.replaceVault(...args)
      return isWritten
    },
  }
  const hooked = hookedStore(counted, hook)
  const families = makeFamilies({ store: hooked, sealing, now, mode })
  const withLease = createWithLease({ store: hooked, nextHolder: () => randomToken(randomBytes, 16), now, pause })
  const renew = createRenew({ families, providers, withLease, revoke, audit, now, pause })

  const seen = await elsewhere.read(credential)
  assert.ok(seen.state === 'live')
  const result = await renew(seen.signedIn, ownToken).catch((error: Error) => error)
  for (let turn = 0; turn < 20; turn += 1) await pause()
  return { moments, revoked, isWritten, result, store, state: (await elsewhere.read(credential)).state }
}

describe('a renewal during which the session ends', () => {
  for (const mode of ['holder', 'gateway'] as const) {
    for (const way of Object.keys(ways)) {
      it(`RTK-08 A-064 SES-15 loses to ${way} at every moment (${mode})`, async () => {
        const { moments, result, state, isWritten } = await renewAndEnd(way, -1, mode)
        assert.deepEqual(moments, everyMoment)
        assert.deepEqual([state, isWritten, result instanceof Error], ['live', true, false])

        for (const [at, moment] of moments.entries()) {
          const run = await renewAndEnd(way, at, mode)

          const where = `${way} ${moment} (${at})`
          assert.equal(run.state, 'ended', where)
          const wasAsked = run.moments.includes('before the provider answers')
          // Got and not written: back to the provider. Written, then ended: by who could open them.
          const isOpened = way === 'a sign-out' || mode === 'gateway'
          const isGivenBack = wasAsked && (!run.isWritten || isOpened)
          if (isGivenBack) assert.ok(run.revoked.includes('rotated'), `${where}: the new refresh token is given back`)
          if (!run.isWritten) assert.ok(run.result instanceof Error, `${where}: nobody gets a token`)
        }
      })
    }
  }
})
