import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { AddressHealth } from '../../src/request/upstream-health.ts'

const refused = new Error('refused')

function start() {
  let now = 0
  const changes: string[] = []
  const health = new AddressHealth({
    now: () => now,
    onChange: (change, error) => changes.push(`${change} ${error?.message ?? ''}`.trim()),
  })
  return {
    health,
    changes,
    advance(ms: number) {
      now += ms
    },
    fail(times = 1) {
      for (let i = 0; i < times; i++) health.failed(health.beginConnect() ?? 'ordinary', refused)
    },
    /** A request that tries the address, and fails. */
    failTrial(connectMs = 0) {
      assert.ok(health.isUsable())
      health.beginTrial(connectMs)
      health.failed(health.beginConnect() ?? 'ordinary', refused)
    },
  }
}

describe('the health of an address', () => {
  it('is good until three failures in a row', () => {
    const { health, changes, fail } = start()

    fail(2)
    assert.deepEqual([health.isOut, health.isUsable(), changes], [false, true, []])
    fail()
    assert.deepEqual([health.isOut, health.isUsable(), changes], [true, false, ['down refused']])
  })

  it('counts from the start when a connection comes about between them, or an answer', () => {
    const { health, fail } = start()

    for (const good of [() => health.connected(), () => health.answered()]) {
      fail(2)
      good()
      fail(2)
      good()
    }

    assert.equal(health.isOut, false)
  })

  it('grows no worse by failures that began before it was out', () => {
    const { health, fail } = start()
    fail(3)

    for (let i = 0; i < 60; i++) health.failed('ordinary', refused)

    assert.equal(health.waitMs(), 1000)
  })

  it('is not better by an answer over an old connection: the server may be draining', () => {
    const { health, changes, fail } = start()
    fail(3)

    health.answered()

    assert.deepEqual([health.isOut, changes.length], [true, 1])
  })

  it('lets one connect when its pause is over, and nobody else', () => {
    const { health, advance, fail } = start()
    fail(3)

    assert.equal(health.beginConnect(), null)
    advance(1000)
    assert.equal(health.beginConnect(), null)
    health.beginTrial(0)
    assert.deepEqual([health.beginConnect(), health.beginConnect()], ['trial', null])
  })

  it('doubles its pause with each trial that fails, up to half a minute', () => {
    const { health, changes, advance, fail, failTrial } = start()
    fail(3)
    const pauses: number[] = []

    for (let i = 0; i < 8; i++) {
      pauses.push(health.waitMs())
      advance(health.waitMs())
      failTrial()
    }

    assert.deepEqual(pauses, [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000])
    assert.deepEqual(changes, ['down refused'])
  })

  it('has no second trial while the first may still be connecting', () => {
    const { health, advance, fail } = start()
    fail(3)
    advance(1000)

    health.beginTrial(5000)
    advance(4999)

    assert.deepEqual([health.isUsable(), health.waitMs()], [false, 1])
  })

  it('has another trial when the first came to nothing: its client left', () => {
    const { health, advance, fail } = start()
    fail(3)
    advance(1000)
    health.beginTrial(0)

    assert.equal(health.isUsable(), false)
    advance(1000)
    assert.equal(health.isUsable(), true)
  })

  it('is good again with the first connection, and its next pause is short', () => {
    const { health, changes, advance, fail, failTrial } = start()
    fail(3)
    advance(1000)
    failTrial()
    advance(2000)
    health.beginTrial(0)

    health.connected()
    fail(3)

    assert.equal(health.waitMs(), 1000)
    assert.deepEqual(changes, ['down refused', 'up', 'down refused'])
  })
})
