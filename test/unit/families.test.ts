import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { beforeEach, describe, it } from 'node:test'
import { createCredential } from '../../src/session/credential.ts'
import type { Families } from '../../src/session/families.ts'
import { createSealing, type Sealing } from '../../src/session/sealing.ts'
import type { Credential, SignedIn } from '../../src/session/session.ts'
import { createMemoryStore } from '../../src/store/memory.ts'
import type { Store } from '../../src/store/store.ts'
import { beginning, makeFamilies } from '../support/families.ts'
import { makeSignIn } from '../support/sign-in.ts'

const minute = 60_000
const hour = 60 * minute

let now: number
let store: Store
let sealing: Sealing
let families: Families
let events: { event: string; reason?: string | undefined }[]
let credential: Credential

function build(changes: { store?: Store; sealing?: Sealing; mode?: 'holder' | 'gateway' } = {}): Families {
  return makeFamilies({
    store: changes.store ?? store,
    sealing: changes.sealing ?? sealing,
    mode: changes.mode ?? 'holder',
    now: () => now,
    audit: (event, fields) => events.push({ event, reason: fields.reason }),
  })
}

async function readLive(held: Credential = credential, from: Families = families): Promise<SignedIn> {
  const family = await from.read(held)
  assert.equal(family.state, 'live')
  return family.state === 'live' ? family.signedIn : assert.fail()
}

/** Lets what was started without waiting come to its end; the memory store answers within microtasks. */
const settled = () => new Promise(resolve => setImmediate(resolve))

beforeEach(async () => {
  now = Date.UTC(2026, 10, 22, 12)
  store = createMemoryStore({ now: () => now })
  sealing = createSealing([{ id: 'k1', key: randomBytes(32) }])
  events = []
  families = build()
  credential = createCredential(randomBytes)
  await families.create(credential, makeSignIn(now), beginning)
})

describe('a family', () => {
  it('gives its holder what the sign-in brought', async () => {
    const { record, vault, sessionId } = await readLive()

    assert.equal(sessionId, credential.familyId)
    assert.deepEqual([record.provider, record.sub, record.origin, record.createdAt], ['main', 'alice', beginning.origin, now])
    assert.equal(vault.access['']?.token, 'access-token-canary')
    assert.deepEqual(vault.claims, { name: 'Alice', email: 'alice@example.com', groups: ['ops'] })
  })

  it('SES-03 is nothing to a credential that was never issued, or whose secret is another', async () => {
    assert.equal((await families.read(createCredential(randomBytes))).state, 'none')
    assert.equal((await families.read({ ...credential, secret: createCredential(randomBytes).secret })).state, 'none')
  })

  it('opens the same bytes once: the second read gives the same object', async () => {
    assert.equal(await readLive(), await readLive())
  })

  it('never opens for a second holder what the first has opened with the right secret', async () => {
    await readLive()

    const guess = await families.read({ ...credential, secret: createCredential(randomBytes).secret })

    assert.equal(guess.state, 'none')
  })

  it('RDS-09 A-053 is seen as ended by another process at once', async () => {
    const elsewhere = build()
    await readLive(credential, elsewhere)

    await families.end(credential, 'logged_out')

    assert.deepEqual(await elsewhere.read(credential), { state: 'ended', reason: 'logged_out' })
  })

  it('is not created twice under one credential', async () => {
    await families.create(credential, makeSignIn(now, { sub: 'mallory' }), beginning)

    assert.equal((await readLive()).record.sub, 'alice')
  })

  it('SES-15 is not brought back by a save, a touch or a creation that comes after its end', async () => {
    const signedIn = await readLive()
    now += 2 * minute
    await families.end(credential, 'revoked')

    families.touch(signedIn)
    const saved = await families.saveVault(signedIn, { ...signedIn.vault, refreshToken: 'late' })
    await families.create(credential, makeSignIn(now), beginning)
    await settled()

    assert.equal(saved, null)
    assert.deepEqual(await build().read(credential), { state: 'ended', reason: 'revoked' })
  })

  it('SES-15 keeps the first of two vaults written from the same version', async () => {
    const elsewhere = build()
    const [here, there] = [await readLive(), await readLive(credential, elsewhere)]

    const first = await families.saveVault(here, { ...here.vault, refreshToken: 'first' })
    const second = await elsewhere.saveVault(there, { ...there.vault, refreshToken: 'second' })

    assert.equal(first?.vault.version, 1)
    assert.equal(second, null)
    assert.equal((await readLive()).vault.refreshToken, 'first')
  })

  it('ends for its holder alone', async () => {
    assert.equal(await families.end({ ...credential, secret: createCredential(randomBytes).secret }, 'logged_out'), null)
    await readLive()
    assert.equal((await families.end(credential, 'logged_out'))?.vault?.refreshToken, 'refresh-token-canary')
    assert.equal(await families.end(credential, 'revoked'), null)
    assert.deepEqual(await families.read(credential), { state: 'ended', reason: 'logged_out' })
  })
})

