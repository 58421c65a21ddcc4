import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { ProviderConfig } from '../../src/config/config.ts'
import { GatewayError } from '../../src/errors.ts'
import { type Lies, type Place, startLyingProvider } from '../support/lying-provider.ts'
import { createProviderUnderTest, signIn } from '../support/provider-under-test.ts'
import { type Hostile, startHostile } from './hostile.ts'
import { type Lie, liesAboutAnswers } from './lies-about-answers.ts'
import { liesAboutTokens } from './lies-about-tokens.ts'

const asks: Partial<ProviderConfig> = { claims: { groups: { from: ['userinfo'], path: ['groups'] } } }

/** What the liar may be asked for until the client knows, in this order, each once. */
const ways: Readonly<Record<string, readonly Place[]>> = {
  discovery: ['discovery'],
  par: ['discovery', 'par'],
  token: ['discovery', 'token'],
  jwks: ['discovery', 'token', 'jwks'],
  // The one more fetch that an unknown key causes.
  jwks_again: ['discovery', 'token', 'jwks', 'jwks'],
  userinfo: ['discovery', 'token', 'jwks', 'userinfo'],
}

describe('every lie ends without a sign-in, at once, and nobody else is asked', () => {
  // A host that nobody must ever talk to: RS2 of the checklist.
  let hostile: Hostile
  before(async () => {
    hostile = await startHostile()
  })
  after(() => hostile.close())

  for (const [rows, name, lie, outcome, seenAt] of [...liesAboutAnswers, ...liesAboutTokens]) {
    it(`${rows} ${name}`, async () => {
      const liar = await startLyingProvider({ par: seenAt === 'par' })
      liar.lies = lie({ liar, elsewhere: hostile.origin })
      const isSlow = outcome === 'idp_unavailable timeout'
      const { provider } = createProviderUnderTest(liar, {
        timeoutMs: isSlow ? 250 : 5_000,
        ...(seenAt === 'userinfo' || seenAt === 'userinfo_unasked' ? asks : {}),
      })

      const failure = await signIn(provider, liar).then(
        () => assert.fail('it came to a sign-in'),
        (error: unknown) => error,
      )
      await liar.close()

      assert.ok(failure instanceof GatewayError, String(failure))
      assert.equal(`${failure.code} ${failure.reason}`, outcome, failure.message)
      assert.deepEqual(liar.asked(), ways[seenAt === 'userinfo_unasked' ? 'jwks' : seenAt])
      assert.equal(hostile.visits(), 0)
    })
  }

  it('there are sixty of them and more, each with a row of the checklist', () => {
    const lies: readonly Lie[] = [...liesAboutAnswers, ...liesAboutTokens]

    assert.ok(lies.length >= 60)
    assert.deepEqual(
      lies.filter(([rows]) => !/^([A-Z]+-\d+(, )?)+$/.test(rows)).map(([, name]) => name),
      [],
    )
  })
})

describe('what is no lie', () => {
  it('comes to a sign-in by the same way, counted alike', async () => {
    const truth: Lies = {}
    const honest = await startLyingProvider({ par: true })
    honest.lies = truth

    const { sub } = await signIn(createProviderUnderTest(honest, asks).provider, honest)
    await honest.close()

    assert.equal(sub, 'a1')
    assert.deepEqual(honest.asked(), ['discovery', 'par', 'token', 'jwks', 'userinfo'])
  })
})
