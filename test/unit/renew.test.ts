import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { beforeEach, describe, it } from 'node:test'
import { ownToken } from '../../src/config/own-token.ts'
import { GatewayError } from '../../src/errors.ts'
import type { Provider, Refreshed } from '../../src/oidc/provider.ts'
import type { Audit } from '../../src/ops/audit.ts'
import { createCredential, randomToken } from '../../src/session/credential.ts'
import type { Families } from '../../src/session/families.ts'
import { createSealing } from '../../src/session/sealing.ts'
import type { Credential, SignedIn } from '../../src/session/session.ts'
import { createMemoryStore } from '../../src/store/memory.ts'
import type { Store } from '../../src/store/store.ts'
import { createFreshToken } from '../../src/tokens/fresh-token.ts'
import { createWithLease } from '../../src/tokens/lease.ts'
import { createRenew } from '../../src/tokens/renew.ts'
import { createRevoke } from '../../src/tokens/revoke.ts'
import { beginning, makeFamilies } from '../support/families.ts'
import { makeSignIn } from '../support/sign-in.ts'

// The provider here is one that fails, stalls and refuses at the moment the test says. The good path runs
// against a real one in test/contract/.

let now: number
let store: Store
let families: Families
let credential: Credential
let answers: (() => Promise<Refreshed>)[]
let asked: string[]
let revoked: string[]
let events: string[]
let fresh: (signedIn: SignedIn) => SignedIn | Promise<SignedIn>

const provider = {
  config: { timeoutMs: 5_000 },
  async revoke({ token }: { token: string }) {
    revoked.push(token)
    return 'done'
  },
  refresh({ refreshToken }: { refreshToken: string }) {
    asked.push(refreshToken)
    return answers.shift()?.() ?? Promise.reject(new Error('the test expects no further refresh'))
  },
} as unknown as Provider

const refreshed = (changes: Partial<Refreshed> = {}): Refreshed => ({
  refreshToken: 'rotated',
  grantExpiresAt: null,
  access: { token: 'new-access', scopes: ['openid'], expiresAt: now + 300_000, refreshedAt: now },
  claims: null,
  idToken: null,
  ...changes,
})

async function read(): Promise<SignedIn> {
  const family = await families.read(credential)
  return family.state === 'live' ? family.signedIn : assert.fail(`the session is ${family.state}`)
}

