import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { describe, it } from 'node:test'
import { createTrustedProxies } from '../../src/http/client-address.ts'
import { readTarget } from '../../src/http/target.ts'
import { codeOf } from '../support/request-path.ts'

const app = { href: 'https://app.example.com', authority: 'app.example.com', isSecure: true }
const admin = { href: 'https://admin.example.com:8443', authority: 'admin.example.com:8443', isSecure: true }
const local = { href: 'http://localhost:8080', authority: 'localhost:8080', isSecure: false }
const deps = { origins: [app, admin, local], proxies: createTrustedProxies(['10.0.0.0/8']) }

function request(url: string, headers: Record<string, string>, peer = '192.0.2.1'): IncomingMessage {
  return { url, headers, socket: { remoteAddress: peer } } as unknown as IncomingMessage
}

const read = (url: string, headers: Record<string, string> = { host: 'app.example.com' }, peer?: string) =>
  readTarget(request(url, headers, peer), deps)
const judge = (...args: Parameters<typeof read>) => codeOf(() => read(...args))

describe('the origin of a request', () => {
  it('is the configured one that Host names, in any case and with its default port', () => {
    for (const host of ['app.example.com', 'APP.Example.com', 'app.example.com:443']) assert.equal(read('/', { host }).origin, app, host)
    assert.equal(read('/', { host: 'admin.example.com:8443' }).origin, admin)
    assert.equal(read('/', { host: 'localhost:8080' }).origin, local)
  })

  it('A-110 is refused for any other Host', () => {
    const hosts = [
      'evil.test',
      'app.example.com.',
      'app.example.com:80',
      'app.example.com:8443',
      'app.example.com@evil.test',
      'x@app.example.com',
    ]
    for (const host of [
      ...hosts,
      ' app.example.com',
      'app.example.com evil.test',
      'app.example.com,evil.test',
      '',
      'localhost',
      'admin.example.com',
    ]) {
      assert.equal(judge('/', { host }), 'wrong_authority', host)
    }
    assert.equal(judge('/', {}), 'wrong_authority')
  })

  it('PXY-01 comes from X-Forwarded-Host only when a trusted proxy says it, once', () => {
    const headers = { host: 'internal', 'x-forwarded-host': 'app.example.com' }

    assert.equal(read('/', headers, '10.1.2.3').origin, app)
    assert.equal(judge('/', headers, '192.0.2.1'), 'wrong_authority')
    assert.equal(judge('/', { host: 'app.example.com', 'x-forwarded-host': 'evil.test' }, '10.1.2.3'), 'wrong_authority')
    assert.equal(judge('/', { host: 'app.example.com', 'x-forwarded-host': 'app.example.com, evil.test' }, '10.1.2.3'), 'wrong_authority')
    assert.equal(read('/', { host: 'app.example.com', 'x-forwarded-host': 'evil.test' }).origin, app)
  })
})

describe('an absolute-form target', () => {
  it('PXY-02 is taken when it names the authority that Host names', () => {
    const target = read('https://app.example.com/api/orders?x=1')

    assert.deepEqual(target, { origin: app, path: '/api/orders', query: '?x=1', hasEncodedSlash: false })
    assert.equal(read('HTTP://APP.example.com:443/').path, '/')
  })

  it('PXY-02 is refused when it names another', () => {
    for (const authority of [
      'evil.test',
      'app.example.com.evil.test',
      'app.example.com@evil.test',
      'x@app.example.com',
      'admin.example.com:8443',
      '',
    ]) {
      assert.equal(judge(`http://${authority}/api/orders`), 'wrong_authority', authority)
    }
    assert.equal(judge('http://app.example.com\\@evil.test/'), 'wrong_authority')
  })

  it('A-110 does not outweigh a Host that is not ours', () => {
    assert.equal(judge('https://app.example.com/', { host: 'evil.test' }), 'wrong_authority')
  })

  it('PXY-02 is judged like any other', () => {
    assert.equal(judge('https://app.example.com//evil.test/'), 'ambiguous_path')
    assert.equal(judge('https://app.example.com/api/../admin'), 'ambiguous_path')
    assert.equal(judge('https://app.example.com'), 'bad_request')
  })
})

describe('a target of another form', () => {
  it('PXY-02 is refused', () => {
    for (const url of [
      '*',
      'app.example.com:443',
      'ftp://app.example.com/',
      'javascript:x',
      'api/orders',
      '?x',
      '',
      '@app.example.com/',
      '\\api',
    ]) {
      assert.equal(judge(url), 'bad_request', url)
    }
    assert.equal(judge('//evil.test/x'), 'ambiguous_path')
  })
})

describe('an access token in the query', () => {
  it('PXY-11 is refused in any spelling of its name and at any place', () => {
    const queries = [
      'access_token=x',
      'a=1&access_token=x',
      'access_token',
      'access%5Ftoken=x',
      '%61ccess_token=x',
      'ACCESS_TOKEN=x',
      'a&&access_token=',
    ]
    for (const query of queries) assert.equal(judge(`/api?${query}`), 'bad_request', query)
  })

  it('PXY-11 is not seen where there is none', () => {
    const queries = ['access_tokens=x', 'xaccess_token=x', 'q=access_token', 'q=access_token=x', 'a', '', 'access', 'access_token_type=x']
    for (const query of queries) assert.equal(judge(`/api?${query}`), 'passed', query)
  })
})
