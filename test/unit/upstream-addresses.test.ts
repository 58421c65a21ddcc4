import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { GatewayError } from '../../src/errors.ts'
import { UpstreamAddresses } from '../../src/request/upstream-addresses.ts'
import { AddressHealth } from '../../src/request/upstream-health.ts'
import type { UpstreamPool } from '../../src/request/upstream-pool.ts'

/** Pools as far as choosing among them goes. */
function start(names: string) {
  let now = 0
  const pools = [...names].map(address => ({
    address,
    active: 0,
    isFull: false,
    health: new AddressHealth({ now: () => now, onChange: () => {} }),
  }))
  const upstream = new UpstreamAddresses(pools as unknown as UpstreamPool[])
  const pool = (name: string) => pools.find(({ address }) => address === name) as unknown as UpstreamPool & { isFull: boolean }
  return {
    upstream,
    pool,
    advance(ms: number) {
      now += ms
    },
    takeOut(name: string) {
      for (let i = 0; i < 3; i++) pool(name).health.failed('ordinary', new Error('refused'))
    },
    chosen: (times: number) => Array.from({ length: times }, () => upstream.choose().address).join(''),
  }
}

function thrownBy(run: () => unknown): Partial<GatewayError> {
  try {
    run()
  } catch (error) {
    assert.ok(error instanceof GatewayError)
    return error
  }
  return {}
}

describe('the next request', () => {
  it('goes round where all have as many', () => {
    assert.equal(start('abc').chosen(7), 'abcabca')
  })

  it('goes to the address that has the fewest', () => {
    const { pool, chosen } = start('abc')
    pool('a').active = 2
    pool('b').active = 1
    pool('c').active = 3

    assert.equal(chosen(5), 'bbbbb')
  })

  it('does not go to an address that is out', () => {
    const { takeOut, chosen } = start('abc')
    takeOut('b')

    assert.doesNotMatch(chosen(9), /b/)
  })

  it('tries an address whose pause is over, however much is there still', () => {
    const { takeOut, advance, pool, chosen, upstream } = start('ab')
    takeOut('b')
    pool('b').active = 50
    advance(1000)

    assert.equal(upstream.choose().address, 'b')
    pool('b').health.beginTrial(0)
    assert.equal(chosen(3), 'aaa')
  })

  it('is refused when all are out, with the shortest time to wait', () => {
    const { takeOut, advance, upstream } = start('ab')
    takeOut('a')
    advance(900)
    takeOut('b')

    const { code, reason, headers } = thrownBy(() => upstream.choose())

    assert.deepEqual([code, reason, headers], ['upstream_unreachable', 'addresses_out', { 'retry-after': '1' }])
  })

  it('is refused when too many wait at the one that has the fewest', () => {
    const { pool, upstream } = start('ab')
    pool('a').active = 10
    pool('b').isFull = true

    assert.equal(thrownBy(() => upstream.choose()).code, 'upstream_busy')
  })
})

describe('a second try', () => {
  it('goes to another address, to none when there is no other', () => {
    const { upstream, pool } = start('ab')
    pool('b').active = 9

    assert.equal(upstream.chooseOther(pool('a'))?.address, 'b')
    const alone = start('a')
    assert.equal(alone.upstream.chooseOther(alone.pool('a')), null)
  })

  it('goes to one in use rather than to one that somebody has to try: it is the last', () => {
    const { upstream, pool, takeOut, advance } = start('abc')
    takeOut('b')
    advance(1000)

    assert.equal(upstream.chooseOther(pool('a'))?.address, 'c')
    takeOut('c')
    assert.equal(upstream.chooseOther(pool('a'))?.address, 'b')
  })

  it('goes nowhere when all others are out, or too many wait there', () => {
    const { upstream, pool, takeOut } = start('ab')

    pool('b').isFull = true
    assert.equal(upstream.chooseOther(pool('a')), null)
    pool('b').isFull = false
    takeOut('b')
    assert.equal(upstream.chooseOther(pool('a')), null)
  })
})
