import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, it } from 'node:test'
import { createAnswerHeaders, createPageHeaders, isStrongHsts } from '../../src/http/security-headers.ts'

const stylesheet = 'body { color: black }'

function headersOf(flat: readonly string[]): Record<string, string> {
  return Object.fromEntries(Array.from({ length: flat.length / 2 }, (_, i) => [flat[2 * i], flat[2 * i + 1]]))
}

const page = (options: { readonly isSecure?: boolean; readonly logo?: string } = {}) =>
  headersOf(createPageHeaders({ stylesheet, isSecure: true, ...options }))

describe('the headers of our pages', () => {
  it('WEB-02 let nothing in but our stylesheet and our own images, and nobody frame them', () => {
    const policy = new Map(
      (page()['content-security-policy'] ?? '')
        .split(';')
        .map(directive => [directive.split(' ')[0], directive.split(' ').slice(1).join(' ')]),
    )

    assert.deepEqual(Object.fromEntries(policy), {
      'default-src': "'none'",
      'style-src': `'sha256-${createHash('sha256').update(stylesheet).digest('base64')}'`,
      'img-src': "'self'",
      'form-action': "'self'",
      'base-uri': "'none'",
      'frame-ancestors': "'none'",
    })
    assert.equal(page()['x-frame-options'], 'DENY')
  })

  it('WEB-02 let in the logo of the operator from its origin', () => {
    assert.match(
      page({ logo: 'https://cdn.example.test/a/logo.svg?x' })['content-security-policy'] ?? '',
      /;img-src 'self' https:\/\/cdn\.example\.test;/,
    )
    assert.match(page({ logo: '/logo.svg' })['content-security-policy'] ?? '', /;img-src 'self';/)
  })

  it('WEB-01 bring HSTS for a year over https, and none over http', () => {
    assert.equal(page()['strict-transport-security'], 'max-age=31536000; includeSubDomains')
    assert.equal('strict-transport-security' in page({ isSecure: false }), false)
  })

  it('WEB-03 WEB-04 WEB-05 are never sniffed, refer nobody, and keep to themselves', () => {
    const headers = page()

    assert.equal(headers['x-content-type-options'], 'nosniff')
    assert.equal(headers['referrer-policy'], 'no-referrer')
    assert.equal(headers['cross-origin-opener-policy'], 'same-origin')
    assert.equal(headers['cross-origin-resource-policy'], 'same-origin')
  })
})

describe('the headers of our other answers', () => {
  it('WEB-01 WEB-03 WEB-05 hold what helps without a page', () => {
    const headers = headersOf(createAnswerHeaders({ isSecure: true }))

    assert.equal(headers['x-content-type-options'], 'nosniff')
    assert.equal(headers['cross-origin-resource-policy'], 'same-origin')
    assert.equal(headers['strict-transport-security'], 'max-age=31536000; includeSubDomains')
    assert.equal(createAnswerHeaders({ isSecure: false }).includes('strict-transport-security'), false)
  })
})

describe('an upstream’s HSTS', () => {
  it('is strong when it lasts a year and covers subdomains', () => {
    for (const value of [
      'max-age=31536000; includeSubDomains',
      'includesubdomains;max-age="63072000"',
      'Max-Age=31536000 ; IncludeSubDomains; preload',
    ])
      assert.ok(isStrongHsts(value), value)
    for (const value of [
      '',
      'max-age=31535999; includeSubDomains',
      'max-age=31536000',
      'max-age=31536000; xincludeSubDomains',
      'x-max-age=31536000; includeSubDomains',
      'max-age=1e9; includeSubDomains',
    ]) {
      assert.ok(!isStrongHsts(value), value)
    }
  })
})
