import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { canonicalPath } from '../../src/http/canonical-path.ts'
import { pathReadings } from '../../src/http/path-readings.ts'
import { codeOf } from '../support/request-path.ts'

const refusals = {
  'A-098 dot segments': ['/..', '/.', '/api/../admin', '/api/./x', '/api/..', '/api/.', '/../', '/api/orders/..?x=1'],
  'A-098 encoded dot segments': ['/api/%2e%2e/admin', '/api/.%2e/admin', '/api/%2e./admin', '/api/%2E%2E', '/api/%2e/x', '/%2e'],
  'A-098 dot segments encoded twice and more often': ['/api/%252e%252e/admin', '/api/.%25252e/admin', '/api/%2525252e%2e/x'],
  'dot segments that only appear once an encoded slash is decoded': ['/api/..%2fadmin', '/api/x%2f..%2f..%2fadmin', '/api/..%252fadmin'],
  'A-100 dot segments with path parameters': ['/api/..;/admin', '/api/..;v=1/admin', '/api/.;/x', '/api/..%3b/admin', '/api/%2e%2e;x/y'],
  'A-100 empty segments': ['//', '//api/orders', '/api//orders', '/api/orders//', '///'],
  backslashes: ['/api\\orders', '/api/..\\admin', '/api%5corders', '/api%5Corders', '/api%255corders'],
  'A-100 NUL and controls': ['/api%00', '/api/%0a', '/api%0d%0aX', '/api%1f', '/api%7f', '/api\x01', '/api\x7f', '/api%2500'],
  spaces: ['/api orders', '/api/ '],
  'A-103 fragments': ['/api#/../admin', '/api/orders?x#y', '/#', '/api%23x'],
  'broken percent-encoding': ['/%', '/api%', '/api%2', '/api%zz', '/api%2', '/api/%u002e', '/api%%41'],
  'A-100 invalid and overlong UTF-8': ['/%c0%ae%c0%ae/', '/%ff', '/%e2%82', '/%ed%a0%80', '/%f4%90%80%80', '/%80'],
  'raw bytes beyond ASCII': ['/caf\xe9', '/\xc3\xa9', '/\u20ac', '/api?x=\xe9'],
  'what is encoded more often than anybody would': ['/%2525252525252541'],
}

describe('a request target', () => {
  for (const [what, targets] of Object.entries(refusals)) {
    it(`PXY-03 is refused for ${what}`, () => {
      for (const target of targets)
        assert.equal(
          codeOf(() => canonicalPath(target)),
          'ambiguous_path',
          target,
        )
    })
  }

  it('PXY-03 passes unchanged when it can be read in one way only', () => {
    const targets = [
      ...['/', '/api/orders', '/api/orders/', '/api/.well-known/x', '/a..b/..c/d..', '/...', '/~alice/a-b_c.d', "/a!$&'()*+,;=:@b"],
      ...['/a%20b', '/100%25', '/a;v=1/b', '/caf%C3%A9', '/caf%c3%a9', '/%E2%82%AC', '/[id]/{x}|"<>^`', '/a%3Fb', '/a%3Bb', '/C%2B%2B'],
    ]

    for (const target of targets) assert.deepEqual(canonicalPath(target), { path: target, query: '', hasEncodedSlash: false })
  })

  it('tells the query apart and passes what browsers put there', () => {
    assert.deepEqual(canonicalPath('/a?b=1&c=%zz\\//../?x'), { path: '/a', query: '?b=1&c=%zz\\//../?x', hasEncodedSlash: false })
    assert.deepEqual(canonicalPath('/a?'), { path: '/a', query: '?', hasEncodedSlash: false })
  })

  it('tells of an encoded slash, in either case and encoded twice', () => {
    for (const target of ['/a%2Fb', '/a%2fb', '/a%252Fb', '/a;x=%2Fb']) assert.equal(canonicalPath(target).hasEncodedSlash, true, target)
  })

  it('PXY-18 is refused with uri_too_long beyond 8 KiB', () => {
    assert.equal(
      codeOf(() => canonicalPath(`/${'a'.repeat(8191)}`)),
      'passed',
    )
    assert.equal(
      codeOf(() => canonicalPath(`/${'a'.repeat(8192)}`)),
      'uri_too_long',
    )
  })

  it('is judged in bounded time, however it is encoded', () => {
    const targets = [
      `/${'%25'.repeat(2700)}`,
      `/${';'.repeat(8000)}`,
      `/${'%2525'.repeat(1600)}`,
      `/${'/a;'.repeat(2700)}`,
      `/${'%2F'.repeat(2700)}`,
    ]

    const startedAt = process.cpuUsage().user
    for (const target of targets) codeOf(() => canonicalPath(target))
    const spentMs = (process.cpuUsage().user - startedAt) / 1000

    assert.ok(spentMs < 200, `${spentMs} ms`)
  })

  // The promise that everything else rests on: no way of reading an accepted path leads out of its segments.
  it('PXY-03 when accepted leads upwards in no reading', () => {
    const part = fc.constantFrom(
      '/',
      '.',
      '..',
      '%2e',
      '%2E',
      '%252e',
      '%2f',
      '%25',
      '%5c',
      ';',
      ';v=1',
      'a',
      'api',
      '%c3%a9',
      '%00',
      '\\',
      '?',
      '%3b',
    )
    fc.assert(
      fc.property(fc.array(part, { maxLength: 12 }), parts => {
        const target = `/${parts.join('')}`
        if (codeOf(() => canonicalPath(target)) !== 'passed') return
        const { path } = canonicalPath(target)
        for (const reading of [path, ...(pathReadings(path) ?? [])]) {
          const collapsed = new URL(`http://x${reading.replaceAll('\\', '/').replaceAll('?', '_')}`).pathname
          const bare = reading.replace(/;[^/]*/g, '')
          assert.ok(!/(^|\/)\.{1,2}(\/|$)/.test(bare), `${target} reads as ${reading}`)
          assert.ok(collapsed.split('/').length >= reading.split('/').length, `${target} collapses to ${collapsed}`)
        }
      }),
      { numRuns: 3000 },
    )
  })
})
