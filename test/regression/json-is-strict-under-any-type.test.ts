import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Lies, startLyingProvider } from '../support/lying-provider.ts'
import { createProviderUnderTest, gatewayError, signIn } from '../support/provider-under-test.ts'

/*
 * What happened: an answer of type application/jwt was let past the reading of strict JSON, wherever it came. The
 * library, and we for keys, read it as JSON all the same: a member could stand in it twice.
 *
 * What holds it now: that type is taken only where it was asked for, which is UserInfo.
 */
describe('an answer of type application/jwt', () => {
  for (const [place, path] of [
    ['discovery', '/.well-known/openid-configuration'],
    ['jwks', '/jwks'],
    ['token', '/token'],
    ['par', '/par'],
  ] as const) {
    it(`IDT-16 is no answer of ${path}`, async t => {
      const idp = await startLyingProvider({ par: true })
      t.after(() => idp.close())
      // The truth, more or less, with a member twice.
      const truth = {
        discovery: {
          issuer: idp.issuer,
          authorization_endpoint: `${idp.issuer}/auth`,
          token_endpoint: `${idp.issuer}/token`,
          jwks_uri: `${idp.issuer}/jwks`,
        },
        jwks: { keys: [idp.publicJwk()] },
        token: { access_token: 'a', token_type: 'Bearer', id_token: 'a.b.c' },
        par: { request_uri: 'urn:x:1', expires_in: 60 },
      }[place]
      const status = place === 'par' ? 201 : 200
      const body = JSON.stringify(truth).replace('{', '{"x":1,"x":2,')
      const take: Lies['take'] = {}
      take[place] = (_request, response) => response.writeHead(status, { 'content-type': 'application/jwt' }).end(body)
      idp.lies = { take }
      const { provider } = createProviderUnderTest(idp)

      await assert.rejects(signIn(provider, idp), gatewayError('idp_unavailable', 'not_json'))
    })
  }
})
