import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { beforeEach, describe, it } from 'node:test'
import { createCredential } from '../../src/session/credential.ts'
import type { Families } from '../../src/session/families.ts'
import { createSealing, type Sealing } from '../../src/session/sealing.ts'
import type { Credential, Ended } from '../../src/session/session.ts'
import { createMemoryStore } from '../../src/store/memory.ts'
import type { Store } from '../../src/store/store.ts'
import { createSweep, type Sweep } from '../../src/tokens/sweep.ts'
import { beginning, makeFamilies } from '../support/families.ts'
import { makeSignIn } from '../support/sign-in.ts'

const minute = 60_000

let now: number
let store: Store
let sealing: Sealing
let families: Families
let sweep: Sweep
let lapsed: Ended[]

const settled = () => new Promise(resolve => setImmediate(resolve))

async function begin(mode: 'holder' | 'gateway' = 'gateway'): Promise<Credential> {
  const credential = createCredential(randomBytes)
  await makeFamilies({ store, sealing, now: () => now, mode }).create(credential, makeSignIn(now), beginning)
  return credential
}

beforeEach(() => {
  now = Date.UTC(2026, 10, 22, 12)
  store = createMemoryStore({ now: () => now })
  sealing = createSealing([{ id: 'k1', key: randomBytes(32) }])
  lapsed = []
  families = makeFamilies({ store, sealing, now: () => now, mode: 'gateway', onLapsed: ended => lapsed.push(ended) })
  sweep = createSweep({ store, families })
})

describe('the sweep', () => {
  it('SES-06 REV-01 ends sessions that nobody uses any more, with their tokens in hand', async () => {
    const credential = await begin()
    now += 30 * minute
    await sweep()
    await settled()

    assert.deepEqual(
      lapsed.map(({ sessionId, vault }) => [sessionId, vault?.refreshToken]),
      [[credential.familyId, 'refresh-token-canary']],
    )
    assert.deepEqual(await families.read(credential), { state: 'ended', reason: 'idle' })
    assert.deepEqual(await store.takeDue(10, 1), [])
  })

  it('leaves alone what lives, also after it was used', async () => {
    const credential = await begin()
    now += 20 * minute
    const family = await families.read(credential)
    assert.ok(family.state === 'live')
    families.touch(family.signedIn)
    await settled()
    now += 20 * minute

    await sweep()
    await settled()

    assert.equal((await families.read(credential)).state, 'live')
    assert.deepEqual(lapsed, [])
  })

  it('takes all that are due, however many, each once in two replicas', async () => {
    for (let at = 0; at < 250; at += 1) await begin()
    now += 31 * minute
    const other = createSweep({ store, families })

    await Promise.all([sweep(), other()])
    await settled()

    assert.equal(lapsed.length, 250)
    assert.equal(new Set(lapsed.map(({ sessionId }) => sessionId)).size, 250)
  })

  it('comes back to what another replica took and did not end', async () => {
    await begin()
    now += 31 * minute
    await store.takeDue(10, minute)
    await sweep()
    await settled()
    assert.deepEqual(lapsed, [])

    now += minute
    await sweep()
    await settled()

    assert.equal(lapsed.length, 1)
  })

  it('has nothing to do with what only the holder opens, or what was ended otherwise', async () => {
    await begin('holder')
    const ended = await begin()
    await families.end(ended, 'logged_out')
    await settled()
    now += 31 * minute

    assert.deepEqual(await store.takeDue(10, 1), [])
  })
})

describe('an end that the provider gave to the grant', () => {
  it('RTK-09 is an end of the session too', async () => {
    const credential = createCredential(randomBytes)
    await families.create(credential, makeSignIn(now, { grantExpiresAt: now + 10 * minute }), beginning)
    now += 10 * minute - 1
    assert.equal((await families.read(credential)).state, 'live')
    now += 1

    assert.deepEqual(await families.read(credential), { state: 'ended', reason: 'expired' })
  })
})
