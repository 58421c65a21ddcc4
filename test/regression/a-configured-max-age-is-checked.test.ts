import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parse } from 'yaml'
import { compileConfig } from '../../src/config/compile.ts'
import { base, makeEnv } from '../data/config/base.ts'
import { startLyingProvider } from '../support/lying-provider.ts'
import { createProviderUnderTest, gatewayError, newAttempt, signIn } from '../support/provider-under-test.ts'

/*
 * What happened: a max_age that the configuration asks for in every request (authorizationParams) was sent, and never
 * compared with what came: a provider that took no notice of it went unnoticed.
 *
 * What holds it now: auth_time is compared with the max_age that was sent, whoever asked for it.
 */
describe('a max_age in authorizationParams', () => {
  for (const [name, authTime] of [
    ['missing', undefined],
    ['too old', Math.floor(Date.now() / 1000) - 3600],
  ] as const) {
    it(`IDT-11 refuses an auth_time that is ${name}`, async t => {
      const idp = await startLyingProvider()
      t.after(() => idp.close())
      idp.lies = { claims: truth => ({ ...truth, auth_time: authTime }) }
      const { provider } = createProviderUnderTest(idp, { authorizationParams: { max_age: '60' } })

      const attempt = newAttempt()
      assert.equal((await provider.authorizationUrl(attempt)).searchParams.get('max_age'), '60')
      await assert.rejects(signIn(provider, idp, attempt), gatewayError('bad_request', 'id_token_invalid'))
    })
  }

  it('must be whole seconds', () => {
    const options = parse(base)
    for (const [written, isGood] of [
      ['3600', true],
      ['1h', false],
      ['-1', false],
    ] as const) {
      options.identityProviders.main.authorizationParams = { max_age: written }
      const compile = () => compileConfig(options, { env: makeEnv(), baseDir: '/etc/sallyport' })
      if (isGood) assert.doesNotThrow(compile)
      else assert.throws(compile, /authorizationParams\.max_age.*must be whole seconds/s)
    }
  })
})
