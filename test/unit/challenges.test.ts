import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { readChallenges } from '../../src/http/challenges.ts'

const read = (lines: string | string[]) => readChallenges(lines).map(({ scheme, params }) => [scheme, Object.fromEntries(params)])

describe('a WWW-Authenticate header', () => {
  const cases: Record<string, unknown[]> = {
    '': [],
    Bearer: [['bearer', {}]],
    'Bearer realm="a, b", error=invalid_token': [['bearer', { realm: 'a, b', error: 'invalid_token' }]],
    'BEARER ERROR="x"': [['bearer', { error: 'x' }]],
    'Bearer error = "x" ,max_age= 5': [['bearer', { error: 'x', max_age: '5' }]],
    'Basic realm="x", Bearer error="y", DPoP algs="ES256"': [
      ['basic', { realm: 'x' }],
      ['bearer', { error: 'y' }],
      ['dpop', { algs: 'ES256' }],
    ],
    'Negotiate YWJj==, Bearer error="y"': [
      ['negotiate', {}],
      ['bearer', { error: 'y' }],
    ],
    'Negotiate, Bearer error="y"': [
      ['negotiate', {}],
      ['bearer', { error: 'y' }],
    ],
    ', ,Bearer error="y", ,': [['bearer', { error: 'y' }]],
    'Bearer acr_values="a \\"b\\" \\\\c"': [['bearer', { acr_values: 'a "b" \\c' }]],
    'Bearer error="one", error="two"': [['bearer', { error: 'one' }]],
    'Bearer __proto__="x"': [['bearer', JSON.parse('{"__proto__":"x"}')]],
    // Nothing that the grammar does not know is guessed at.
    'Bearer error="open': [['bearer', {}]],
    'Bearer error="x" more="y"': [['bearer', { error: 'x' }]],
    'Bearer error="x"; more="y"': [['bearer', { error: 'x' }]],
    '"Bearer" error="x"': [],
  }
  for (const [line, expected] of Object.entries(cases)) {
    it(`reads ${JSON.stringify(line)}`, () => {
      assert.deepEqual(read(line), expected)
    })
  }

  it('may stand on several lines', () => {
    assert.deepEqual(read(['Basic realm="x"', 'Bearer error="y"']), [
      ['basic', { realm: 'x' }],
      ['bearer', { error: 'y' }],
    ])
  })

  it('STEP-06 is read to where it makes sense, however long it is and whatever is in it', () => {
    for (const part of ['"', '\\"', 'a="', ' ', ',', '=', 'Bearer ', 'a=b,', `x="${'\\a'.repeat(50)}`]) {
      assert.equal(readChallenges(`Bearer ${part.repeat(16_384 / part.length)}`)[0]?.scheme, 'bearer', JSON.stringify(part))
    }
  })
})
