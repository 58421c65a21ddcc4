import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { beforeEach, describe, it } from 'node:test'
import type { TokenDemand } from '../../src/config/config.ts'
import { ownToken } from '../../src/config/own-token.ts'
import { GatewayError } from '../../src/errors.ts'
import type { ExchangeRequest, Provider, Refreshed } from '../../src/oidc/provider.ts'
import { createCredential, randomToken } from '../../src/session/credential.ts'
import type { Families } from '../../src/session/families.ts'
import { createSealing } from '../../src/session/sealing.ts'
import type { AccessToken, Credential, SignedIn } from '../../src/session/session.ts'
import { createMemoryStore } from '../../src/store/memory.ts'
import { createFreshToken } from '../../src/tokens/fresh-token.ts'
import { createWithLease } from '../../src/tokens/lease.ts'
import { createRenew } from '../../src/tokens/renew.ts'
import { createRevoke } from '../../src/tokens/revoke.ts'
import { beginning, makeFamilies } from '../support/families.ts'
import { makeSignIn } from '../support/sign-in.ts'

// The provider here does something at the very moment that the test says. The good path runs against a real one in
// test/contract/.

const demand: TokenDemand = { kind: 'exchange', slot: '#exchange orders #', audience: 'orders', resource: null, scopes: ['a'] }

let now: number
let families: Families
let credential: Credential
let asked: ExchangeRequest[]
let refreshes: number
let revoked: string[]
let exchange: () => Promise<AccessToken>
let fresh: (signedIn: SignedIn, demand: TokenDemand) => SignedIn | Promise<SignedIn>

const pause = () => new Promise<void>(resolve => setImmediate(resolve))
const token = (text: string): AccessToken => ({ token: text, scopes: [], expiresAt: now + 300_000, refreshedAt: now })
const fails = (code: string, reason: string) => (error: unknown) =>
  error instanceof GatewayError && error.code === code && error.reason === reason

async function read(held = credential): Promise<SignedIn> {
  const family = await families.read(held)
  return family.state === 'live' ? family.signedIn : assert.fail(family.state)
}

async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await pause()
}

beforeEach(async () => {
  now = Date.UTC(2026, 10, 22, 12)
  ;[asked, refreshes, revoked] = [[], 0, []]
  const store = createMemoryStore({ now: () => now })
  families = makeFamilies({ store, sealing: createSealing([{ id: 'k1', key: Buffer.alloc(32, 7) }]), now: () => now })
  exchange = async () => token('exchanged')
  const provider = {
    config: { timeoutMs: 5_000 },
    revoke: async (request: { token: string }) => void revoked.push(request.token),
    async refresh(): Promise<Refreshed> {
      refreshes += 1
      return { refreshToken: 'rotated', grantExpiresAt: null, access: token(`own-${refreshes}`), claims: null, idToken: null }
    },
    exchange(request: ExchangeRequest) {
      asked.push(request)
      return exchange()
    },
  } as unknown as Provider
  const providers = new Map([['main', provider]])
  const audit = () => undefined
  const withLease = createWithLease({ store, nextHolder: () => randomToken(randomBytes, 16), now: () => now, pause })
  const revoke = createRevoke({ providers, audit, pause })
  const renew = createRenew({ families, providers, withLease, revoke, audit, now: () => now, pause })
  fresh = createFreshToken({ now: () => now, renew })
  credential = createCredential(randomBytes)
  await families.create(credential, makeSignIn(now), beginning)
})

describe('a token exchange', () => {
  it('TEX-01 is of the session’s own token, and spends no refresh token', async () => {
    const { vault } = await fresh(await read(), demand)

    assert.deepEqual(asked, [{ subjectToken: 'access-token-canary', audience: 'orders', resource: null, scopes: ['a'] }])
    assert.equal(vault.access[demand.slot]?.token, 'exchanged')
    assert.deepEqual([vault.refreshToken, vault.access['']?.token, refreshes], ['refresh-token-canary', 'access-token-canary', 0])
  })

  it('is of a new own token where the old one would run out on the way', async () => {
    now += 291_000

    await fresh(await read(), demand)

    assert.deepEqual([asked[0]?.subjectToken, refreshes], ['own-1', 1])
    assert.equal((await read()).vault.refreshToken, 'rotated')
  })

  it('RTK-08 TEX-04 that a logout overtakes is given back, and nobody gets it', async () => {
    exchange = async () => {
      await families.end(credential, 'logged_out')
      return token('exchanged')
    }

    await assert.rejects(async () => fresh(await read(), demand), fails('session_revoked', 'ended_meanwhile'))

    await settled()
    assert.deepEqual(revoked, ['exchanged'])
  })

  it('that a step-up overtakes is not put among the tokens of the new grant, and not given back', async () => {
    const next = { ...credential, secret: randomToken(randomBytes, 32) }
    exchange = async () => {
      await families.stepUp({ ...credential }, next, makeSignIn(now, { refreshToken: 'of-new' }))
      return token('exchanged')
    }

    await assert.rejects(async () => fresh(await read(), demand), fails('idp_unavailable', 'renewed_meanwhile'))

    await settled()
    assert.deepEqual(revoked, [])
    assert.deepEqual(Object.keys((await read(next)).vault.access), [''])
  })

  it('TEX-03 that is refused is not asked for again for a minute, nor does it keep other tokens from being renewed', async () => {
    exchange = () => Promise.reject(new GatewayError('insufficient_scope', 'No.', { reason: 'invalid_target' }))
    await assert.rejects(async () => fresh(await read(), demand), fails('insufficient_scope', 'invalid_target'))
    now += 59_000
    await assert.rejects(async () => fresh(await read(), demand), fails('insufficient_scope', 'invalid_target'))
    assert.equal(asked.length, 1)

    exchange = async () => token('exchanged')
    assert.equal(
      (await fresh(await read(), { ...demand, slot: '#exchange other #' })).vault.access['#exchange other #']?.token,
      'exchanged',
    )
    now += 2_000
    assert.equal((await fresh(await read(), demand)).vault.access[demand.slot]?.token, 'exchanged')
  })

  it('that was refused is asked for at once after a step-up', async () => {
    exchange = () => Promise.reject(new GatewayError('insufficient_scope', 'No.', { reason: 'invalid_target' }))
    await assert.rejects(async () => fresh(await read(), demand))
    const next = { ...credential, secret: randomToken(randomBytes, 32) }
    await families.stepUp({ ...credential }, next, makeSignIn(now))
    exchange = async () => token('exchanged')

    assert.equal((await fresh(await read(next), demand)).vault.access[demand.slot]?.token, 'exchanged')
  })

  it('RTK-05 that is refused while the old token works leaves that one in use', async () => {
    await fresh(await read(), demand)
    await fresh(await read(), ownToken)
    now += 295_000
    exchange = () => Promise.reject(new GatewayError('insufficient_scope', 'No.', { reason: 'invalid_target' }))

    assert.equal((await fresh(await read(), demand)).vault.access[demand.slot]?.token, 'exchanged')
    now += 6_000
    await assert.rejects(async () => fresh(await read(), demand), fails('insufficient_scope', 'invalid_target'))
  })
})
