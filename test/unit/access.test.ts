import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { RouteRule } from '../../src/config/config.ts'
import { GatewayError } from '../../src/errors.ts'
import { decideAccess } from '../../src/request/access.ts'
import type { SignedIn } from '../../src/session/session.ts'
import { signedInAs, testConfig } from '../support/request-path.ts'

const upstream = 'http://127.0.0.1:9'
const now = 1_800_000_000_000

function route(require: Record<string, unknown>, access = 'signed-in'): RouteRule {
  const [only] = testConfig([{ path: '/api', upstream, access, ...(access === 'signed-in' && { require }) }]).routes
  assert.ok(only)
  return only
}

const origin = { href: 'https://app.example.test', authority: 'app.example.test', isSecure: true }
const call = { method: 'GET', target: { origin, path: '/api', query: '', hasEncodedSlash: false } }

function judge(rule: RouteRule, signedIn: SignedIn | null): GatewayError | null {
  try {
    decideAccess(rule, signedIn, now, call)
    return null
  } catch (error) {
    assert.ok(error instanceof GatewayError)
    return error
  }
}

describe('a route for those who are signed in', () => {
  it('is open to a session and to nobody else', () => {
    assert.equal(judge(route({}), signedInAs()), null)
    assert.equal(judge(route({}), null)?.code, 'not_signed_in')
  })

  it('PXY-06 demands all of its scopes of what the provider granted', () => {
    const rule = route({ scopes: ['openid', 'orders.read'] })

    assert.equal(judge(rule, signedInAs({ scopes: ['orders.read', 'openid', 'more'] })), null)
    const refusal = judge(rule, signedInAs({ scopes: ['openid', 'orders.readX'] }))
    assert.equal(refusal?.code, 'insufficient_scope')
    assert.equal(refusal?.headers['www-authenticate'], 'Bearer error="insufficient_scope", scope="openid orders.read"')
  })

  it('PXY-06 demands every claim it names, with any of the values', () => {
    const rule = route({ claims: { groups: ['ops', 'admin'], level: ['3'] } })

    assert.equal(judge(rule, signedInAs({ claims: { groups: ['dev', 'admin'], level: 3 } })), null)
    assert.equal(judge(rule, signedInAs({ claims: { groups: 'ops', level: '3' } })), null)
    const refused = [
      {},
      { groups: ['ops'] },
      { groups: [], level: 3 },
      { groups: 'op', level: 3 },
      { groups: { ops: true }, level: 3 },
      { groups: ['OPS'], level: 3 },
    ]
    for (const claims of [...refused, { groups: [['ops']], level: 3 }, { groups: 'ops admin', level: 3 }]) {
      assert.equal(judge(rule, signedInAs({ claims }))?.code, 'claim_missing', JSON.stringify(claims))
    }
  })

  it('PXY-06 knows sub, provider and booleans, and nothing that objects inherit', () => {
    assert.equal(judge(route({ claims: { sub: ['alice'] } }), signedInAs({ claims: { sub: 'bob' } })), null)
    assert.equal(judge(route({ claims: { sub: ['bob'] } }), signedInAs({ claims: { sub: 'bob' } }))?.code, 'claim_missing')
    assert.equal(judge(route({ claims: { provider: ['main'] } }), signedInAs()), null)
    assert.equal(judge(route({ claims: { email_verified: ['true'] } }), signedInAs({ claims: { email_verified: true } })), null)
    const inherited = Object.create({ role: 'admin' }) as Record<string, unknown>
    assert.equal(judge(route({ claims: { role: ['admin'] } }), signedInAs({ claims: inherited }))?.code, 'claim_missing')
  })

  it('NIST-04 A-055 demands one of its acr values and never assumes one', () => {
    const rule = route({ acr: ['urn:example:gold', 'urn:example:"silver"\\'] })

    assert.equal(judge(rule, signedInAs({ acr: 'urn:example:gold' })), null)
    for (const acr of [null, '', 'urn:example:bronze', 'URN:EXAMPLE:GOLD'])
      assert.equal(judge(rule, signedInAs({ acr }))?.code, 'step_up_required', String(acr))
    const challenge = judge(rule, signedInAs())?.headers['www-authenticate']
    assert.equal(challenge, 'Bearer error="insufficient_user_authentication", acr_values="urn:example:gold urn:example:\\"silver\\"\\\\"')
  })

  it('STEP-05 demands a recent sign-in', () => {
    const rule = route({ maxAge: '15m' })

    assert.equal(judge(rule, signedInAs({ authTime: now - 900_000 })), null)
    const refusal = judge(rule, signedInAs({ authTime: now - 900_001 }))
    assert.equal(refusal?.code, 'step_up_required')
    assert.equal(refusal?.headers['www-authenticate'], 'Bearer error="insufficient_user_authentication", max_age="900"')
  })

  it('says both demands in one challenge', () => {
    const refusal = judge(route({ acr: ['gold'], maxAge: '5m' }), signedInAs({ acr: 'gold', authTime: 0 }))

    assert.equal(refusal?.headers['www-authenticate'], 'Bearer error="insufficient_user_authentication", acr_values="gold", max_age="300"')
  })

  it('tells who lacks a claim so, before asking for another sign-in', () => {
    const refusal = judge(route({ acr: ['gold'], claims: { groups: ['ops'] } }), signedInAs())

    assert.equal(refusal?.code, 'claim_missing')
  })
})

describe('other routes', () => {
  it('need no session', () => {
    for (const access of ['optional', 'anyone']) {
      assert.equal(judge(route({}, access), null), null)
      assert.equal(judge(route({}, access), signedInAs()), null)
    }
  })

  it('stay closed where demands were made of an optional session all the same', () => {
    const rule = { ...route({ acr: ['gold'] }), access: 'optional' } as const

    assert.equal(judge(rule, null)?.code, 'not_signed_in')
    assert.equal(judge(rule, signedInAs())?.code, 'step_up_required')
  })
})
