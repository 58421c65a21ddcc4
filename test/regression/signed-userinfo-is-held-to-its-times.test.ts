import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { startLyingProvider } from '../support/lying-provider.ts'
import { createProviderUnderTest, gatewayError, signIn } from '../support/provider-under-test.ts'

/*
 * What happened: signed UserInfo was taken long after its exp and before its nbf, of whatever type they were, so that
 * an old answer, from when the person was in more groups, counted as one of now. A crit header was let pass too.
 *
 * What holds it now: times that stand there are compared, and no JWT with crit is taken.
 */
describe('signed UserInfo', () => {
  const now = Math.floor(Date.now() / 1000)

  async function signInWith(claims: Record<string, unknown>, header: Record<string, unknown> = {}, payload = (text: string) => text) {
    const idp = await startLyingProvider()
    const said = payload(JSON.stringify({ iss: idp.issuer, aud: idp.clientId, sub: 'a1', groups: ['ops'], ...claims }))
    const jwt = await idp.sign(said, header)
    idp.lies = { take: { userinfo: (_request, response) => response.writeHead(200, { 'content-type': 'application/jwt' }).end(jwt) } }
    const { provider } = createProviderUnderTest(idp, { claims: { groups: { from: ['userinfo'], path: ['groups'] } } })
    return await signIn(provider, idp).finally(() => idp.close())
  }

  it('is taken within its times, with a little tolerance, and without any', async () => {
    for (const times of [{}, { exp: now + 60, nbf: now }, { exp: now - 2, nbf: now + 2 }])
      assert.deepEqual((await signInWith(times)).claims.groups, ['ops'])
  })

  for (const [name, times] of Object.entries({
    'is over': { exp: now - 60 },
    'has not begun': { nbf: now + 60 },
    'ends at a text': { exp: String(now + 60) },
    'ends at null': { exp: null },
    'begins at a text': { nbf: String(now) },
  })) {
    it(`UI-02 IDT-16 is refused when it ${name}`, async () => {
      await assert.rejects(signInWith(times), gatewayError('idp_unavailable', 'userinfo_invalid'))
    })
  }

  it('UI-02 IDT-16 is refused when it never ends', async () => {
    const endless = signInWith({ exp: 1 }, {}, text => text.replace('"exp":1', '"exp":1e999'))

    await assert.rejects(endless, gatewayError('idp_unavailable', 'userinfo_invalid'))
  })

  it('UI-02 is refused when it has extensions that must be understood', async () => {
    await assert.rejects(signInWith({}, { crit: ['b64'], b64: true }), gatewayError('idp_unavailable', 'userinfo_invalid'))
  })
})
