import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createLocationRewrite } from '../../src/http/location.ts'
import { testConfig } from '../support/request-path.ts'

const config = testConfig(
  [
    { path: '/', upstream: 'http://web:3000' },
    { path: '/cut', upstream: ['https://one.example.test', 'https://other.example.test:8443'], stripPrefix: true },
    { path: '/socket', upstream: 'unix:/run/web.sock', stripPrefix: true },
    { path: '/host', upstream: 'http://web', preserveHost: true, stripPrefix: true },
  ],
  { origins: ['https://app.example.test', 'https://other.example.com:8443'] },
)
const rewrites = new Map(config.routes.map(route => [route.path, createLocationRewrite(route)]))
const [app, second] = config.origins

const rewrite = (path: string, value: string, origin = app) => rewrites.get(path)?.(value, origin)

describe('the Location of an upstream', () => {
  const ours = [
    ['/', 'http://web:3000/a/b?c=d#e', 'https://app.example.test/a/b?c=d#e'],
    ['/', 'HTTP://WEB:3000/A', 'https://app.example.test/A'],
    ['/', 'http://web:3000', 'https://app.example.test/'],
    ['/', 'http://web:3000?c', 'https://app.example.test/?c'],
    ['/', 'http://web:3000//evil.example.test/%2e%2e/', 'https://app.example.test//evil.example.test/%2e%2e/'],
    ['/cut', 'https://one.example.test/login', 'https://app.example.test/cut/login'],
    ['/cut', 'https://one.example.test:443/login', 'https://app.example.test/cut/login'],
    ['/cut', 'https://other.example.test:8443/', 'https://app.example.test/cut/'],
    ['/cut', 'https://other.example.test:8443#top', 'https://app.example.test/cut/#top'],
    ['/socket', 'http://localhost/x', 'https://app.example.test/socket/x'],
    // It hears our authority, and does not know that TLS ends before it.
    ['/host', 'http://app.example.test/x', 'https://app.example.test/host/x'],
    ['/host', 'http://web/x', 'https://app.example.test/host/x'],
  ] as const
  for (const [path, value, rewritten] of ours) {
    it(`PXY-08 becomes ours where it is its own: ${value} on ${path}`, () => {
      assert.equal(rewrite(path, value), rewritten)
    })
  }

  const others = [
    ['/', 'http://web:3001/other-port'],
    ['/', 'https://web:3000/other-scheme'],
    ['/', 'http://web.evil.test:3000/'],
    ['/', 'http://web:3000.evil.test/'],
    ['/', 'http://me@web:3000/'],
    ['/', 'http://web:3000@evil.test/'],
    ['/', 'http://web:3000\\@evil.test/'],
    ['/', 'http:/web:3000/one-slash'],
    ['/', '//web:3000/no-scheme'],
    ['/', 'ftp://web:3000/'],
    ['/', '/path'],
    ['/', '?query'],
    ['/', ''],
    ['/', 'http://'],
    ['/', 'http://[/'],
    ['/cut', '/login'],
    ['/cut', 'login'],
    ['/cut', 'http://one.example.test/plain'],
    ['/cut', 'https://login.example.test/?next=https://one.example.test/'],
    ['/cut', 'https://app.example.test/elsewhere'],
    ['/host', 'https://app.example.test/knows'],
    ['/host', 'http://app.example.test:8080/'],
  ] as const
  for (const [path, value] of others) {
    it(`PXY-08 passes as it is where it is not: ${JSON.stringify(value)} on ${path}`, () => {
      assert.equal(rewrite(path, value), value)
    })
  }

  it('becomes the origin that the request came to', () => {
    assert.equal(rewrite('/cut', 'https://one.example.test/x', second), 'https://other.example.com:8443/cut/x')
  })

  it('passes as it is where the upstream knows our origin, which may be http too', () => {
    const plain = { href: 'http://localhost:8080', authority: 'localhost:8080', isSecure: false }

    assert.equal(rewrite('/host', 'http://localhost:8080/knows', plain), 'http://localhost:8080/knows')
  })

  it('is rewritten in every line where there are several', () => {
    const values = rewrites.get('/')?.(['http://web:3000/a', 'http://elsewhere.test/'], app)

    assert.deepEqual(values, ['https://app.example.test/a', 'http://elsewhere.test/'])
  })
})
