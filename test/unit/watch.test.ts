import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { beforeEach, describe, it } from 'node:test'
import { GatewayError } from '../../src/errors.ts'
import { createCredential } from '../../src/session/credential.ts'
import type { Families } from '../../src/session/families.ts'
import { createSealing, type Sealing } from '../../src/session/sealing.ts'
import type { Credential, SignedIn } from '../../src/session/session.ts'
import { createWatch, type StreamEnd, type Watch } from '../../src/session/watch.ts'
import { createMemoryStore } from '../../src/store/memory.ts'
import type { Store } from '../../src/store/store.ts'
import { beginning, makeFamilies } from '../support/families.ts'
import { makeSignIn } from '../support/sign-in.ts'
import { makeTurns, roundMs, type Turns } from '../support/turns.ts'

const minute = 60_000

let now: number
let store: Store
let sealing: Sealing
/** As another process has it. */
let elsewhere: Families
let credential: Credential
let turns: Turns
let watch: Watch
let reads: string[]
/** What stands before the store's answer to a read. */
let gate: () => Promise<void>

beforeEach(async () => {
  now = Date.UTC(2026, 10, 22, 12)
  store = createMemoryStore({ now: () => now })
  sealing = createSealing([{ id: 'k1', key: randomBytes(32) }])
  elsewhere = makeFamilies({ store, sealing, now: () => now })
  credential = await begin()
  reads = []
  gate = async () => undefined
  const watched: Store = {
    ...store,
    async readFamily(familyId, member) {
      reads.push(familyId)
      await gate()
      return store.readFamily(familyId, member)
    },
  }
  turns = makeTurns()
  watch = createWatch({ families: makeFamilies({ store: watched, sealing, now: () => now }), every: turns.every })
})

async function begin(): Promise<Credential> {
  const credential = createCredential(randomBytes)
  await elsewhere.create(credential, makeSignIn(now), beginning)
  return credential
}

/** A stream that writes down what it is told. */
function open(of: Credential = credential) {
  const told: StreamEnd[] = []
  const seen: SignedIn[] = []
  const close = watch.add({ credential: of }, { onEnd: why => told.push(why), onRead: signedIn => seen.push(signedIn) })
  return { told, seen, close }
}

/** One round, to its end: everything here answers within some turns of the loop. */
async function round(): Promise<void> {
  turns.turn(roundMs)
  for (let turn = 0; turn < 10; turn += 1) await new Promise(resolve => setImmediate(resolve))
}

describe('open streams', () => {
  it('are told what their session is, round after round, for one read, however many they are', async () => {
    const streams = [open(), open(), open()]

    await round()
    await round()

    assert.deepEqual(reads, [credential.familyId, credential.familyId])
    for (const { told, seen } of streams) {
      assert.deepEqual(told, [])
      assert.deepEqual(
        seen.map(one => one.sessionId),
        [credential.familyId, credential.familyId],
      )
    }
  })

  it('of all sessions are asked for in one tick', async () => {
    for (let count = 0; count < 20; count += 1) open(await begin())

    turns.turn(roundMs)

    assert.equal(reads.length, 20)
  })

  it('of very many sessions leave room in the store for requests: five hundred at a time', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    gate = () => promise
    const streams = []
    for (let count = 0; count < 501; count += 1) streams.push(open(await begin()))

    await round()
    const first = reads.length
    resolve()
    await round()

    assert.equal(first, 500)
    assert.equal(reads.length, 501)
    assert.ok(streams.every(({ seen }) => seen.length === 1))
  })

  it('RPL-07 RDS-09 A-053 are all told once when another process has ended the session', async () => {
    const streams = [open(), open()]
    const other = open(await begin())
    await elsewhere.end(credential, 'logged_out')

    await round()
    await round()

    for (const { told, seen } of streams) assert.deepEqual([told, seen], [['logged_out'], []])
    assert.deepEqual(other.told, [])
    assert.equal(other.seen.length, 2)
    assert.equal(reads.length, 3)
  })

  it('SES-08 are no activity: the session runs out under them, and they are told', async () => {
    const { told } = open()

    for (let elapsed = 0; elapsed < 29; elapsed += 1) {
      now += minute
      await round()
    }
    assert.deepEqual(told, [])
    now += minute
    await round()

    assert.deepEqual(told, ['idle'])
    assert.deepEqual(await elsewhere.read(credential), { state: 'ended', reason: 'idle' })
  })

  it('stay while the store is away, and are told of the end when it is back', async () => {
    const { told } = open()
    await elsewhere.end(credential, 'revoked')
    gate = () => Promise.reject(new GatewayError('store_unavailable', 'away'))

    await round()
    await round()
    assert.deepEqual(told, [])
    gate = async () => undefined
    await round()

    assert.deepEqual(told, ['revoked'])
  })

  it('end when nobody can say what the session is: a mistake lets no request in either', async () => {
    const { told } = open()
    gate = () => Promise.reject(new TypeError('a bug'))

    await round()

    assert.deepEqual(told, ['none'])
  })

  it('end under a secret that is not the session’s any more, and go on under the one that is', async () => {
    const stale = open({ ...credential, secret: createCredential(randomBytes).secret })
    const good = open()

    await round()

    assert.deepEqual(stale.told, ['none'])
    assert.deepEqual(good.told, [])
  })

  it('are not asked for again while the last round still runs', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    gate = () => promise
    open()

    await round()
    await round()
    assert.equal(reads.length, 1)
    resolve()
    await round()
    await round()

    assert.equal(reads.length, 2)
  })

  it('that close in mid-round are told nothing', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    gate = () => promise
    const [left, stayed] = [open(), open()]
    await elsewhere.end(credential, 'logged_out')
    await round()

    left.close()
    resolve()
    await round()

    assert.deepEqual(left.told, [])
    assert.deepEqual(stayed.told, ['logged_out'])
  })

  it('cost a timer while there are any, and nothing when there are none', async () => {
    assert.equal(turns.count(), 0)
    const [one, two, three] = [open(), open(), open(await begin())]
    assert.equal(turns.count(), 1)

    for (const { close } of [one, one, two]) close()
    assert.equal(turns.count(), 1)
    three.close()
    assert.equal(turns.count(), 0)

    const again = open()
    assert.equal(turns.count(), 1)
    await elsewhere.end(credential, 'logged_out')
    await round()
    assert.deepEqual(again.told, ['logged_out'])
    assert.equal(turns.count(), 0)
  })

  it('are ended when the gateway closes, and each at once that comes later', async () => {
    const before = [open(), open(await begin())]

    watch.close()
    const after = open()

    for (const { told } of [...before, after]) assert.deepEqual(told, ['closing'])
    assert.equal(turns.count(), 0)
  })
})
