import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { describe, it } from 'node:test'
import { requestId } from '../../src/http/request-id.ts'

const given = (id?: string) => requestId({ headers: id === undefined ? {} : { 'x-request-id': id } } as unknown as IncomingMessage)

describe('a request id', () => {
  it('HDR-15 is kept when it is well-formed', () => {
    for (const id of ['abcdefgh', 'A.b_c-d.0123', 'x'.repeat(128)]) assert.equal(given(id), id)
  })

  it('HDR-15 is made anew otherwise', () => {
    for (const id of [
      undefined,
      '',
      'short',
      'x'.repeat(129),
      'x'.repeat(5000),
      'a\nbcdefghi',
      'has space',
      'abcdefgh, ijklmnop',
      'abcdefgh"',
      'ümläutid',
      '{"a":"bcd"}',
    ]) {
      assert.match(given(id), /^[0-9a-f-]{36}$/, id)
    }
    assert.notEqual(given(), given())
  })
})
