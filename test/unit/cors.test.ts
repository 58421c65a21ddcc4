import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { describe, it } from 'node:test'
import { createCors, isPreflight } from '../../src/http/cors.ts'
import { codeOf } from '../support/request-path.ts'

const sibling = 'https://console.gw.test'
const cors = createCors([sibling])
const others = [
  'https://evil.test',
  'null',
  'https://gw.test.evil',
  'https://xconsole.gw.test',
  `${sibling}.evil.test`,
  'http://console.gw.test',
  `${sibling}:444`,
  `${sibling}/`,
  '*',
  '',
  'https://CONSOLE.gw.test',
  `${sibling}, ${sibling}`,
]

describe('CORS', () => {
  it('CSRF-05 A-050 is off', () => {
    for (const origin of [sibling, ...others]) assert.deepEqual(createCors([]).answerHeaders({ origin }), [], origin)
  })

  it('CSRF-05 names a listed origin, and no other gets anything', () => {
    const headers = cors.answerHeaders({ origin: sibling })

    assert.deepEqual(headers.slice(0, 4), ['access-control-allow-origin', sibling, 'access-control-allow-credentials', 'true'])
    for (const origin of others) assert.deepEqual(cors.answerHeaders({ origin }), [], origin)
    assert.deepEqual(cors.answerHeaders({}), [])
  })
})

describe('a preflight', () => {
  const ask = (headers: Record<string, string>, method = 'OPTIONS') => isPreflight({ method, headers } as unknown as IncomingMessage)

  it('is an OPTIONS with an origin that asks for a method', () => {
    assert.equal(ask({ origin: sibling, 'access-control-request-method': 'PUT' }), true)
    assert.equal(ask({ origin: sibling }), false)
    assert.equal(ask({ 'access-control-request-method': 'PUT' }), false)
    assert.equal(ask({ origin: sibling, 'access-control-request-method': 'PUT' }, 'GET'), false)
  })

  it('CSRF-06 of a listed origin learns the methods of the route and may send the headers it asks for', () => {
    const flat = cors.preflightHeaders({ origin: sibling, 'access-control-request-headers': 'content-type,x-csrf' }, ['GET', 'POST'])
    const headers = Object.fromEntries(Array.from({ length: flat.length / 2 }, (_, i) => [flat[2 * i], flat[2 * i + 1]]))

    assert.equal(headers['access-control-allow-origin'], sibling)
    assert.equal(headers['access-control-allow-methods'], 'GET, POST')
    assert.equal(headers['access-control-allow-headers'], 'content-type,x-csrf')
    assert.match(headers.vary ?? '', /^Origin,/)
  })

  it('learns that the method it asks for is taken where a route takes any', () => {
    const answer = (method: string) => cors.preflightHeaders({ origin: sibling, 'access-control-request-method': method }, null)

    assert.equal(answer('PATCH')[answer('PATCH').indexOf('access-control-allow-methods') + 1], 'PATCH')
    for (const method of ['', 'a b', 'x\r\ny']) assert.equal(answer(method).includes('access-control-allow-methods'), false)
  })

  it('CSRF-06 of any other is refused', () => {
    for (const origin of others)
      assert.equal(
        codeOf(() => cors.preflightHeaders({ origin }, ['GET'])),
        'cross_site_refused',
        origin,
      )
    assert.equal(
      codeOf(() => cors.preflightHeaders({}, ['GET'])),
      'cross_site_refused',
    )
  })

  it('gives back no header name that is none', () => {
    for (const asked of ['a b', 'x, ,y', '*\r\nx', 'x'.repeat(2000), '']) {
      assert.equal(
        cors
          .preflightHeaders({ origin: sibling, 'access-control-request-headers': asked }, ['GET'])
          .includes('access-control-allow-headers'),
        false,
        asked,
      )
    }
  })
})
