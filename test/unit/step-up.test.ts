import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { beforeEach, describe, it } from 'node:test'
import { ownToken } from '../../src/config/own-token.ts'
import { GatewayError } from '../../src/errors.ts'
import type { Provider, Refreshed } from '../../src/oidc/provider.ts'
import { createCredential, randomToken } from '../../src/session/credential.ts'
import type { Families } from '../../src/session/families.ts'
import { createSealing } from '../../src/session/sealing.ts'
import type { Credential, SignedIn, SignIn } from '../../src/session/session.ts'
import { createSessionIndex } from '../../src/session/session-index.ts'
import { createMemoryStore } from '../../src/store/memory.ts'
import type { Store } from '../../src/store/store.ts'
import { createWithLease } from '../../src/tokens/lease.ts'
import { createRenew } from '../../src/tokens/renew.ts'
import { createRevoke } from '../../src/tokens/revoke.ts'
import { createStepUp, type StepUp } from '../../src/tokens/step-up.ts'
import { beginning, makeFamilies } from '../support/families.ts'
import { hookedStore, type Moment } from '../support/hooked-store.ts'
import { makeSignIn } from '../support/sign-in.ts'

let now: number
let store: Store
let held: Credential
let next: Credential
let signIn: SignIn
let revoked: string[]
let refresh: () => Promise<Refreshed>

const pause = () => new Promise<void>(resolve => setImmediate(resolve))
const sealing = createSealing([{ id: 'k1', key: Buffer.alloc(32, 7) }])

/** A replica: nothing is shared but the store. */
function createReplica(engine: Store = store, mode: 'holder' | 'gateway' = 'holder') {
  const families = makeFamilies({ store: engine, sealing, mode, now: () => now })
  const provider = {
    config: { timeoutMs: 5_000 },
    refresh: () => refresh(),
    revoke: async ({ token }: { token: string }) => void revoked.push(token),
  } as unknown as Provider
  const providers = new Map([['main', provider]])
  const audit = () => undefined
  const withLease = createWithLease({ store: engine, nextHolder: () => randomToken(randomBytes, 16), now: () => now, pause })
  const revoke = createRevoke({ providers, audit, pause })
  const renew = createRenew({ families, providers, withLease, revoke, audit, now: () => now, pause })
  return { families, renew, stepUp: createStepUp({ families, providers, withLease, revoke }) }
}

async function readLive(families: Families, credential: Credential): Promise<SignedIn> {
  const family = await families.read({ ...credential })
  return family.state === 'live' ? family.signedIn : assert.fail(`the session is ${family.state}`)
}

async function raise({ stepUp, families }: { stepUp: StepUp; families: Families }): Promise<SignedIn> {
  const raised = await stepUp.raise(await readLive(families, held), next, signIn)
  return raised === 'overtaken' ? assert.fail(raised) : raised
}

/** Does something at the first moment of this name, and only then. */
function once(moment: Moment, act: () => Promise<unknown>): Store {
  let isDone = false
  return hookedStore(store, async at => {
    if (at !== moment || isDone) return
    isDone = true
    await act()
  })
}

async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await pause()
}

beforeEach(async () => {
  now = Date.UTC(2026, 10, 22, 12)
  store = createMemoryStore({ now: () => now })
  held = createCredential(randomBytes)
  next = { ...held, secret: randomToken(randomBytes, 32) }
  revoked = []
  refresh = () => assert.fail('nobody asks the provider')
  const access = { token: 'access-of-new', scopes: ['openid', 'more'], expiresAt: now + 300_000, refreshedAt: now }
  signIn = makeSignIn(now, { acr: 'gold', amr: ['otp'], sid: 'sid-2', authTime: now + 60_000, refreshToken: 'refresh-of-new', access })
  await createReplica().families.create(held, makeSignIn(now, { acr: 'bronze' }), beginning)
  const { families } = createReplica()
  const before = await readLive(families, held)
  const ofApi = { ...before.vault.access, 'https://orders.example ': access }
  await families.saveVault(before, { ...before.vault, access: ofApi })
  now += 60_000
})

describe('a step-up', () => {
  for (const mode of ['holder', 'gateway'] as const) {
    it(`SES-02 STEP-03 leaves one secret that opens the session, in every replica, with sealing: ${mode}`, async () => {
      const [one, other] = [createReplica(store, mode), createReplica(store, mode)]
      held = createCredential(randomBytes)
      next = { ...held, secret: randomToken(randomBytes, 32) }
      await one.families.create(held, makeSignIn(now), beginning)
      assert.equal((await readLive(other.families, held)).record.sealing, mode)

      const raised = await raise(one)

      assert.deepEqual(await other.families.read({ ...held }), { state: 'none', hasOtherSecret: true })
      assert.deepEqual((await readLive(other.families, next)).vault, raised.vault)
    })
  }

  it('changes what the sign-in says, and pushes the idle clock; id, beginning and absolute clock stay', async () => {
    const replica = createReplica()
    const { record: before } = await readLive(replica.families, held)

    const { record, vault, sessionId } = await raise(replica)

    assert.equal(sessionId, held.familyId)
    const { acr, amr, sid, authTime, scopes } = record
    assert.deepEqual([acr, amr, sid, authTime, scopes], ['gold', ['otp'], 'sid-2', now, ['openid', 'more']])
    for (const name of ['createdAt', 'absoluteExpiresAt', 'origin', 'device', 'address', 'kind'] as const) {
      assert.equal(record[name], before[name], name)
    }
    assert.equal(record.idleExpiresAt, before.idleExpiresAt + 60_000)
    assert.equal(vault.refreshToken, 'refresh-of-new')
    assert.deepEqual(Object.keys(vault.access), [''], 'tokens of the old grant say its level')
    assert.equal(vault.access['']?.token, 'access-of-new')
  })

  it('keeps the refresh token, and what was granted with it, where the new sign-in brought none', async () => {
    signIn = { ...signIn, refreshToken: null, scopes: ['openid'], audiences: ['https://new.example'] }

    const { vault } = await raise(createReplica())

    assert.deepEqual([vault.refreshToken, vault.scopes, vault.audiences], ['refresh-token-canary', ['openid', 'orders.read'], null])
    assert.equal(vault.access['']?.token, 'access-of-new')
  })

  it('BCL-11 is found by the new session of the provider, and by the person', async () => {
    await raise(createReplica())

    const index = createSessionIndex({ store, now: () => now })
    assert.deepEqual(await index.find({ provider: 'main', sid: 'sid-2' }), [held.familyId])
    assert.deepEqual(await index.find({ provider: 'main', sub: 'alice' }), [held.familyId])
  })
})

