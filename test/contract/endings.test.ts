import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { eventually } from '../support/eventually.ts'
import { sessionConfig, startGateway } from '../support/gateway.ts'
import { type IdentityProvider, startIdentityProvider } from '../support/identity-provider.ts'
import { idOf, listedIds, signIn } from '../support/sessions.ts'
import { createVisitor, refreshOf } from '../support/visitor.ts'

const json = { accept: 'application/json' }

describe('everywhere=true of POST /auth/logout', () => {
  let idp: IdentityProvider
  before(async () => {
    idp = await startIdentityProvider()
  })
  after(() => idp.close())

  for (const [kind, options] of [
    ['a form', { body: 'everywhere=true' }],
    ['JSON', { headers: { 'content-type': 'application/json' }, body: '{"everywhere":true}' }],
  ] as const) {
    it(`RPL-08 signs the user out of all browsers at once, by ${kind}, and nobody else`, async t => {
      const gateway = await startGateway({ idp })
      t.after(gateway.close)
      const three = [await signIn(gateway, idp), await signIn(gateway, idp), await signIn(gateway, idp)] as const
      const bob = await signIn(gateway, idp, { user: 'bob' })
      const copies = three.map(({ jar }) => createVisitor(gateway, new Map(jar)))

      const response = await three[0].call('/auth/logout', { method: 'POST', ...options })
      const answers = []
      for (const copy of copies) answers.push(await copy.call('/api/orders'))

      assert.equal(response.status, 200)
      for (const { status, headers } of answers) assert.deepEqual([status, headers['sallyport-error']], [401, 'not_signed_in'])
      assert.equal((await three[2].session()).reason, 'logged_out')
      assert.equal((await bob.session()).authenticated, true)
      const ended = gateway.audit.filter(({ event }) => event === 'session_ended')
      assert.deepEqual(
        ended.map(({ reason }) => reason),
        ['logged_out_everywhere', 'logged_out_everywhere'],
      )
      assert.equal(gateway.audit.findLast(({ event }) => event === 'logout')?.reason, 'everywhere')
    })
  }

  it('RPL-07 ends nothing where it comes with a session that is over, or without one', async t => {
    const gateway = await startGateway({ idp })
    t.after(gateway.close)
    const [first, second] = [await signIn(gateway, idp), await signIn(gateway, idp)]
    const kept = new Map(first.jar)
    await first.call('/auth/logout', { method: 'POST' })

    for (const visitor of [createVisitor(gateway, kept), createVisitor(gateway)]) {
      const response = await visitor.call('/auth/logout', { method: 'POST', headers: json, body: 'everywhere=true' })

      assert.equal(response.status, 200)
      assert.match(response.body.logout_url, /^\/auth\/logged-out\?state=/)
    }
    assert.equal((await second.session()).authenticated, true)
  })

  it('RPL-08 REV-01 gives all tokens back: those of the others where the gateway can open them', async t => {
    for (const [sealing, revoked] of [
      ['holder', 1],
      ['gateway', 3],
    ] as const) {
      const gateway = await startGateway({ idp, config: { session: sessionConfig({ sealing }) } })
      t.after(gateway.close)
      const had = idp.revocations.length
      const three = [await signIn(gateway, idp), await signIn(gateway, idp), await signIn(gateway, idp)] as const

      const refreshTokens = () => idp.revocations.slice(had).filter(({ hint }) => hint === 'refresh_token')

      await three[0].call('/auth/logout', { method: 'POST', body: 'everywhere=true' })
      await eventually(() => refreshTokens().length >= revoked)
      // Waits for what is still under way.
      await gateway.close()

      assert.equal(new Set(refreshTokens().map(({ token }) => token)).size, revoked, sealing)
      for (const { token, status } of refreshTokens()) assert.deepEqual([idp.issued.has(token), status], [true, 200])
    }
  })
})

