import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { beatMs, createInFlight, maxInFlight } from '../../src/store/redis-in-flight.ts'

describe('the count of commands in flight', () => {
  function create() {
    let now = 0
    const inFlight = createInFlight({ now: () => now })
    /** Beats until the verdict comes; gives the time. */
    function beatUntil(verdict: 'quiet' | 'stuck', everyMs = beatMs): number {
      for (let beat = 0; beat < 100; beat += 1) {
        now += everyMs
        if (inFlight.beat() === verdict) return now
      }
      throw new Error(`never ${verdict}`)
    }
    return { inFlight, beatUntil, pass: (ms: number) => (now += ms) }
  }

  it('finds a connection stuck when the oldest command has waited for 800 ms and a beat', () => {
    const { inFlight, beatUntil } = create()
    inFlight.begin()

    assert.equal(beatUntil('stuck'), 900)
  })

  it('judges by the oldest command, not by how many are answered', () => {
    const { inFlight, beatUntil, pass } = create()
    for (let turn = 0; turn < 50; turn += 1) {
      // Each is answered after 700 ms, while seven others wait behind it.
      inFlight.begin()
      if (turn >= 7) inFlight.end()
      pass(beatMs)
      assert.notEqual(inFlight.beat(), 'stuck')
    }

    // The seven that remain were begun up to 700 ms before.
    assert.ok(beatUntil('stuck') <= 50 * beatMs + 300)
  })

  it('is not stuck after a standstill of its own until the loop has turned a few times', () => {
    const { inFlight, pass } = create()
    inFlight.begin()
    inFlight.beat()

    pass(60_000)
    assert.equal(inFlight.beat(), 'busy')
    inFlight.end()

    assert.notEqual(inFlight.beat(), 'stuck')
  })

  it('is quiet after 400 ms without a question, and not before', () => {
    const { inFlight, beatUntil } = create()
    inFlight.begin()
    inFlight.end()

    assert.equal(beatUntil('quiet'), 500)
  })

  it('owes no answers after a restart', () => {
    const { inFlight, beatUntil } = create()
    inFlight.begin()
    beatUntil('stuck')

    inFlight.restart()

    assert.equal(inFlight.beat(), 'busy')
  })

  it('OPS-02 is full at its bound, and has room again with the first answer', () => {
    const { inFlight } = create()
    for (let count = 0; count < maxInFlight; count += 1) {
      assert.equal(inFlight.isFull(), false)
      inFlight.begin()
    }

    assert.equal(inFlight.isFull(), true)
    inFlight.end()
    assert.equal(inFlight.isFull(), false)
  })
})
