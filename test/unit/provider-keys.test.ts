import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import type { ProviderConfig } from '../../src/config/config.ts'
import { createKeys } from '../../src/oidc/keys.ts'
import { createWire } from '../../src/oidc/wire.ts'
import { startLyingProvider } from '../support/lying-provider.ts'

describe('a provider’s keys', () => {
  it('META-05 that somebody else has just fetched are given to all who hold older ones, without another fetch', async () => {
    const idp = await startLyingProvider()
    after(() => idp.close())
    const config = { id: 'main', issuer: idp.issuer, timeoutMs: 5_000 } as ProviderConfig
    const keys = createKeys({ config, wire: createWire(config), now: () => 0 }, `${idp.issuer}/jwks`)
    const old = await keys.current()

    const first = await keys.newerThan(old)
    const late = await keys.newerThan(old)

    assert.ok(first !== null && first !== old)
    assert.equal(late, first)
    assert.equal(await keys.newerThan(first), null)
    assert.deepEqual(idp.asked(), ['jwks', 'jwks'])
  })
})
