import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, it } from 'node:test'
import { createMemoryStore } from '../../src/store/memory.ts'
import { keysPath, makeAssertionKey } from '../support/assertions.ts'
import { brokenStore } from '../support/broken-store.ts'
import { makeSecrets, startGateway, type TestGateway } from '../support/gateway.ts'
import { exchangeRaw, type RawResponse } from '../support/raw-http.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'

const secrets = { ...makeSecrets(), OLD_KEY: makeAssertionKey(), NEW_KEY: makeAssertionKey() }
const assertionKeys = [
  { id: 'old', env: 'OLD_KEY' },
  { id: 'new', env: 'NEW_KEY' },
]

let upstream: Upstream
let gateway: TestGateway
let keyless: TestGateway

before(async () => {
  upstream = await startUpstream()
  const routes = [
    { path: '/', upstream: upstream.origin, access: 'anyone' },
    { path: '/.well-known', upstream: upstream.origin, access: 'anyone' },
  ]
  const origins = ['https://app.example.test', 'https://other.example.test']
  const store = brokenStore(createMemoryStore({ now: Date.now }))
  const config = { routes, origins, forwardAuth: { dialect: 'nginx' } }
  gateway = await startGateway({ store, secrets, config: { ...config, assertionKeys } })
  keyless = await startGateway({ store, config })
})

after(async () => {
  await Promise.all([gateway.close(), keyless.close(), upstream.close()])
})

beforeEach(() => {
  upstream.requests.length = 0
})

function ask(from: TestGateway, line = `GET ${keysPath}`, ...headers: string[]): Promise<RawResponse> {
  return exchangeRaw(from.port, [`${line} HTTP/1.1`, `Host: ${from.host}`, ...headers].join('\r\n'))
}

describe('GET /.well-known/sallyport-jwks.json', () => {
  it('META-12 shows the public members of every key, under a kid of its own', async () => {
    const answer = await ask(gateway)

    const { keys, ...rest } = answer.json() as { keys: Record<string, string>[] }
    assert.deepEqual([answer.status, answer.header('content-type'), rest], [200, 'application/jwk-set+json', {}])
    assert.deepEqual(
      keys.map(({ kid }) => kid),
      ['old', 'new'],
    )
    for (const { x = '', y = '', kid = '', ...others } of keys) {
      assert.deepEqual(others, { kty: 'EC', crv: 'P-256', use: 'sig', alg: 'ES256' }, kid)
      assert.deepEqual([Buffer.from(x, 'base64url').length, Buffer.from(y, 'base64url').length], [32, 32])
    }
    assert.notEqual(keys[0]?.x, keys[1]?.x)
  })

  it('META-12 is the same for everybody, on every origin, while the store is away', async () => {
    const cookie = 'Cookie: __Host-Http-sallyport=s:anything; theme=dark'
    const [plain, other, called] = await Promise.all([
      ask(gateway),
      exchangeRaw(gateway.port, `GET ${keysPath} HTTP/1.1\r\nHost: other.example.test`),
      ask(gateway, `GET ${keysPath}?v=1`, cookie, 'Origin: https://evil.test', 'Sec-Fetch-Site: cross-site'),
    ])

    for (const answer of [plain, other, called]) {
      assert.deepEqual([answer.status, answer.body], [200, plain.body])
      assert.equal(answer.header('cache-control'), 'public, max-age=300')
      assert.match(answer.header('strict-transport-security') ?? '', /max-age/)
      for (const name of ['set-cookie', 'access-control-allow-origin', 'vary', 'etag']) assert.deepEqual(answer.all(name), [], name)
    }
    assert.deepEqual(upstream.requests, [])
  })

  it('META-12 is on none but our own hosts', async () => {
    const answer = await exchangeRaw(gateway.port, `GET ${keysPath} HTTP/1.1\r\nHost: evil.test`)

    assert.equal(answer.status, 421)
  })

  it('takes HEAD, and nothing that changes something', async () => {
    const head = await ask(gateway, `HEAD ${keysPath}`)
    const posted = await ask(gateway, `POST ${keysPath}`, 'Content-Length: 0')
    const preflight = await ask(gateway, `OPTIONS ${keysPath}`, 'Origin: https://evil.test', 'Access-Control-Request-Method: GET')

    assert.deepEqual([head.status, head.body], [200, ''])
    for (const answer of [posted, preflight]) assert.deepEqual([answer.status, answer.header('allow')], [405, 'GET, HEAD'])
    assert.deepEqual(preflight.all('access-control-allow-origin'), [])
    assert.deepEqual(upstream.requests, [])
  })

  // An upstream that answered here would say whose signatures are ours.
  it('META-12 is ours also where there are no keys', async () => {
    for (const line of [`GET ${keysPath}`, `HEAD ${keysPath}`, `POST ${keysPath}`, `GET ${keysPath}?x=1`]) {
      const answer = await ask(keyless, line, 'Content-Length: 0')
      assert.deepEqual([answer.status, answer.header('sallyport-error')], [404, 'no_route'], line)
    }
    assert.deepEqual(upstream.requests, [])
  })

  it('is exactly this path', async () => {
    const others = ['/', '/x', '.bak', '%20', ';v=1'].map(end => keysPath + end)

    for (const target of [...others, keysPath.toUpperCase(), keysPath.replace('jwks', '%6awks')]) {
      const answer = await ask(gateway, `GET ${target}`)
      assert.ok(!answer.body.includes('"kid"'), target)
    }
    assert.ok((await ask(gateway, `GET ${keysPath}/`)).status === 200 && upstream.requests.at(-1)?.url === `${keysPath}/`)
  })
})
