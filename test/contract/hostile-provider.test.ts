import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { describeError, type GatewayErrorCode } from '../../src/errors.ts'
import { type Hostile, startHostile } from '../idp/hostile.ts'
import { type Lie, liesAboutAnswers } from '../idp/lies-about-answers.ts'
import { liesAboutTokens } from '../idp/lies-about-tokens.ts'
import { providerConfig, startGateway, type TestGateway } from '../support/gateway.ts'
import { type LyingProvider, startLyingProvider } from '../support/lying-provider.ts'
import { createVisitor } from '../support/visitor.ts'

// test/idp/lies.test.ts tells our client all of them; here the whole gateway hears one of each kind.
const lies = [...new Map([...liesAboutAnswers, ...liesAboutTokens].map(lie => [`${lie[3]} ${lie[4]}`, lie])).values()]

// What a library says, or a token looks like; none of it is for the person, and all of it would help whoever is trying.
const details = /OAUTH|oauth4|jwt|jws|jwks|nonce|signature|issuer|token|eyJ|Error:|\bat .*\.ts/i

describe('a sign-in at a provider that lies', () => {
  let hostile: Hostile
  before(async () => {
    hostile = await startHostile()
  })
  after(() => hostile.close())

  assert.ok(lies.length >= 12)
  for (const [rows, name, lie, outcome, seenAt] of lies) {
    it(`${rows} ends on a page that tells nothing, with one event and no session: ${name}`, async t => {
      const [code, reason] = outcome.split(' ') as [GatewayErrorCode, string]
      const liar = await startLyingProvider({ par: seenAt === 'par' })
      t.after(liar.close)
      const gateway = await startFor(liar, { seenAt, timeout: reason === 'timeout' ? '250ms' : '5s' })
      t.after(gateway.close)
      liar.lies = lie({ liar, elsewhere: hostile.origin })
      const visitor = createVisitor(gateway)

      const login = await visitor.visit('/auth/login?return_to=/reports')
      const isBegun = login.status === 302
      const callback = isBegun ? await liar.signIn(String(login.headers.location)) : null
      const response = callback === null ? login : await visitor.finish(callback)

      if (seenAt === 'par') assert.ok(!isBegun)
      assert.deepEqual([response.status, response.headers['sallyport-error']], [describeError(code).status, code])
      assert.match(String(response.headers['content-type']), /^text\/html/)
      assert.doesNotMatch(response.text, details)
      for (const value of callback?.searchParams.values() ?? []) assert.ok(!response.text.includes(value))
      assert.match(response.text, /<a class="button" href="\/auth\/login/)
      assert.deepEqual([...visitor.jar.keys()], [])
      assert.equal((await visitor.session()).authenticated, false)
      // What somebody did is in the audit, what failed in the log; never in both.
      const events = [...gateway.audit, ...gateway.lines.filter(line => line.event === 'request_failed')]
      assert.deepEqual(
        events.map(event => [event.event, event.code, event.reason]),
        [[describeError(code).status >= 500 ? 'request_failed' : 'refusal', code, reason]],
      )
      assert.equal(hostile.visits(), 0)
    })
  }

  it('is begun anew by the same person in the same browser, and comes to a session once the provider tells the truth', async t => {
    const liar = await startLyingProvider()
    t.after(liar.close)
    const gateway = await startFor(liar)
    t.after(gateway.close)
    const visitor = createVisitor(gateway)
    liar.lies = { claims: truth => ({ ...truth, nonce: 'another' }) }
    const refused = await visitor.finish(await visitor.begin(liar, { returnTo: '/reports' }))
    const [, again = ''] = /<a class="button" href="([^"]+)"/.exec(refused.text) ?? []

    liar.lies = {}
    const login = await visitor.visit(again.replaceAll('&amp;', '&'))
    const response = await visitor.finish(await liar.signIn(String(login.headers.location)))

    assert.deepEqual([response.status, response.headers.location], [303, '/reports'])
    assert.equal((await visitor.session()).authenticated, true)
  })

  it('leaves the session that was there alone', async t => {
    const liar = await startLyingProvider()
    t.after(liar.close)
    const gateway = await startFor(liar)
    t.after(gateway.close)
    const visitor = createVisitor(gateway)
    await visitor.signIn(liar)
    liar.lies = { claims: truth => ({ ...truth, aud: 'somebody-else' }) }

    const refused = await visitor.signIn(liar, { query: 'prompt=login' })

    assert.equal(refused.status, 400)
    assert.equal((await visitor.session()).authenticated, true)
  })
})

function startFor(liar: LyingProvider, options: { readonly seenAt?: Lie[4]; readonly timeout?: string } = {}): Promise<TestGateway> {
  const asksUserInfo = options.seenAt?.startsWith('userinfo') ?? false
  const main = {
    ...providerConfig(liar),
    timeout: options.timeout ?? '5s',
    ...(asksUserInfo ? { claims: { groups: { from: ['userinfo'] } } } : {}),
  }
  return startGateway({ config: { identityProviders: { main } } })
}
