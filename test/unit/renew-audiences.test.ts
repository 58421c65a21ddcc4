import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { beforeEach, describe, it } from 'node:test'
import type { TokenDemand } from '../../src/config/config.ts'
import { GatewayError } from '../../src/errors.ts'
import type { Provider, Refreshed, RefreshRequest } from '../../src/oidc/provider.ts'
import { createCredential, randomToken } from '../../src/session/credential.ts'
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

const orders: TokenDemand = {
  kind: 'audience',
  resource: null,
  slot: 'https://orders.example orders.read',
  audience: 'https://orders.example',
  scopes: ['orders.read'],
}
const billing: TokenDemand = {
  kind: 'audience',
  resource: null,
  slot: 'https://billing.example ',
  audience: 'https://billing.example',
  scopes: [],
}

let now: number
let store: Store
let credential: Credential
let requests: RefreshRequest[]
/** The one refresh token that the provider takes: the second use of another is theft. */
let current: string
let thefts: number
let running: number

const pause = () => new Promise<void>(resolve => setImmediate(resolve))

/** Rotates strictly, and takes some turns of the loop for it. */
const provider = {
  config: { timeoutMs: 5_000 },
  revoke: async () => 'done',
  async refresh(request: RefreshRequest): Promise<Refreshed> {
    requests.push(request)
    assert.equal(++running, 1, 'one grant is never renewed twice at once')
    for (let turn = 0; turn < 5; turn += 1) await pause()
    running -= 1
    if (request.refreshToken !== current) {
      thefts += 1
      throw new GatewayError('session_expired', 'Refused.', { reason: 'invalid_grant' })
    }
    current = `refresh-${requests.length}`
    const access = { token: `for ${request.audience} ${requests.length}`, scopes: [], expiresAt: now + 300_000, refreshedAt: now }
    return { refreshToken: current, grantExpiresAt: null, access, claims: null, idToken: null }
  },
} as unknown as Provider

/** A replica: nothing is shared but the store. */
function createReplica() {
  const families = makeFamilies({ store, sealing: createSealing([{ id: 'k1', key: Buffer.alloc(32, 7) }]), now: () => now })
  const providers = new Map([['main', provider]])
  const audit = () => undefined
  const withLease = createWithLease({ store, nextHolder: () => randomToken(randomBytes, 16), now: () => now, pause })
  const revoke = createRevoke({ providers, audit, pause })
  const renew = createRenew({ families, providers, withLease, revoke, audit, now: () => now, pause })
  const fresh = createFreshToken({ now: () => now, renew })
  // Each request parses the cookie for itself only once in a while: here, each time.
  const read = async (): Promise<SignedIn> => {
    const family = await families.read({ ...credential })
    return family.state === 'live' ? family.signedIn : assert.fail(family.state)
  }
  const tokenFor = async (demand: TokenDemand) => (await fresh(await read(), demand)).vault.access[demand.slot]?.token
  return { families, read, tokenFor }
}

beforeEach(async () => {
  now = Date.UTC(2026, 10, 22, 12)
  store = createMemoryStore({ now: () => now })
  credential = createCredential(randomBytes)
  current = 'refresh-token-canary'
  ;[requests, thefts, running] = [[], 0, 0]
  await createReplica().families.create(credential, makeSignIn(now), beginning)
})