describe('a step-up, while', () => {
  it('another request touches the session, is made all the same, and the touch revives no secret', async () => {
    now += 5 * 60_000
    const other = createReplica()
    const seen = await readLive(other.families, held)
    const replica = createReplica(
      once('before replaceSession', async () => {
        other.families.touch(seen)
        await settled()
      }),
    )

    await raise(replica)
    other.families.touch(seen)
    await settled()

    assert.equal((await other.families.read({ ...held })).state, 'none')
    await readLive(other.families, next)
  })

  it('RTK-02 the tokens are renewed, waits for it, and neither loses what it got', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    refresh = async () => {
      await promise
      const access = { token: 'renewed', scopes: [], expiresAt: now + 300_000, refreshedAt: now }
      return { refreshToken: 'rotated', grantExpiresAt: null, access, claims: null, idToken: null }
    }
    const replica = createReplica()
    const renewal = replica.renew(await readLive(replica.families, held), ownToken)
    const raising = raise(createReplica())
    await settled()
    assert.equal((await readLive(replica.families, held)).record.acr, 'bronze')

    resolve()

    assert.equal((await renewal).vault.refreshToken, 'rotated')
    assert.equal((await raising).vault.refreshToken, 'refresh-of-new')
    assert.deepEqual(revoked, [])
  })

  it('a renewal that lost its lease comes too late, is not undone, and its grant is not revoked', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    refresh = async () => {
      await promise
      const access = { token: 'renewed', scopes: [], expiresAt: now + 300_000, refreshedAt: now }
      return { refreshToken: 'rotated', grantExpiresAt: null, access, claims: null, idToken: null }
    }
    const replica = createReplica()
    const renewal = replica.renew(await readLive(replica.families, held), ownToken)
    await settled()
    now += 10_001
    await raise(createReplica())
    resolve()

    await assert.rejects(renewal, (error: GatewayError) => error.code === 'session_revoked')

    await settled()
    assert.deepEqual(revoked, [])
    assert.equal((await readLive(replica.families, next)).vault.refreshToken, 'refresh-of-new')
  })

  it('RTK-02 somebody renews the new tokens before its last write, keeps those', async () => {
    const other = createReplica()
    const replica = createReplica(
      once('before replaceSession', async () => {
        const seen = await readLive(other.families, held)
        assert.ok(await other.families.saveVault(seen, { ...seen.vault, refreshToken: 'rotated since' }))
        now += 5 * 60_000
        other.families.touch(seen)
        await settled()
      }),
    )

    const { vault } = await raise(replica)

    assert.equal(vault.refreshToken, 'rotated since')
  })

  for (const moment of ['before replaceVault', 'after replaceVault', 'before replaceSession'] as const) {
    it(`RTK-08 a logout comes ${moment}, loses: nothing lives, and the new tokens go back`, async () => {
      const other = createReplica()
      const replica = createReplica(once(moment, () => other.families.end(held, 'logged_out')))

      await assert.rejects(raise(replica), (error: GatewayError) => error.code === 'session_revoked')

      await settled()
      for (const credential of [held, next]) {
        assert.deepEqual(await other.families.read({ ...credential }), { state: 'ended', reason: 'logged_out' })
      }
      assert.deepEqual(revoked, ['refresh-of-new', 'access-of-new'])
    })
  }

  it('another one is made, is told that it was overtaken, and changes nothing', async () => {
    const [one, other] = [createReplica(), createReplica()]
    const seen = await readLive(other.families, held)
    await raise(one)

    const late = await other.stepUp.raise(seen, { ...held, secret: randomToken(randomBytes, 32) }, { ...signIn, acr: 'platinum' })

    assert.equal(late, 'overtaken')
    assert.equal((await readLive(one.families, next)).record.acr, 'gold')
    assert.deepEqual(revoked, [])
  })

  it('the store goes away between its writes, leaves the session at its level, to the secret that it had', async () => {
    const fail = () => Promise.reject(new GatewayError('store_unavailable', 'Away.'))
    const replica = createReplica(once('before replaceSession', fail))

    await assert.rejects(raise(replica), (error: GatewayError) => error.code === 'store_unavailable')

    assert.equal((await readLive(replica.families, held)).record.acr, 'bronze')
    assert.equal((await raise(replica)).record.acr, 'gold')
  })
})