describe('the clocks of a family', () => {
  it('SES-04 ends after the idle timeout, and activity pushes it', async () => {
    now += 20 * minute
    families.touch(await readLive())
    await settled()
    now += 29 * minute
    await readLive()

    now += 2 * minute

    assert.deepEqual(await families.read(credential), { state: 'ended', reason: 'idle' })
    await settled()
    assert.deepEqual(events, [{ event: 'session_ended', reason: 'idle' }])
  })

  it('SES-05 SES-07 ends at the absolute timeout however active it was', async () => {
    for (let step = 0; step < 12 * 3 - 1; step += 1) {
      now += 20 * minute
      families.touch(await readLive())
      await settled()
    }
    const { absoluteExpiresAt } = (await readLive()).record

    now += 20 * minute

    assert.equal(now, absoluteExpiresAt)
    assert.deepEqual(await families.read(credential), { state: 'ended', reason: 'expired' })
  })

  it('SES-08 does not push the idle clock by being read', async () => {
    for (let step = 0; step < 15; step += 1) {
      now += 2 * minute - 1
      await readLive()
    }
    now += minute

    assert.deepEqual(await families.read(credential), { state: 'ended', reason: 'idle' })
  })

  it('SES-10 ends by the deadline inside the record though the store keeps it', async () => {
    // A store whose own clock stands still: no TTL ever passes.
    const frozen = createMemoryStore({ now: () => 0 })
    const held = build({ store: frozen })
    await held.create(credential, makeSignIn(now), beginning)

    now += 31 * minute

    assert.deepEqual(await held.read(credential), { state: 'ended', reason: 'idle' })
  })

  it('SES-06 keeps no tokens past the deadline, and still says for an hour why it ended', async () => {
    now += 30 * minute

    assert.equal((await store.readFamily(credential.familyId, '0')).vault, null)
    assert.deepEqual(await families.read(credential), { state: 'ended', reason: 'idle' })
    await settled()
    now += hour
    assert.deepEqual(await families.read(credential), { state: 'none' })
  })

  it('writes a touch at most once per thirtieth of the idle timeout', async () => {
    let writes = 0
    const counting: Store = {
      ...store,
      replaceSession: (...args) => {
        writes += 1
        return store.replaceSession(...args)
      },
    }
    const held = build({ store: counting })

    for (let step = 0; step < 60; step += 1) {
      now += 1_000
      const family = await held.read(credential)
      if (family.state === 'live') held.touch(family.signedIn)
      await settled()
    }

    assert.equal(writes, 1)
  })

  it('RTK-07 is not moved by new tokens', async () => {
    const before = await readLive()
    now += 10 * minute

    const saved = await families.saveVault(before, { ...before.vault, refreshToken: 'next' })

    assert.deepEqual(saved?.record, before.record)
    assert.deepEqual((await readLive(credential, build())).record, before.record)
  })
})

describe('the records of a family', () => {
  const everything = async () => JSON.stringify(await store.readFamily(credential.familyId, '0'))

  it('RDS-01 RDS-02 A-067 hold no secret, token or claim in the clear', async () => {
    const dump = await everything()

    for (const text of [credential.secret, 'canary', 'alice', 'Alice', 'example.com', 'ops']) assert.equal(dump.includes(text), false, text)
  })

  it('RDS-02 open no token and show no claim to who has the sealing key but not the credential', async () => {
    const { session, vault } = await store.readFamily(credential.familyId, '0')

    const opened = sealing.open({ type: 'session', key: `${credential.familyId}.0` }, session ?? '')
    assert.ok(typeof opened === 'object')
    const record = JSON.parse(opened.plaintext)

    assert.equal(opened.plaintext.includes('example.com'), false)
    assert.equal(sealing.open({ type: 'wrap', key: `${credential.familyId}.0` }, record.wrap), 'altered')
    assert.equal(sealing.open({ type: 'vault', key: credential.familyId }, vault ?? ''), 'unknown_key')
  })

  it('open with the sealing key alone where the sealing is `gateway`', async () => {
    const other = createCredential(randomBytes)
    await build({ mode: 'gateway' }).create(other, makeSignIn(now), beginning)
    const { session } = await store.readFamily(other.familyId, '0')
    const opened = sealing.open({ type: 'session', key: `${other.familyId}.0` }, session ?? '')
    assert.ok(typeof opened === 'object')

    const wrap = sealing.open({ type: 'wrap', key: `${other.familyId}.0` }, JSON.parse(opened.plaintext).wrap)

    assert.ok(typeof wrap === 'object')
  })

  it('RDS-02 do not stand in for those of another family', async () => {
    const other = createCredential(randomBytes)
    await families.create(other, makeSignIn(now, { sub: 'bob' }), beginning)
    const stolen = await store.readFamily(other.familyId, '0')
    const swapped: Store = { ...store, readFamily: async () => stolen }

    assert.equal((await build({ store: swapped }).read(credential)).state, 'none')
    assert.deepEqual(events, [{ event: 'record_rejected', reason: 'altered' }])
  })

  it('RDS-03 A-065 are no session once altered, leave one event, and are removed', async () => {
    const { session, vault } = await store.readFamily(credential.familyId, '0')
    const cut = `${vault?.slice(0, -6)}`
    await store.replaceVault(credential.familyId, vault ?? '', cut)

    const state = await build().read(credential)
    await settled()

    assert.equal(state.state, 'none')
    assert.deepEqual(
      events.map(entry => entry.reason),
      ['altered', 'revoked'],
    )
    assert.notEqual((await store.readFamily(credential.familyId, '0')).session, session)
  })

  it('RDS-04 A-137 under an unknown key are no session, and are kept for who has the key', async () => {
    const stranger = build({ sealing: createSealing([{ id: 'k9', key: randomBytes(32) }]) })

    assert.equal((await stranger.read(credential)).state, 'none')
    await settled()
    await readLive()
    assert.deepEqual(events, [{ event: 'record_rejected', reason: 'unknown_key' }])
  })

  it('RDS-04 come under the first key with the next touch, wrap included', async () => {
    const retired = { id: 'k1', key: randomBytes(32) }
    const current = { id: 'k2', key: randomBytes(32) }
    credential = createCredential(randomBytes)
    await build({ sealing: createSealing([retired]) }).create(credential, makeSignIn(now), beginning)
    const rotated = build({ sealing: createSealing([current, retired]) })

    now += 2 * minute
    rotated.touch(await readLive(credential, rotated))
    await settled()

    await readLive(credential, build({ sealing: createSealing([current]) }))
  })
})
