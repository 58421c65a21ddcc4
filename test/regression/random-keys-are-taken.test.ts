import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, it } from 'node:test'
import { cookieKeyProblem, decodeSealingKey } from '../../src/config/key-strength.ts'

// What happened: the search for placeholders such as `<your key>` ran over the decoded bytes of sealing keys,
// and about one random key in 130 holds a `<` and later a `>`. A gateway refused to start with a good key.
// What holds it now: placeholders are looked for in the text as it was written.
describe('a random key', () => {
  it('is taken, whatever its bytes are', () => {
    const bytes = Buffer.from(`${'<'.padEnd(31, 'q8zR_k2!')}>`, 'latin1')

    assert.ok('key' in decodeSealingKey(bytes.toString('base64url')))
  })

  it('is taken every time', () => {
    for (let round = 0; round < 5000; round += 1) {
      assert.ok('key' in decodeSealingKey(randomBytes(32).toString('base64')))
      assert.equal(cookieKeyProblem(randomBytes(32).toString('base64url')), null)
    }
  })
})
