import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { beforeEach, describe, it } from 'node:test'
import { ownToken } from '../../src/config/own-token.ts'
import { GatewayError } from '../../src/errors.ts'
import type { Provider, Refreshed } from '../../src/oidc/provider.ts'
import { createCredential, randomToken } from '../../src/session/credential.ts'
import { createSealing } from '../../src/session/sealing.ts'
import type { Credential, SignedIn } from '../../src/session/session.ts'
import { createMemoryStore } from '../../src/store/memory.ts'
import type { Store } from '../../src/store/store.ts'
import { createWithLease } from '../../src/tokens/lease.ts'
import { createRenew } from '../../src/tokens/renew.ts'
import { createRevoke } from '../../src/tokens/revoke.ts'
import { beginning, makeFamilies } from '../support/families.ts'
import { makeSignIn } from '../support/sign-in.ts'

/*
 * What happened: Redis went away between the provider's answer to a refresh and the write of what it gave, and came
 * back after more than the ten seconds of a lease, as after a failover. The replica with the new tokens was about to
 * store them; another one, first to be connected again, found the lease free and showed the spent refresh token. A
 * strict provider ended the grant, and the person was signed out by an outage of ours.
 *
 * What holds it now: whoever shows a refresh token says so in the store beforehand, for longer than such an outage.
 * Whoever finds that said waits a while for what the other one got.
 */

const leaseMs = 10_000

let now: number
let store: Store
let credential: Credential
let shown: string[]
/** Called when the provider is about to answer. */
let onShown: () => void

const turn = () => new Promise<void>(resolve => setImmediate(resolve))

const provider = {
  config: { timeoutMs: 5_000 },
  async refresh({ refreshToken }: { refreshToken: string }): Promise<Refreshed> {
    shown.push(refreshToken)
    onShown()
    const access = { token: `access-${shown.length}`, scopes: [], expiresAt: now + 300_000, refreshedAt: now }
    return { refreshToken: `refresh-${shown.length}`, grantExpiresAt: null, access, claims: null, idToken: null }
  },
} as unknown as Provider

/** @param isAway whether this replica is cut off from the store */
function createReplica(isAway: () => boolean = () => false) {
  const away = () => Promise.reject(new GatewayError('store_unavailable', 'Away.'))
  const engine = new Proxy(store, { get: (target, verb) => (isAway() ? away : Reflect.get(target, verb)) })
  const families = makeFamilies({ store: engine, sealing: createSealing([{ id: 'k1', key: Buffer.alloc(32, 7) }]), now: () => now })
  const shared = { providers: new Map([['main', provider]]), audit: () => undefined, pause: turn, now: () => now }
  const withLease = createWithLease({ ...shared, store: engine, nextHolder: () => randomToken(randomBytes, 16) })
  const renew = createRenew({ ...shared, families, withLease, revoke: createRevoke(shared) })
  const read = async (): Promise<SignedIn> => {
    const family = await families.read({ ...credential })
    return family.state === 'live' ? family.signedIn : assert.fail(family.state)
  }
  return { families, read, renew: async () => (await renew(await read(), ownToken)).vault.refreshToken }
}

beforeEach(async () => {
  now = Date.UTC(2026, 10, 22, 12)
  store = createMemoryStore({ now: () => now })
  credential = createCredential(randomBytes)
  shown = []
  onShown = () => undefined
  await createReplica().families.create(credential, makeSignIn(now, { refreshToken: 'refresh-0' }), beginning)
})

/** A replica that is cut off as soon as the provider has answered it. */
async function renewAndBeCutOff(): Promise<{ reconnect(): void }> {
  let isAway = false
  onShown = () => {
    isAway = true
  }
  await assert.rejects(createReplica(() => isAway).renew(), (error: GatewayError) => error.code === 'store_unavailable')
  onShown = () => undefined
  return {
    reconnect() {
      isAway = false
    },
  }
}

describe('A refresh token that was shown before the store went away', () => {
  it('RTK-02 RTK-03 RDS-06 is not shown again by another replica that is back first, though the lease has run out', async () => {
    const first = await renewAndBeCutOff()
    now += leaseMs + 1

    const second = createReplica().renew()
    for (let turns = 0; turns < 5; turns += 1) await turn()
    first.reconnect()

    assert.equal(await second, 'refresh-1')
    assert.deepEqual(shown, ['refresh-0'])
  })

  it('RTK-03 is tried once more when whoever has shown it does not come back', async () => {
    await renewAndBeCutOff()
    now += leaseMs + 1

    await createReplica().renew()

    assert.deepEqual(shown, ['refresh-0', 'refresh-0'])
  })

  it('RTK-05 is shown at once after a failure that its replica has told', async () => {
    const { refresh } = provider
    Object.assign(provider, { refresh: () => Promise.reject(new GatewayError('idp_unavailable', 'Away.')) })
    await assert.rejects(createReplica().renew(), (error: GatewayError) => error.code === 'idp_unavailable')
    Object.assign(provider, { refresh })
    await turn()
    const [replica, before] = [createReplica(), now]

    await replica.renew()

    assert.deepEqual([shown, now], [['refresh-0'], before])
    const { vault, sessionId } = await replica.read()
    await turn()
    for (const version of [vault.version - 1, vault.version])
      assert.equal(await store.takeLease(`${sessionId}-${version}`, 'anybody', 1), true, 'nothing of it is left')
  })
})
