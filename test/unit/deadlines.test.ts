import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { comingEnd } from '../../src/session/deadlines.ts'

const clocks = { touchedAt: 0, idleExpiresAt: 100, absoluteExpiresAt: 200 }

describe('the end that comes first', () => {
  for (const [what, record, grantExpiresAt, end] of [
    ['is idle', clocks, null, { reason: 'idle', at: 100 }],
    ['is the absolute one once idle cannot slide any further', { ...clocks, idleExpiresAt: 200 }, null, { reason: 'expired', at: 200 }],
    ['is that of the grant at the provider, where it tells one', clocks, 99, { reason: 'expired', at: 99 }],
    ['is not that of the grant when the session ends before it', clocks, 101, { reason: 'idle', at: 100 }],
  ] as const) {
    it(what, () => {
      assert.deepEqual(comingEnd(record, grantExpiresAt), end)
    })
  }
})
