import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { runChild } from '../../src/cli/native/child-process.ts'

describe('a program in our place', () => {
  it('gets every signal from its first moment on: we listen before it is there, and no longer than it', async () => {
    const counts: number[] = []
    const options = {
      get env() {
        counts.push(process.listenerCount('SIGTERM'))
        return {}
      },
    }

    const code = await runChild([process.execPath, '--version'], options)

    assert.equal(code, 0)
    assert.ok(counts.length > 0 && counts.every(count => count === 1), counts.join())
    assert.equal(process.listenerCount('SIGTERM'), 0)
  })
})
