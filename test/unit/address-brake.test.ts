import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createAddressBrake } from '../../src/http/address-brake.ts'

function make() {
  let now = 0
  const brake = createAddressBrake(() => now)
  return {
    brake,
    advance(ms: number) {
      now += ms
    },
    /** How many an address may have before it is over the limit. */
    fill(address: string) {
      let counted = 0
      for (; !brake.isOver(address); counted += 1) brake.count(address)
      return counted
    },
  }
}

describe('what came to nothing', () => {
  it('BCL-12 is counted for each address, for a minute', () => {
    const { brake, advance, fill } = make()

    assert.equal(fill('192.0.2.1'), 60)
    assert.deepEqual([brake.isOver('192.0.2.1'), brake.isOver('192.0.2.2')], [true, false])
    advance(59_999)
    assert.equal(brake.isOver('192.0.2.1'), true)
    advance(1)
    assert.equal(brake.isOver('192.0.2.1'), false)
    assert.equal(fill('192.0.2.1'), 60)
  })

  it('BCL-12 is counted for all of a network whose addresses are one client’s to choose', () => {
    const { brake, fill } = make()
    fill('2001:db8:1:2:3:4:5:6')
    fill('2001:db8::1')

    for (const address of ['2001:db8:1:2::1', '2001:db8:1:2:ffff::', '2001:db8::2']) assert.equal(brake.isOver(address), true, address)
    for (const address of ['2001:db8:1:3::1', '2001:db9::1', '::1']) assert.equal(brake.isOver(address), false, address)
  })

  it('BCL-12 takes no more memory than ten thousand addresses do; others are over the limit at once', () => {
    const { brake, advance } = make()
    for (let at = 0; at < 10_000; at += 1) brake.count(`10.0.${at >> 8}.${at & 255}`)

    assert.deepEqual([brake.isOver('10.0.0.1'), brake.isOver('192.0.2.1')], [false, true])
    advance(60_000)
    assert.equal(brake.isOver('192.0.2.1'), false)
  })
})
