import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { AllowRules } from '../../src/config/config.ts'
import { findRefusal } from '../../src/oidc/allow.ts'

const verified = (email: unknown) => ({ email, email_verified: true })

describe('the allow rules', () => {
  it('let everyone in where that is written', () => {
    assert.equal(findRefusal('everyone', {}), null)
  })

  it('let in addresses of a listed domain, in any case', () => {
    const rules: AllowRules = { emailDomains: ['example.com', 'xn--bcher-kva.example'] }

    for (const email of ['alice@example.com', 'Alice+x@EXAMPLE.com', "o'brien@example.com", 'a@xn--bcher-kva.example']) {
      assert.equal(findRefusal(rules, verified(email)), null, email)
    }
  })

  // GHSA-4mf2-f3wh-gvf2: a suffix that is no label; and what else ends or begins like the domain.
  it('keep out domains that only look like a listed one', () => {
    const rules: AllowRules = { emailDomains: ['example.com'] }

    for (const domain of ['badexample.com', 'example.com.evil.test', 'example.co', 'sub.example.com', '.example.com', 'example.com.']) {
      assert.equal(findRefusal(rules, verified(`a@${domain}`)), 'email_not_listed', domain)
    }
  })

  // GHSA-c5c4-8r6x-56w3
  it('keep out what is not one address', () => {
    const rules: AllowRules = { emailDomains: ['example.com'] }
    const strange = [
      'a@evil@example.com',
      '@example.com',
      'a@',
      'example.com',
      '',
      'a b@example.com',
      'a@example.com\n',
      'a@evil.test/@example.com',
    ]
    const typed = [undefined, null, 7, ['a@example.com'], { toString: () => 'a@example.com' }]

    for (const email of [...strange, ...typed]) assert.equal(findRefusal(rules, verified(email)), 'email_missing', String(email))
  })

  // The Kelvin sign and the dotted I are ASCII letters once in lower case; full-width letters look like them.
  it('keep out letters that turn into others', () => {
    const rules: AllowRules = { emails: ['kim@example.com'], emailDomains: ['example.com'] }

    for (const email of [
      '\u212aim@example.com',
      'k\u0130m@example.com',
      'kim@\uff45xample.com',
      'kim@example\u3002com',
      'kim@examp\u200ble.com',
    ]) {
      assert.equal(findRefusal(rules, verified(email)), 'email_missing', email)
    }
  })

  it('believe an address only when the provider says, by true itself, that it was checked', () => {
    const rules: AllowRules = { emailDomains: ['example.com'] }

    for (const flag of [undefined, false, 'true', 1, null, {}]) {
      assert.equal(findRefusal(rules, { email: 'a@example.com', email_verified: flag }), 'email_unverified', String(flag))
    }
  })

  it('compare whole addresses', () => {
    const rules: AllowRules = { emails: ['alice@example.com'] }

    assert.equal(findRefusal(rules, verified('ALICE@example.com')), null)
    assert.equal(findRefusal(rules, verified('malice@example.com')), 'email_not_listed')
    assert.equal(findRefusal(rules, verified('alice@example.com.evil.test')), 'email_not_listed')
  })

  it('take any of a claim’s values, and texts alone', () => {
    const rules: AllowRules = { claims: { groups: ['ops', 'admin'] } }

    assert.equal(findRefusal(rules, { groups: ['readers', 'admin'] }), null)
    assert.equal(findRefusal(rules, { groups: 'ops' }), null)
    for (const groups of [undefined, [], ['Ops'], [['ops']], { ops: true }, { 0: 'ops' }, 'ops,admin', ['ops '], true]) {
      assert.equal(findRefusal(rules, { groups }), 'claim_not_listed', JSON.stringify(groups))
    }
  })

  it('look at no claim that an object only inherits', () => {
    const inherited = Object.create({ groups: 'ops' }) as Record<string, unknown>

    assert.equal(findRefusal({ claims: { groups: ['ops'] } }, inherited), 'claim_not_listed')
    assert.equal(findRefusal({ claims: { constructor: ['ops'] } }, {}), 'claim_not_listed')
  })

  it('must all be met', () => {
    const rules: AllowRules = {
      emailDomains: ['example.com'],
      emails: ['alice@example.com'],
      claims: { groups: ['ops'], hd: ['example.com'] },
    }
    const alice = { ...verified('alice@example.com'), groups: ['ops'], hd: 'example.com' }

    assert.equal(findRefusal(rules, alice), null)
    assert.equal(findRefusal(rules, { ...alice, email: 'bob@example.com' }), 'email_not_listed')
    assert.equal(findRefusal(rules, { ...alice, groups: [] }), 'claim_not_listed')
    assert.equal(findRefusal(rules, { ...alice, hd: 'evil.test' }), 'claim_not_listed')
    assert.equal(findRefusal({ emailDomains: [] }, alice), 'email_not_listed')
    assert.equal(findRefusal({ claims: { groups: [] } }, alice), 'claim_not_listed')
  })
})
