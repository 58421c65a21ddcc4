import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { refuseCrossSite } from '../../src/request/cross-site.ts'
import { codeOf } from '../support/request-path.ts'

const origin = { href: 'https://gw.test', authority: 'gw.test', isSecure: true }
const sibling = 'https://console.gw.test'
const modes = {
  'fetch-metadata': refuseCrossSite({ mode: 'fetch-metadata', allowedOrigins: [] }),
  header: refuseCrossSite({ mode: 'header', allowedOrigins: [] }),
}
const withSibling = {
  'fetch-metadata': refuseCrossSite({ mode: 'fetch-metadata', allowedOrigins: [sibling] }),
  header: refuseCrossSite({ mode: 'header', allowedOrigins: [sibling] }),
}
type Check = ReturnType<typeof refuseCrossSite>

interface Sent {
  readonly headers?: Record<string, string>
  readonly method?: string
  readonly kind?: 'page' | 'api'
  readonly isNavigation?: boolean
  readonly isOwnForm?: boolean
}

function passes(check: Check, { headers = {}, method = 'GET', kind = 'api', isNavigation = false, isOwnForm = false }: Sent): boolean {
  const code = codeOf(() => check({ headers, method, origin, kind, isNavigation, isOwnForm }))
  assert.ok(code === 'passed' || code === 'cross_site_refused', code)
  return code === 'passed'
}

