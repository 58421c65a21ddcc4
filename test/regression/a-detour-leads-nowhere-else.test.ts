import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { startHostile } from '../idp/hostile.ts'
import { startLyingProvider } from '../support/lying-provider.ts'
import { createProviderUnderTest, signIn } from '../support/provider-under-test.ts'

/*
 * What happened: with connectTo, the path of an endpoint was resolved against it as a reference. An endpoint such as
 * https://issuer//other.example/token is of the issuer's origin, so it was not looked at further, and its path names
 * another host: the code and our secret went there, over plain http where connectTo was that, cloud addresses included.
 *
 * What holds it now: of an endpoint the path and query alone are put into connectTo.
 */
describe('connectTo', () => {
  it('META-03 is where every request for the issuer goes, whatever its path looks like', async t => {
    const hostile = await startHostile()
    t.after(() => hostile.close())
    const issuer = 'https://login.example'
    const idp = await startLyingProvider({ issuer })
    t.after(() => idp.close())
    const { host } = new URL(hostile.origin)
    idp.lies = { metadata: truth => ({ ...truth, token_endpoint: `${issuer}//${host}/token` }) }
    const { provider } = createProviderUnderTest(idp, { connectTo: idp.address })

    await signIn(provider, idp)

    assert.equal(hostile.visits(), 0)
    assert.deepEqual(idp.asked(), ['discovery', 'token', 'jwks'])
  })
})