/** Lets what runs in the background come to its end; everything here answers within some turns of the loop. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await new Promise(resolve => setImmediate(resolve))
}

const outage = () => new GatewayError('idp_unavailable', 'The provider is away.')
const code = (expected: string) => (error: unknown) => error instanceof GatewayError && error.code === expected

function build(engine: Store): void {
  families = makeFamilies({
    store: engine,
    sealing: createSealing([{ id: 'k1', key: Buffer.alloc(32, 7) }]),
    now: () => now,
    audit: event => events.push(event),
  })
  const audit: Audit = (event, fields) => events.push([event, fields.reason ?? fields.outcome].join(' '))
  const providers = new Map([['main', provider]])
  const pause = () => new Promise<void>(resolve => setImmediate(resolve))
  const revoke = createRevoke({ providers, audit, pause })
  const withLease = createWithLease({ store: engine, nextHolder: () => randomToken(randomBytes, 16), now: () => now, pause })
  const renew = createRenew({ families, providers, withLease, revoke, audit, now: () => now, pause })
  const freshToken = createFreshToken({ now: () => now, renew })
  fresh = signedIn => freshToken(signedIn, ownToken)
}

beforeEach(async () => {
  now = Date.UTC(2026, 10, 22, 12)
  store = createMemoryStore({ now: () => now })
  answers = []
  asked = []
  revoked = []
  events = []
  credential = createCredential(randomBytes)
  build(store)
  await families.create(credential, makeSignIn(now), beginning)
})

describe('a token that is good for a while', () => {
  it('costs no promise and no question', async () => {
    const signedIn = await read()

    assert.equal(fresh(signedIn), signedIn)
    assert.deepEqual(asked, [])
  })
})

describe('renewal', () => {
  it('RTK-02 is one for a session and those delegated from it, and each stays who it is', async () => {
    const root = await read()
    const child = { ...credential, member: 'agent', secret: randomToken(randomBytes, 32) }
    const client = { id: 'cli', name: 'CLI', resources: null, redeemedFrom: '', codeHash: null }
    const agent = {
      name: 'nightly',
      parent: '0',
      act: ['nightly', 'cli'],
      routes: null,
      maxCalls: null,
      sharedBudgets: [],
      delegates: false,
    }
    assert.equal(await families.delegate(root, child, { scopes: ['openid'], client, agent, lifeMs: 900_000, address: '' }, 20), true)
    const delegated = await families.read(child)
    assert.ok(delegated.state === 'live')
    now += 290_000
    answers = [async () => refreshed()]

    const renewed = await Promise.all([fresh(root), fresh(delegated.signedIn), fresh(root)])

    assert.deepEqual(
      renewed.map(one => [one.sessionId, one.credential.member, one.vault.access['']?.token]),
      [
        [credential.familyId, '0', 'new-access'],
        [`${credential.familyId}.agent`, 'agent', 'new-access'],
        [credential.familyId, '0', 'new-access'],
      ],
    )
    assert.equal(asked.length, 1)
  })

  it('RTK-02 A-062 asks once for fifty requests, and all get the new token', async () => {
    const signedIn = await read()
    now += 290_000
    answers = [async () => refreshed()]

    const all = await Promise.all(Array.from({ length: 50 }, () => fresh(signedIn)))

    assert.deepEqual(asked, ['refresh-token-canary'])
    for (const renewed of all) assert.equal(renewed.vault.access['']?.token, 'new-access')
  })

  it('RTK-03 uses what another process stored meanwhile', async () => {
    const stale = await read()
    await families.saveVault(stale, { ...stale.vault, access: { '': refreshed().access }, refreshToken: 'theirs' })
    now += 290_000

    const renewed = await fresh(stale)

    assert.deepEqual(asked, [])
    assert.equal(renewed.vault.refreshToken, 'theirs')
  })

  it('RTK-05 goes on with a token that still works when the provider is away, and leaves it alone for a while', async () => {
    const signedIn = await read()
    now += 290_000
    answers = [() => Promise.reject(outage())]

    assert.equal(await fresh(signedIn), signedIn)
    assert.equal(await fresh(signedIn), signedIn)
    assert.equal(asked.length, 1)
  })

  it('RTK-05 says the provider is away once the token has run out, ends nothing, and recovers by itself', async () => {
    const signedIn = await read()
    now += 301_000
    answers = [() => Promise.reject(outage()), async () => refreshed()]

    await assert.rejects(async () => fresh(signedIn), code('idp_unavailable'))
    await read()
    now += 5_001
    const renewed = await fresh(signedIn)

    assert.equal(renewed.vault.access['']?.token, 'new-access')
    assert.deepEqual(events, ['renewal failed', 'renewal ok'])
  })

  it('RTK-04 ends the session when the provider refuses the refresh token', async () => {
    const signedIn = await read()
    now += 290_000
    answers = [() => Promise.reject(new GatewayError('session_expired', 'Refused.', { reason: 'invalid_grant' }))]

    await assert.rejects(async () => fresh(signedIn), code('session_expired'))

    assert.deepEqual(await families.read(credential), { state: 'ended', reason: 'expired' })
    await settled()
    assert.deepEqual(events, ['renewal invalid_grant', 'session_ended grant_refused', 'revocation ok'])
  })

  it('RTK-04 takes a refusal for lost race, not for the end, when another process has stored newer tokens', async () => {
    const signedIn = await read()
    now += 290_000
    answers = [
      async () => {
        await families.saveVault(signedIn, { ...signedIn.vault, refreshToken: 'theirs', access: { '': refreshed().access } })
        throw new GatewayError('session_expired', 'Refused.', { reason: 'invalid_grant' })
      },
    ]

    assert.equal((await fresh(signedIn)).vault.refreshToken, 'theirs')
  })

  it('RTK-08 A-064 brings no session back that ended while the provider was asked', async () => {
    const signedIn = await read()
    now += 290_000
    answers = [
      async () => {
        await families.end(credential, 'logged_out')
        return refreshed()
      },
    ]

    await assert.rejects(async () => fresh(signedIn), code('session_revoked'))
    assert.deepEqual(await families.read(credential), { state: 'ended', reason: 'logged_out' })
    await settled()
    assert.deepEqual(revoked, ['rotated', 'new-access'])
  })

  it('RTK-02 keeps a rotated refresh token that could not be stored, and stores it with the next request', async () => {
    let isDown = true
    const flaky: Store = {
      ...store,
      replaceVault: (...args) => (isDown ? Promise.reject(new GatewayError('store_unavailable', 'Down.')) : store.replaceVault(...args)),
    }
    build(flaky)
    const signedIn = await read()
    now += 290_000
    answers = [async () => refreshed()]
    await assert.rejects(async () => fresh(signedIn), code('store_unavailable'))

    isDown = false
    const renewed = await fresh(signedIn)

    assert.equal(renewed.vault.refreshToken, 'rotated')
    assert.deepEqual(asked, ['refresh-token-canary'])
  })

  it('RTK-11 asks no more than twice in the life of a very short token', async () => {
    const short = refreshed({ access: { token: 'short', scopes: [], expiresAt: now + 2_000, refreshedAt: now } })
    const signedIn = await families.saveVault(await read(), { ...(await read()).vault, access: { '': short.access } })
    assert.ok(signedIn)

    for (let step = 0; step < 10; step += 1) {
      assert.equal(fresh(signedIn), signedIn)
      now += 99
    }
  })

  it('ends a session whose token has run out and that has nothing to renew it with', async () => {
    const signedIn = await families.saveVault(await read(), { ...(await read()).vault, refreshToken: null })
    assert.ok(signedIn)
    now += 299_000
    assert.equal(fresh(signedIn), signedIn)
    now += 2_000

    await assert.rejects(async () => fresh(signedIn), code('session_expired'))
    assert.deepEqual(await families.read(credential), { state: 'ended', reason: 'expired' })
  })
})