const sites = ['same-origin', 'none', 'same-site', 'cross-site', 'Same-Origin', '', 'cross-origin', 'anything']
const methods = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS']
const dests = [
  { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' },
  { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'iframe' },
  { 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty' },
  { 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image' },
  { 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'script' },
]

describe('a request with our cookie and Fetch Metadata', () => {
  // Site × Mode × Dest × method × kind × mode, each combination.
  it('CSRF-02 A-046 A-047 passes from our own origin and from the person alone, but for navigations to pages', () => {
    let count = 0
    for (const [mode, check] of Object.entries(modes)) {
      for (const site of sites) {
        for (const dest of dests) {
          for (const method of methods) {
            for (const kind of ['page', 'api'] as const) {
              const isNavigation = method === 'GET' && dest['sec-fetch-dest'] === 'document' && dest['sec-fetch-mode'] === 'navigate'
              const sent = { headers: { 'sec-fetch-site': site, ...dest, 'x-csrf': '1' }, method, kind, isNavigation }
              const expected = (isNavigation && kind === 'page') || site === 'same-origin' || site === 'none'
              assert.equal(passes(check, sent), expected, JSON.stringify({ mode, ...sent }))
              count++
            }
          }
        }
      }
    }
    assert.equal(count, 2 * sites.length * dests.length * methods.length * 2)
  })

  it('CSRF-02 is refused when Sec-Fetch-Site alone is missing', () => {
    assert.equal(passes(modes['fetch-metadata'], { headers: { 'sec-fetch-mode': 'cors', origin: origin.href } }), false)
  })

  it('CSRF-04 is judged by the browser word, not by an Origin that fits', () => {
    assert.equal(
      passes(modes['fetch-metadata'], { headers: { 'sec-fetch-site': 'cross-site', origin: origin.href }, method: 'POST' }),
      false,
    )
  })

  it('CSRF-02 passes from a sibling only when that very origin is listed', () => {
    const from = (value?: string) => ({
      headers: { 'sec-fetch-site': 'same-site', 'x-csrf': '1', ...(value && { origin: value }) },
      method: 'POST',
    })

    assert.equal(passes(withSibling['fetch-metadata'], from(sibling)), true)
    assert.equal(passes(withSibling.header, from(sibling)), true)
    for (const other of ['https://evil.gw.test', 'http://console.gw.test', `${sibling}:444`, `${sibling}.evil.test`, 'null', undefined]) {
      assert.equal(passes(withSibling['fetch-metadata'], from(other)), false, other)
    }
    assert.equal(passes(withSibling['fetch-metadata'], { headers: { 'sec-fetch-site': 'cross-site', origin: sibling } }), false)
  })
})

describe('a request with our cookie and without Fetch Metadata', () => {
  const check = modes['fetch-metadata']

  it('CSRF-03 passes with our exact Origin, else our Referer, else X-CSRF: 1', () => {
    for (const method of methods) {
      assert.equal(passes(check, { headers: { origin: origin.href }, method }), true)
      assert.equal(passes(check, { headers: { referer: 'https://gw.test/orders?x' }, method }), true)
      assert.equal(passes(check, { headers: { 'x-csrf': '1' }, method }), true)
    }
  })

  it('CSRF-01 CSRF-03 is refused with none of them, reads included', () => {
    for (const method of methods) assert.equal(passes(check, { method }), false, method)
    assert.equal(passes(check, { headers: { 'x-csrf': '0' } }), false)
  })

  it('CSRF-04 A-050 is refused from look-alikes, null and other ports and schemes', () => {
    const others = [
      'null',
      'https://gw.test.evil',
      'https://gw.test.evil.example',
      'http://gw.test',
      'https://gw.test:444',
      'https://GW.test',
      'https://gw.test/',
    ]
    for (const other of [
      ...others,
      'https://evil.gw.test',
      'https://gw.test@evil.test',
      'https://gw.test, https://evil.test',
      '',
      'gw.test',
    ]) {
      assert.equal(passes(check, { headers: { origin: other, 'x-csrf': '1', referer: 'https://gw.test/' }, method: 'POST' }), false, other)
    }
    for (const other of [
      'https://gw.test.evil/',
      'https://gw.test@evil.test/',
      'http://gw.test/',
      'https://gw.test:444/',
      'https://gw.test',
      'https://evil/?https://gw.test/',
      '',
    ]) {
      assert.equal(passes(check, { headers: { referer: other, 'x-csrf': '1' } }), false, other)
    }
  })

  it('CSRF-04 does not ask what Host says', () => {
    assert.equal(passes(check, { headers: { origin: 'https://evil.test', host: 'evil.test' } }), false)
  })

  it('passes with Origin null when it carries the token of a form of ours', () => {
    assert.equal(passes(check, { headers: { origin: 'null' }, method: 'POST', isOwnForm: true }), true)
    assert.equal(passes(modes.header, { headers: { origin: 'null' }, method: 'POST', isOwnForm: true }), true)
    assert.equal(passes(check, { headers: { origin: 'https://evil.test' }, method: 'POST', isOwnForm: true }), false)
  })

  it('passes from a listed origin', () => {
    assert.equal(passes(withSibling['fetch-metadata'], { headers: { origin: sibling } }), true)
    assert.equal(passes(withSibling['fetch-metadata'], { headers: { referer: `${sibling}/x` } }), true)
    assert.equal(passes(withSibling['fetch-metadata'], { headers: { referer: `${sibling}.evil/x` } }), false)
  })

  it('passes as a navigation to a page, whatever else it says', () => {
    assert.equal(passes(check, { headers: { referer: 'https://mail.test/' }, kind: 'page', isNavigation: true }), true)
    assert.equal(passes(check, { headers: { referer: 'https://mail.test/' }, kind: 'api', isNavigation: true }), false)
  })
})

describe('in mode header', () => {
  it('CSRF-01 every request but a navigation carries X-CSRF: 1 as well', () => {
    const ours = { 'sec-fetch-site': 'same-origin' }
    for (const method of ['HEAD', 'POST', 'PUT', 'DELETE']) {
      assert.equal(passes(modes.header, { headers: ours, method }), false, method)
      assert.equal(passes(modes.header, { headers: { ...ours, 'x-csrf': '1' }, method }), true, method)
    }
    assert.equal(passes(modes.header, { headers: { origin: origin.href } }), false)
    assert.equal(passes(modes.header, { headers: { 'sec-fetch-site': 'none' } }), false)
    assert.equal(passes(modes.header, { headers: { ...ours, 'x-csrf': 'true' }, method: 'POST' }), false)
  })

  it('but same-origin GETs that Fetch Metadata vouches for', () => {
    assert.equal(passes(modes.header, { headers: { 'sec-fetch-site': 'same-origin' } }), true)
  })

  it('CSRF-01 the header replaces no other check', () => {
    assert.equal(passes(modes.header, { headers: { 'sec-fetch-site': 'cross-site', 'x-csrf': '1' } }), false)
  })
})
