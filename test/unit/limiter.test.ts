import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, it } from 'node:test'
import { GatewayError } from '../../src/errors.ts'
import { createLimiter, type Limit } from '../../src/store/limiter.ts'
import { createMemoryStore } from '../../src/store/memory.ts'
import type { Store } from '../../src/store/store.ts'

function make(count?: Store['count']) {
  let now = 1_700_000_000_000
  const memory = createMemoryStore({ now: () => now })
  const asked: string[] = []
  const admitWithin = createLimiter({
    key: randomBytes(32),
    now: () => now,
    store: {
      count(key, perMinute) {
        asked.push(key.id)
        return (count ?? memory.count)(key, perMinute)
      },
    },
  })
  /** Whether one more is let in; seconds to wait otherwise. */
  const ask = async (limit: Limit): Promise<number> => {
    try {
      await admitWithin([limit])
      return 0
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error
      assert.equal(error.code, 'too_many_requests')
      return Number(error.headers['retry-after'])
    }
  }
  return {
    ask,
    asked,
    advance(ms: number) {
      now += ms
    },
  }
}

const away = () => Promise.reject(new GatewayError('store_unavailable', 'away'))
const of = (address: string, perMinute = 2): Limit => ({ kind: 'address', perMinute, whose: ['/api', address] })

describe('limits', () => {
  it('PXY-17 ask the store nothing while a caller is known to be over one', async () => {
    const { ask, asked, advance } = make()

    const answers = []
    for (let turn = 0; turn < 100; turn += 1) answers.push(await ask(of('192.0.2.1')))

    assert.deepEqual(answers.slice(0, 4), [0, 0, 30, 30])
    assert.equal(asked.length, 3)
    advance(30_000)
    assert.deepEqual([await ask(of('192.0.2.1')), await ask(of('192.0.2.1'))], [0, 30])
    assert.equal(asked.length, 5)
  })

  it('name nobody to the store', async () => {
    const { ask, asked } = make()

    await ask(of('192.0.2.1'))

    assert.match(asked[0] ?? '', /^[\w-]{43}$/)
  })

  it('PXY-17 go on without the store, exactly and without end', async () => {
    const { ask, advance } = make(away)

    for (let minute = 0; minute < 3; minute += 1) {
      assert.deepEqual([await ask(of('192.0.2.1')), await ask(of('192.0.2.1')), await ask(of('192.0.2.1'))], [0, 0, 30])
      assert.equal(await ask(of('192.0.2.2')), 0)
      advance(60_000)
    }
  })

  it('PXY-17 are never off, nor grow without bound, however many come while the store is away', async () => {
    const { ask, advance } = make(away)
    for (let at = 0; at < 50_000; at += 1) assert.equal(await ask(of(`${at}`)), 0)

    const strangers = []
    for (let at = 0; at < 10; at += 1) strangers.push(await ask(of(`stranger ${at}`)))

    // All of them share one count.
    assert.equal(strangers.filter(seconds => seconds === 0).length, 2, strangers.join(' '))
    assert.equal(await ask(of('7')), 0)
    advance(60_000)
    assert.equal(await ask(of('stranger 1')), 0)
  })

  it('lock nobody out for longer when the clock is set back', async () => {
    const { ask, advance } = make(away)
    await ask(of('192.0.2.1'))
    await ask(of('192.0.2.1'))

    advance(-3_600_000)

    assert.ok((await ask(of('192.0.2.1'))) <= 60)
  })

  it('hide no mistake of ours', async () => {
    const { ask } = make(() => Promise.reject(new TypeError('a mistake')))

    await assert.rejects(() => ask(of('192.0.2.1')), TypeError)
  })
})
