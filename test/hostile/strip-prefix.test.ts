import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import fc from 'fast-check'
import { exchangeRaw } from '../support/raw-http.ts'
import { host, type RequestPath, startRequestPath } from '../support/request-path.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'

let upstream: Upstream
let path: RequestPath

before(async () => {
  upstream = await startUpstream()
  const route = { upstream: upstream.origin, access: 'anyone' }
  path = await startRequestPath({
    routes: [
      { ...route, path: '/kept' },
      { ...route, path: '/kept/slashes', encodedSlash: 'pass' },
      { ...route, path: '/cut/off', stripPrefix: true },
      { ...route, path: '/cut/slashes', stripPrefix: true, encodedSlash: 'pass' },
      { ...route, path: '/', stripPrefix: true },
    ],
  })
})

after(async () => {
  await path.close()
  await upstream.close()
})

const ask = (target: string, headers = '') => exchangeRaw(path.port, `GET ${target} HTTP/1.1\r\nHost: ${host}${headers}`)

/** What the upstream is asked for. */
async function seen(target: string): Promise<string | undefined> {
  upstream.requests.length = 0
  await ask(target)
  return upstream.requests[0]?.url
}

describe('stripPrefix', () => {
  const cases = [
    ['/cut/off', '/'],
    ['/cut/off/', '/'],
    ['/cut/off?a=/cut/off', '/?a=/cut/off'],
    ['/cut/off/?', '/?'],
    ['/cut/off/7', '/7'],
    ['/cut/off/cut/off/7', '/cut/off/7'],
    ['/cut/off/%63ut;v=1/%20?x=%2F', '/%63ut;v=1/%20?x=%2F'],
    ['/cut/slashes/a%2Fb', '/a%2Fb'],
    // Not under the path: another route's, and nothing is taken off.
    ['/cut/office/7', '/cut/office/7'],
    ['/cut/off.', '/cut/off.'],
    ['/Cut/off/7', '/Cut/off/7'],
    ['/cut', '/cut'],
  ] as const
  for (const [asked, sent] of cases) {
    it(`asks for ${sent} where ${asked} is asked for`, async () => {
      assert.equal(await seen(asked), sent)
    })
  }

  it('PXY-03 takes nothing off a path that only another reading puts under the route', async () => {
    for (const target of ['/%63ut/off/7', '/cut/off;v=1/7', '/cut;/off', '/cut/off%2F7', '/cut//off/7', '/x/../cut/off']) {
      upstream.requests.length = 0
      const response = await ask(target)

      assert.equal(response.header('sallyport-error'), 'ambiguous_path', target)
      assert.deepEqual(upstream.requests, [])
    }
  })

  it('HDR-08 tells the upstream what was taken off, in our words alone', async () => {
    const forged = '\r\nX-Forwarded-Prefix: /evil\r\nX-Forwarded_Prefix: /evil\r\nx-forwarded-prefix: /evil'
    const prefixes: string[][] = []
    for (const target of ['/cut/off/7', '/kept/7', '/7']) {
      upstream.requests.length = 0
      await ask(target, forged)
      const [request] = upstream.requests
      prefixes.push([...(request?.all('x-forwarded-prefix') ?? ['-']), ...(request?.all('x-forwarded_prefix') ?? ['-'])])
    }

    assert.deepEqual(prefixes, [['/cut/off'], [], []])
  })
})

describe('a path that is let through', () => {
  const hex = fc.constantFrom(...'0123456789abcdefABCDEF')
  const piece = fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(...'abz019-._~!$&\'()*+,:=@"<>[]^`{|}') },
    { weight: 2, arbitrary: fc.tuple(hex, hex).map(([high, low]) => `%${high}${low}`) },
    {
      weight: 1,
      arbitrary: fc.constantFrom('%25', '%20', '%2F', '%2e', '%5C', '%C3%A9', '%E2%82%AC', ';', ';v=1', '..', '.', '\\', '#', '%'),
    },
  )
  const segment = fc.array(piece, { maxLength: 5 }).map(pieces => pieces.join(''))
  const rest = fc.array(segment, { maxLength: 4 }).map(segments => segments.map(one => `/${one}`).join(''))
  const query = fc.oneof(
    fc.constant(''),
    fc.string({ unit: fc.constantFrom(...'ab=&%2F/?;.+'), maxLength: 8 }).map(text => `?${text}`),
  )
  const prefix = fc.constantFrom('/kept', '/kept/slashes', '/cut/off', '/cut/slashes', '')

  it('PXY-03 PXY-01 reaches the upstream byte for byte, or without the route’s own path; what is refused does not reach it', async () => {
    const passed = { kept: 0, cut: 0, refused: 0 }
    await fc.assert(
      fc.asyncProperty(prefix, rest, query, async (prefix, rest, query) => {
        const asked = `${prefix}${rest === '' && prefix === '' ? '/' : rest}${query}`
        upstream.requests.length = 0

        const response = await ask(asked)

        const urls = upstream.requests.map(request => request.url)
        if (response.status !== 200) {
          passed.refused++
          assert.deepEqual([response.header('sallyport-error'), urls], ['ambiguous_path', []])
          return
        }
        const isCut = /^\/cut\/(off|slashes)([/?]|$)/.test(asked)
        passed[isCut ? 'cut' : 'kept']++
        const bare = asked.replace(/^\/cut\/(off|slashes)/, '')
        assert.deepEqual(urls, [isCut ? (bare.startsWith('/') ? bare : `/${bare}`) : asked])
      }),
      { numRuns: 600 },
    )
    // The property says nothing when everything is refused.
    assert.ok(passed.kept > 50 && passed.cut > 50 && passed.refused > 50, JSON.stringify(passed))
  })
})
