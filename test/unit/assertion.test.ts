import assert from 'node:assert/strict'
import { createPrivateKey } from 'node:crypto'
import { describe, it } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { decodeJwt, decodeProtectedHeader } from 'jose'
import { createAssertionFor } from '../../src/request/assertion.ts'
import type { SignedIn } from '../../src/session/session.ts'
import { makeAssertionKey } from '../support/assertions.ts'
import { eventually } from '../support/eventually.ts'
import { signedInAs, testConfig } from '../support/request-path.ts'

const config = testConfig(
  [
    { path: '/orders', upstream: 'http://127.0.0.1:9', assertion: { audience: 'orders' }, identityHeaders: headersFor('name', 'groups') },
    { path: '/reports', upstream: 'http://127.0.0.1:9', assertion: { audience: 'reports' } },
    {
      path: '/odd',
      upstream: 'http://127.0.0.1:9',
      assertion: { audience: 'odd' },
      identityHeaders: headersFor('acr', 'sub'),
    },
    { path: '/', upstream: 'http://127.0.0.1:9' },
  ],
  { assertionKeys: [{ id: 'a1', env: 'ASSERTION_KEY' }] },
  { ASSERTION_KEY: makeAssertionKey() },
)
const start = 1_795_000_000_000

function headersFor(...claims: string[]): Record<string, string> {
  return Object.fromEntries(claims.map((claim, i) => [`X-Claim-${i}`, claim]))
}

function make() {
  const clock = { at: start }
  const assertionFor = createAssertionFor({ keys: config.assertionKeys, now: () => clock.at })
  const [orders, reports, odd, none] = config.routes.map(assertionFor)
  assert.ok(orders && reports && odd && none === null)
  return { orders, reports, odd, clock }
}

describe('what is remembered of an assertion', () => {
  it('HDR-16 serves for half of its life', () => {
    const { orders, clock } = make()
    const alice = signedInAs()

    const first = orders(alice)
    clock.at = start + 29_999
    assert.equal(orders(alice), first)

    clock.at = start + 30_000
    assert.notEqual(orders(alice), first)
    assert.equal(decodeJwt(orders(alice)).iat, start / 1000 + 30)
  })

  it('serves no time before it was made', () => {
    const { orders, clock } = make()
    const alice = signedInAs()
    orders(alice)

    clock.at = start - 5000

    assert.equal(decodeJwt(orders(alice)).iat, start / 1000 - 5)
  })

  it('HDR-16 serves neither another route, nor another person, nor what has changed of the session', () => {
    const { orders, reports } = make()
    const alice = signedInAs({ claims: { groups: ['ops'] } })
    const [bob, renewed] = [signedInAs({ sub: 'bob' }), { ...alice, vault: { ...alice.vault, version: 2, claims: { groups: [] } } }]

    const said = [orders(alice), reports(alice), orders(bob), orders(renewed)].map(token => decodeJwt(token))

    assert.deepEqual(
      said.map(({ aud, sub, groups }) => [aud, sub, groups]),
      [
        ['orders', 'alice', ['ops']],
        ['reports', 'alice', undefined],
        ['orders', 'bob', undefined],
        ['orders', 'alice', []],
      ],
    )
  })

  // The bound is that of the sessions that are open anyway (src/session/cookie.ts): nothing is held beyond them.
  it('keeps no session in memory', async () => {
    setFlagsFromString('--expose-gc')
    const collectGarbage = runInNewContext('gc') as () => void
    const { orders, reports } = make()
    const signedIn = (sub: string) => {
      const person = signedInAs({ sub })
      orders(person)
      reports(person)
      return new WeakRef<SignedIn>(person)
    }

    const people = Array.from({ length: 100 }, (_, i) => signedIn(`person-${i}`))

    await eventually(() => {
      collectGarbage()
      return people.every(person => person.deref() === undefined)
    })
  })
})

describe('the claims of an assertion', () => {
  it('are those of the route, as they are, and no others', () => {
    const { orders } = make()
    const claims = { name: 'Zoë\r\nX-Admin: 1', groups: ['a,b', 7], email: 'alice@example.com' }

    const token = orders(signedInAs({ claims }))

    assert.match(token, /^[\w-]+\.[\w-]+\.[\w-]+$/)
    const { name, groups, email } = decodeJwt(token)
    assert.deepEqual([name, groups, email], [claims.name, claims.groups, undefined])
  })

  it('never stand in place of what the gateway itself says', () => {
    const { odd } = make()
    const claims = JSON.parse('{"acr":"gold","sub":"root","provider":"root","aud":"all"}')

    const { sub, provider, aud, exp, acr } = decodeJwt(odd(signedInAs({ claims })))

    assert.deepEqual([sub, provider, aud, exp, acr], ['alice', 'main', 'odd', start / 1000 + 60, undefined])
  })

  it('HDR-14 are left out whole where they would be too large together', () => {
    const { orders } = make()
    const groups = Array.from({ length: 1000 }, (_, i) => `group-${i}`)

    const token = orders(signedInAs({ claims: { groups, name: 'Alice' } }))
    const largest = orders(signedInAs({ claims: { groups: 'é'.repeat(1500), name: 'Alice'.repeat(20) } }))

    assert.deepEqual([decodeJwt(token).groups, decodeJwt(token).name], [undefined, 'Alice'])
    assert.ok(largest.length < 5120, String(largest.length))
  })

  it('say how the person signed in where the provider said so', () => {
    const { reports } = make()
    const authTime = start - 90_500

    const [plain, strong] = [signedInAs({ authTime }), signedInAs({ authTime, acr: 'urn:mfa', amr: ['pwd', 'otp'] })].map(signedIn =>
      decodeJwt(reports(signedIn)),
    )

    assert.deepEqual([plain?.auth_time, plain?.acr, plain?.amr], [start / 1000 - 91, undefined, undefined])
    assert.deepEqual([strong?.acr, strong?.amr], ['urn:mfa', ['pwd', 'otp']])
  })
})

describe('a route with an assertion and no key', () => {
  it('is a mistake of the program', () => {
    const assertionFor = createAssertionFor({ keys: [], now: () => start })

    assert.throws(() => config.routes.map(assertionFor), TypeError)
  })
})

describe('the key of an assertion', () => {
  it('is the first, and private only here', () => {
    const first = config.assertionKeys[0]?.key ?? assert.fail('no key')
    const { d } = first.export({ format: 'jwk' })
    const others = { id: 'a2', key: createPrivateKey(makeAssertionKey()) }
    const [orders] = config.routes.map(createAssertionFor({ keys: [...config.assertionKeys, others], now: () => start }))

    const token = orders?.(signedInAs()) ?? ''
    assert.equal(decodeProtectedHeader(token).kid, 'a1')
    assert.ok(d !== undefined && !JSON.stringify([decodeProtectedHeader(token), decodeJwt(token)]).includes(d))
  })
})
