import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import type { ProviderConfig } from '../../src/config/config.ts'
import { createKeys } from '../../src/oidc/keys.ts'
import { createWire } from '../../src/oidc/wire.ts'
import { startLyingProvider } from '../support/lying-provider.ts'
import { gatewayError } from '../support/provider-under-test.ts'

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

  it('BCL-12 META-05 that cannot be had are asked for once a second, however many tokens wait for them', async () => {
    const idp = await startLyingProvider()
    after(() => idp.close())
    const config = { id: 'main', issuer: idp.issuer, timeoutMs: 5_000 } as ProviderConfig
    let now = 0
    const keys = createKeys({ config, wire: createWire(config), now: () => now }, `${idp.issuer}/jwks`)
    const askOften = async () => {
      for (let turn = 0; turn < 20; turn += 1) await assert.rejects(keys.current(), gatewayError('idp_unavailable', 'keys_invalid'))
    }
    idp.lies = { take: { jwks: (_request, response) => void response.writeHead(500).end() } }

    await askOften()
    now += 1_000
    await askOften()
    const whileAway = idp.asked().length
    idp.lies = {}
    now += 1_000
    await keys.current()

    assert.deepEqual([whileAway, idp.asked().length], [2, 3])
  })
})
