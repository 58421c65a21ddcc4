import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createExpiringMap } from '../../src/store/expiring-map.ts'
import { createMemoryStore } from '../../src/store/memory.ts'
import type { IndexKey, OneTimeKey } from '../../src/store/store.ts'
import { isUnavailable } from './store-under-test.ts'

const capacity = 100_000
const life = { sessionTtlMs: 1000, vaultTtlMs: 1000 }

describe('the memory store at its bound', () => {
  it('OPS-02 forgets what has run out though nobody reads it', () => {
    let now = 0
    const entries = createExpiringMap({ now: () => now, maxEntries: capacity })
    let largest = 0

    for (; now < 20_000; now += 1) {
      assert.ok(entries.hasRoomFor(1))
      entries.set(`key-${now}`, 'value', 100)
      largest = Math.max(largest, entries.size())
    }

    // 100 are live at any time.
    assert.ok(largest < 150, `${largest} were held`)
  })

  it('OPS-02 takes nothing new when it is full, serves what it has, and takes new items when old ones have run out', async () => {
    let now = 0
    const store = createMemoryStore({ now: () => now })
    const key = (index: number): OneTimeKey => ({ kind: 'attempt', id: `item-${index}` })
    await store.createFamily('family', { session: 'session', vault: 'vault' }, { sessionTtlMs: 60_000, vaultTtlMs: 60_000 })
    for (let index = 0; index < capacity - 3; index += 1) await store.putOnce(key(index), 'value', 1000)

    // One place is left, and a family needs two.
    await assert.rejects(() => store.createFamily('another', { session: 's', vault: 'v' }, life), isUnavailable)
    assert.deepEqual(await store.readFamily('another', '0'), { session: null, vault: null })
    assert.equal(await store.putOnce(key(-1), 'value', 1000), true)
    await assert.rejects(() => store.putOnce(key(-2), 'value', 1000), isUnavailable)

    assert.equal(await store.putOnce(key(1), 'value', 1000), false)
    assert.equal(await store.takeOnce(key(1), 'value'), true)
    assert.equal(await store.replaceVault('family', 'vault', 'next'), true)
    assert.equal(await store.replaceSession('family', '0', 'session', 'next', life), true)
    assert.equal(await store.endFamily('family', 'idle', 60_000), true)

    now += 1001
    assert.equal(await store.putOnce(key(-2), 'value', 1000), true)
    assert.equal(await store.createFamily('another', { session: 's', vault: 'v' }, life), true)
    assert.equal((await store.readFamily('family', '0')).session, '!idle')
  })

  it('OPS-02 lists no more names than that, drops those that have passed, and makes room when names are taken off', async () => {
    let now = 0
    const store = createMemoryStore({ now: () => now })
    const index = (turn: number): IndexKey => ({ kind: 'user', id: `user-${turn}` })
    for (let turn = 0; turn < capacity; turn += 1) await store.addToIndex(index(turn), 'family', 1000)
    for (let turn = 0; turn < capacity; turn += 1) await store.putDue(`family-${turn}`, 1000)

    await assert.rejects(() => store.addToIndex(index(-1), 'family', 1000), isUnavailable)
    await assert.rejects(() => store.putDue('another', 1000), isUnavailable)
    await store.addToIndex(index(1), 'family', 1000)
    await store.putDue('family-1', 1000)
    await store.removeFromIndex(index(2), ['family'])
    await store.dropDue('family-2')
    await store.addToIndex(index(-1), 'family', 1000)
    await store.putDue('another', 1000)
    await assert.rejects(() => store.addToIndex(index(-2), 'family', 1000), isUnavailable)

    now += 1001
    for (let turn = -2; turn > -10; turn -= 1) await store.addToIndex(index(turn), 'family', 1000)
    assert.equal((await store.takeDue(2 * capacity, 1000)).length, capacity)
  })

  it('starts nothing that keeps the process alive', async () => {
    const before = process.getActiveResourcesInfo()

    const store = createMemoryStore({ now: () => 0 })
    await store.putOnce({ kind: 'attempt', id: 'item' }, 'value', 1000)

    assert.deepEqual(process.getActiveResourcesInfo(), before)
  })
})
