import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, it } from 'node:test'
import { compileConfig } from '../../src/config/compile.ts'
import type { GatewayConfig } from '../../src/config/config.ts'
import { createNewKeys, probationMs, publicationMs } from '../../src/config/new-keys.ts'
import { makeAssertionKey } from '../support/assertions.ts'

const names = ['A', 'B', 'C'].flatMap(name => [name, `SEAL_${name}`])
const keys = Object.fromEntries([...names, 'SECRET'].map(name => [name, randomBytes(32).toString('base64url')]))

const assertion = { a1: makeAssertionKey(), a2: makeAssertionKey() }

/** A configuration with these cookie keys, and with sealing keys of the same names. */
function withKeys(...names: readonly string[]): GatewayConfig {
  return compile(names, [])
}

function compile(names: readonly string[], assertionKeys: readonly string[]): GatewayConfig {
  const session = {
    store: { kind: 'memory' },
    cookieKeys: names.map(env => ({ env })),
    sealingKeys: names.map(env => ({ id: env.toLowerCase(), env: `SEAL_${env}` })),
  }
  const provider = { issuer: 'https://id.example.com', clientId: 'x', clientAuth: { secret: { env: 'SECRET' } }, allow: 'everyone' }
  const route = { path: '/', upstream: 'http://127.0.0.1:9', access: 'anyone' }
  const options = {
    origins: ['https://app.example.com'],
    identityProviders: { main: provider },
    session,
    routes: [route],
    ...(assertionKeys.length > 0 && { assertionKeys: assertionKeys.map(id => ({ id, env: id })) }),
  }
  return compileConfig(options, { env: { ...keys, ...assertion } })
}

const order = ({ session }: GatewayConfig) => [
  session.cookieKeys.map(key => Object.keys(keys).find(name => keys[name] === key)).join(''),
  session.sealingKeys.map(({ id }) => id.toUpperCase()).join(''),
]

describe('keys that come with a reload', () => {
  it('SES-15 RDS-04 only verify and open for their first five minutes', () => {
    let now = 1_000
    const newKeys = createNewKeys(withKeys('A'), () => now)

    const held = newKeys.hold(withKeys('B', 'A'))
    assert.deepEqual([order(held.config), held.until], [['AB', 'AB'], now + probationMs])

    now += probationMs - 1
    assert.deepEqual(order(newKeys.hold(withKeys('B', 'A')).config), ['AB', 'AB'])
    now += 1
    const after = newKeys.hold(withKeys('B', 'A'))
    assert.deepEqual([order(after.config), after.until], [['BA', 'BA'], null])
  })

  it('wait for the next, each for its own time', () => {
    let now = 0
    const newKeys = createNewKeys(withKeys('A'), () => now)
    newKeys.hold(withKeys('B', 'A'))
    now += 60_000

    const held = newKeys.hold(withKeys('C', 'B', 'A'))

    assert.deepEqual([order(held.config), held.until], [['ACB', 'ACB'], probationMs])
    now = probationMs
    const later = newKeys.hold(withKeys('C', 'B', 'A'))
    assert.deepEqual([order(later.config), later.until], [['BCA', 'BCA'], 60_000 + probationMs])
  })

  it('are used at once where nothing else is left', () => {
    const newKeys = createNewKeys(withKeys('A'), () => 0)

    const held = newKeys.hold(withKeys('B'))

    assert.deepEqual([order(held.config), held.until], [['B', 'B'], null])
  })

  it('HDR-16 are published for a quarter of an hour before they sign assertions', () => {
    let now = 0
    const withAssertions = (...ids: readonly string[]) => compile(['A'], ids)
    const newKeys = createNewKeys(withAssertions('a1'), () => now)
    const signing = (config: GatewayConfig) => config.assertionKeys.map(({ id }) => id).join()

    const held = newKeys.hold(withAssertions('a2', 'a1'))
    assert.deepEqual([signing(held.config), held.until], ['a1,a2', publicationMs])
    now = publicationMs
    assert.equal(signing(newKeys.hold(withAssertions('a2', 'a1')).config), 'a2,a1')
  })

  it('are new again when they come back', () => {
    let now = 0
    const newKeys = createNewKeys(withKeys('A', 'B'), () => now)
    newKeys.hold(withKeys('A'))
    now = 1

    assert.deepEqual(order(newKeys.hold(withKeys('B', 'A')).config), ['AB', 'AB'])
  })
})
