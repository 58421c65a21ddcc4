import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { describe, it } from 'node:test'
import { refuseRepeatedHeaders } from '../../src/http/repeated-headers.ts'
import { codeOf } from '../support/request-path.ts'

function judge(lines: readonly (readonly [string, string])[], httpVersionMinor = 1): string {
  const encoding = lines.find(([name]) => name.toLowerCase() === 'transfer-encoding')?.[1]
  const req = { rawHeaders: lines.flat(), headers: encoding === undefined ? {} : { 'transfer-encoding': encoding }, httpVersionMinor }
  return codeOf(() => refuseRepeatedHeaders(req as unknown as IncomingMessage))
}

describe('header lines', () => {
  it('HDR-10 A-106 A-110 may come once where a second could be read instead', () => {
    const names = [
      'Host',
      'Authorization',
      'Content-Length',
      'Content-Type',
      'Origin',
      'Sec-Fetch-Site',
      'Sec-Fetch-Mode',
      'Sec-Fetch-Dest',
      'Sec-Fetch-User',
      'Sec-Fetch-Storage-Access',
    ]
    for (const name of names) {
      assert.equal(judge([[name, 'a']]), 'passed', name)
      assert.equal(
        judge([
          [name, 'a'],
          ['Accept', 'x'],
          [name.toLowerCase(), 'a'],
        ]),
        'bad_request',
        name,
      )
      assert.equal(
        judge([
          [name, 'a'],
          [name.toUpperCase(), 'b'],
        ]),
        'bad_request',
        name,
      )
    }
    assert.equal(judge(names.map(name => [name, 'x'])), 'passed')
  })

  it('may be repeated where that is how lists are written', () => {
    for (const name of ['Accept', 'Cookie', 'X-Forwarded-For', 'Via', 'Fors', 'Sec-Fetch-Xxxx'])
      assert.equal(
        judge([
          [name, 'a'],
          [name, 'b'],
        ]),
        'passed',
        name,
      )
  })
})

describe('a transfer coding', () => {
  it('MSG-03 is chunked, alone', () => {
    assert.equal(judge([['Transfer-Encoding', 'chunked']]), 'passed')
    assert.equal(judge([['Transfer-Encoding', 'Chunked']]), 'passed')
    for (const value of ['gzip, chunked', 'chunked, chunked', 'identity', 'xchunked', '', 'chunked;q=1'])
      assert.equal(judge([['Transfer-Encoding', value]]), 'bad_request', value)
  })

  it('MSG-04 is none in HTTP/1.0', () => {
    assert.equal(judge([['Transfer-Encoding', 'chunked']], 0), 'bad_request')
  })
})
