import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { readStrictJson } from '../../src/oidc/strict-json.ts'

const read = (text: string) => readStrictJson(Buffer.from(text))

describe('JSON of one meaning', () => {
  it('is read as it stands', () => {
    const sameKeys = '{"a":{"a":1,"b":"a\\":{"},"b":[{"a":1},{"a":2}], "c" : "x:y", "":0}'

    assert.deepEqual(read(sameKeys), JSON.parse(sameKeys))
    assert.deepEqual([read('null'), read('7'), read('"a:b"'), read('\ufeff{}')], [null, 7, 'a:b', {}])
  })

  it('IDT-16 has each name once in an object, however it is spelt', () => {
    const twice = [
      '{"a":1,"a":1}',
      '{"a":1,"\\u0061":2}',
      '{"x":[{"a":1,"b":2,"a" :3}]}',
      '{"":1,"":2}',
      '{"__proto__":1,"__proto__":2}',
      '{"a\\"":1,"a\\"":2}',
    ]

    assert.deepEqual(
      twice.map(read),
      twice.map(() => undefined),
    )
  })

  it('META-08 is not nested deeper than 32 levels', () => {
    const nested = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`

    assert.notEqual(read(nested(32)), undefined)
    for (const depth of [33, 1_000, 500_000]) assert.equal(read(nested(depth)), undefined)
    assert.equal(read('{"a":'.repeat(100_000)), undefined)
    assert.equal(read(`"${'['.repeat(100)}"`), '['.repeat(100))
  })

  it('is JSON, in UTF-8', () => {
    for (const text of ['', '{', '{"a":1', '{"a"', '"', '"\\', '{a:1}', '{"a":1}}', 'undefined', ']', '{"\\":1}']) {
      assert.equal(read(text), undefined, text)
    }
    assert.equal(readStrictJson(Buffer.from([0x22, 0xff, 0x22])), undefined)
  })

  it('is what the parser says it is, for everything the parser writes', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), fc.constantFrom(0, 2), (value, indent) => {
        assert.deepEqual(read(JSON.stringify(value, null, indent)), JSON.parse(JSON.stringify(value)))
      }),
      { numRuns: 200 },
    )
  })
})
