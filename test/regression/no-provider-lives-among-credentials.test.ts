import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { startLyingProvider } from '../support/lying-provider.ts'
import { createProviderUnderTest, gatewayError, signIn } from '../support/provider-under-test.ts'

/*
 * What happened: addresses where cloud machines keep their credentials were refused as IPv4 and mapped, but not as
 * EC2's IPv6 address or through NAT64, and 0.0.0.0, which is this machine, was let in when mapped.
 *
 * What holds it now: each of these forms is looked at before a connection is made.
 */
describe('an endpoint of a provider', () => {
  for (const host of [
    '[fd00:ec2::254]',
    '[64:ff9b::169.254.169.254]',
    '[::ffff:169.254.169.254]',
    '[::ffff:0.0.0.0]',
    '[::ffff:0.1.2.3]',
  ]) {
    it(`META-03 is not at ${host}`, async t => {
      const idp = await startLyingProvider()
      t.after(() => idp.close())
      idp.lies = { metadata: truth => ({ ...truth, token_endpoint: `https://${host}:1/token` }) }
      const { provider } = createProviderUnderTest(idp, { timeoutMs: 500 })

      await assert.rejects(signIn(provider, idp), gatewayError('idp_unavailable', 'insecure_endpoint'))
    })
  }
})