describe('session.perUserLimit', () => {
  it('SES-12 ends the oldest session of the user when one more begins, and says so in the audit', async t => {
    const idp = await startIdentityProvider()
    const gateway = await startGateway({ idp, config: { session: sessionConfig({ perUserLimit: 2 }) } })
    t.after(() => Promise.all([gateway.close(), idp.close()]))
    const oldest = await signIn(gateway, idp)
    const oldestId = await idOf(oldest)
    gateway.clock.advance(1000)
    const middle = await signIn(gateway, idp)
    const bob = await signIn(gateway, idp, { user: 'bob' })
    gateway.clock.advance(1000)

    const newest = await signIn(gateway, idp)

    assert.deepEqual(await listedIds(newest), [await idOf(newest), await idOf(middle)])
    const response = await oldest.call('/api/orders')
    assert.deepEqual([response.status, response.body.code], [401, 'session_revoked'])
    for (const one of [middle, bob]) assert.equal((await one.session()).authenticated, true)
    const line = gateway.audit.find(({ event }) => event === 'session_ended')
    assert.deepEqual([line?.session_id, line?.reason], [oldestId, 'user_limit'])
  })

  it('SES-12 counts a browser that signs in again once', async t => {
    const idp = await startIdentityProvider()
    const gateway = await startGateway({ idp, config: { session: sessionConfig({ perUserLimit: 2 }) } })
    t.after(() => Promise.all([gateway.close(), idp.close()]))
    const [first, second] = [await signIn(gateway, idp), await signIn(gateway, idp)]

    for (let times = 0; times < 3; times += 1) await second.signIn(idp, { query: 'prompt=login' })

    assert.equal((await listedIds(first)).length, 2)
  })
})

describe('a sign-out, at the provider', () => {
  let idp: IdentityProvider
  before(async () => {
    idp = await startIdentityProvider({ accessTokens: 'opaque' })
  })
  after(() => idp.close())

  it('REV-01 REV-02 gives back the refresh token, then the access token', async t => {
    const gateway = await startGateway({ idp })
    t.after(gateway.close)
    const visitor = await signIn(gateway, idp)
    const had = idp.revocations.length

    await visitor.call('/auth/logout', { method: 'POST' })
    await eventually(() => gateway.events().includes('revocation'))

    const [refresh, access, ...more] = idp.revocations.slice(had)
    assert.deepEqual([refresh?.hint, access?.hint, more.length], ['refresh_token', 'access_token', 0])
    for (const revocation of [refresh, access]) {
      assert.equal(revocation?.status, 200)
      assert.ok(idp.issued.has(revocation.token))
      assert.match(revocation.authorization, /^Basic /)
    }
    assert.equal(gateway.audit.findLast(({ event }) => event === 'revocation')?.outcome, 'ok')
  })

  it('REV-03 does not wait for a provider that is overloaded, which is asked again later', async t => {
    const gateway = await startGateway({ idp })
    t.after(gateway.close)
    const visitor = await signIn(gateway, idp)
    const copy = createVisitor(gateway, new Map(visitor.jar))
    const had = [idp.revocations.length, idp.troubles.count('revoke')] as const
    idp.troubles.set('revoke', (_request, response) => void response.writeHead(503).end())

    const response = await visitor.visit('/auth/logout', { method: 'POST' })
    const afterwards = await copy.call('/api/orders')
    await eventually(() => idp.troubles.count('revoke') > had[1])
    const revoked = idp.revocations.length
    idp.troubles.clear('revoke')
    await eventually(() => gateway.events().includes('revocation'))

    assert.equal(new URL(refreshOf(response) ?? '').origin, idp.issuer)
    assert.equal(afterwards.status, 401)
    assert.equal(revoked, had[0])
    assert.equal(idp.revocations[had[0]]?.hint, 'refresh_token')
    assert.equal(gateway.audit.findLast(({ event }) => event === 'revocation')?.outcome, 'ok')
  })

  it('REV-03 does not wait for a provider that never answers, either', async t => {
    const gateway = await startGateway({ idp })
    t.after(gateway.close)
    const visitor = await signIn(gateway, idp)
    const copy = createVisitor(gateway, new Map(visitor.jar))
    const had = idp.troubles.count('revoke')
    const release = idp.troubles.hold('revoke')

    const response = await visitor.call('/auth/logout', { method: 'POST', headers: json })
    await eventually(() => idp.troubles.count('revoke') > had)
    const afterwards = await copy.call('/api/orders')
    const known = gateway.events().includes('revocation')
    release()

    assert.equal(response.status, 200)
    assert.equal(afterwards.status, 401)
    assert.equal(known, false)
  })
})