describe('tokens for two audiences, in three replicas', () => {
  it('RTK-02 A-062 are fetched once each, in turn, for two hundred requests, and once more when they run out', async () => {
    const replicas = [createReplica(), createReplica(), createReplica()]
    for (const round of [1, 2]) {
      const before = requests.length
      const calls = Array.from({ length: 200 }, (_, at) => {
        const demand = at % 2 === 0 ? orders : billing
        return (replicas[at % 3] ?? assert.fail()).tokenFor(demand).then(token => [demand.audience, token] as const)
      })

      const answers = await Promise.all(calls)

      assert.equal(requests.length - before, 2, `round ${round}`)
      assert.equal(new Set(answers.map(([, token]) => token)).size, 2)
      for (const [audience, token] of answers) assert.ok(token?.startsWith(`for ${audience} `), `${token} for ${audience}`)
      now += 295_000
    }
    assert.equal(thefts, 0)
  })

  it('RTK-06 say whom they are for, with the scopes of the route as far as they were granted', async () => {
    const replica = createReplica()
    await replica.tokenFor(orders)
    await replica.tokenFor(billing)

    assert.deepEqual(
      requests.map(({ audience, requestScopes, granted }) => ({ audience, requestScopes, granted })),
      [
        { audience: 'https://orders.example', requestScopes: ['orders.read'], granted: ['openid', 'orders.read'] },
        { audience: 'https://billing.example', requestScopes: [], granted: ['openid', 'orders.read'] },
      ],
    )
  })

  it("leave the sign-in's own token and each other alone", async () => {
    const replica = createReplica()
    await replica.tokenFor(orders)
    await replica.tokenFor(billing)

    const { access } = (await replica.read()).vault

    assert.deepEqual(Object.keys(access).toSorted(), ['', billing.slot, orders.slot])
    assert.equal(access['']?.token, 'access-token-canary')
  })

  it('say so, and end nothing, where there is no refresh token to draw them from', async () => {
    credential = createCredential(randomBytes)
    const replica = createReplica()
    await replica.families.create(credential, makeSignIn(now, { refreshToken: null }), beginning)

    await assert.rejects(replica.tokenFor(orders), (error: GatewayError) => error.code === 'insufficient_scope')

    await replica.read()
    assert.deepEqual(requests, [])
  })
})

describe('an audience that the sign-in did not name', () => {
  it('is not asked for: the provider might end the grant', async () => {
    credential = createCredential(randomBytes)
    const replica = createReplica()
    await replica.families.create(credential, makeSignIn(now, { audiences: ['https://orders.example'] }), beginning)

    await assert.rejects(replica.tokenFor(billing), (error: GatewayError) => error.reason === 'audience_not_named')

    assert.deepEqual(requests, [])
    assert.ok(await replica.tokenFor(orders))
  })
})

describe('the lease', () => {
  it('is waited for, not ignored, and what its holder stored is used', async () => {
    const [one, other] = [createReplica(), createReplica()]
    await store.takeLease(credential.familyId, 'somebody', 60_000)
    const waiting = other.tokenFor(orders)
    for (let turn = 0; turn < 20; turn += 1) await pause()
    assert.deepEqual(requests, [])

    await store.releaseLease(credential.familyId, 'somebody')
    const token = await one.tokenFor(orders)

    assert.equal(await waiting, token)
    assert.equal(requests.length, 1)
  })

  it('RTK-03 of a holder that died is free after ten seconds', async () => {
    await store.takeLease(credential.familyId, 'dead', 10_000)
    const waiting = createReplica().tokenFor(orders)
    for (let turn = 0; turn < 5; turn += 1) await pause()
    assert.deepEqual(requests, [])

    now += 10_000

    assert.ok(await waiting)
  })

  it('RTK-05 that stays taken is an outage and no logout, and a token that still works is used', async () => {
    const replica = createReplica()
    const held = await replica.tokenFor(orders)
    await store.takeLease(credential.familyId, 'somebody', 3_600_000)
    const giveUp = async () => {
      for (let turn = 0; turn < 5; turn += 1) await pause()
      // A lease and twice the provider's timeout together.
      now += 20_000
    }

    const refused = assert.rejects(createReplica().tokenFor(billing), (error: GatewayError) => error.reason === 'lease_busy')
    await giveUp()
    await refused
    now += 263_000
    const used = replica.tokenFor(orders)
    await giveUp()

    assert.equal(await used, held)
    await replica.read()
  })
})
