import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, describe, it } from 'node:test'
import request, { type Response } from 'supertest'
import { liesAboutLogouts } from '../idp/lies-about-logouts.ts'
import { lastSid, postLogout, type ReverseProxy, startReverseProxy } from '../support/back-channel.ts'
import { makeSecrets, providerConfig, startGateway, type TestGateway } from '../support/gateway.ts'
import { type IdentityProvider, startIdentityProvider } from '../support/identity-provider.ts'
import { createVisitor, type Visitor } from '../support/visitor.ts'

const path = '/auth/backchannel-logout/main'
const invalid = { error: 'invalid_request' }

describe('POST /auth/backchannel-logout/{provider}', () => {
  let proxy: ReverseProxy
  let idp: IdentityProvider
  let gateway: TestGateway
  before(async () => {
    proxy = await startReverseProxy()
    idp = await startIdentityProvider({ backChannelUri: `${proxy.origin}${path}` })
  })
  after(() => Promise.all([proxy.close(), idp.close()]))
  beforeEach(async () => {
    gateway = await startGateway({ idp })
    proxy.lead(gateway)
  })
  afterEach(() => gateway.close())

  async function signedIn(at = gateway, user: 'alice' | 'bob' = 'alice') {
    const visitor = createVisitor(at)
    const idpJar = new Map<string, string>()
    await visitor.signIn(idp, { jar: idpJar, user })
    return { visitor, idpJar, sid: lastSid(idp) }
  }

  const about = (claims: { readonly sub?: string; readonly sid?: string }) =>
    idp.logoutToken({ claims: { sub: undefined, sid: undefined, ...claims } })
  const isAlive = async (visitor: Visitor) => (await visitor.session()).authenticated === true

  it('BCL-06 BCL-09 ends the session of the browser that signs out at the provider, and no other', async () => {
    const [here, elsewhere] = [await signedIn(), await signedIn()]
    const sent = idp.logoutsSent.length

    await idp.signOut(new URL('/session/end', idp.issuer), here.idpJar)

    assert.deepEqual(idp.logoutsSent.slice(sent), [{ sub: 'a1', sid: here.sid, isTaken: true }])
    assert.deepEqual([await isAlive(here.visitor), await isAlive(elsewhere.visitor)], [false, true])
    assert.equal((await here.visitor.session()).reason, 'revoked')
    assert.equal((await here.visitor.call('/api/orders')).status, 401)
  })

  it('BCL-06 ends one of two browsers by sid, and all of the person’s by sub alone', async () => {
    const [one, two, bob] = [await signedIn(), await signedIn(), await signedIn(gateway, 'bob')]
    const lives = () => Promise.all([one, two, bob].map(({ visitor }) => isAlive(visitor)))

    const bySid = await postLogout(gateway, await about({ sid: one.sid }))
    const afterSid = await lives()
    const bySub = await postLogout(gateway, await about({ sub: 'a1' }))

    assert.deepEqual([bySid.status, bySub.status], [200, 200])
    assert.deepEqual(afterSid, [false, true, true])
    assert.deepEqual(await lives(), [false, false, true])
  })

  it('BCL-06 A-059 ends nothing by the sid of one and the sub of another, and keeps nobody out', async () => {
    const [alice, bob] = [await signedIn(), await signedIn(gateway, 'bob')]
    // The same session at the provider, in a browser that is on its way in.
    const late = createVisitor(gateway)
    const callback = await late.begin(idp, { jar: alice.idpJar })

    const response = await postLogout(gateway, await about({ sid: alice.sid, sub: 'b2' }))
    await late.finish(callback)

    assert.equal(response.status, 200)
    assert.deepEqual(await Promise.all([alice, bob].map(({ visitor }) => isAlive(visitor))), [true, true])
    assert.equal(await isAlive(late), true)
    assert.equal(lastSid(idp), alice.sid)
    await postLogout(gateway, await about({ sid: alice.sid, sub: 'a1' }))
    assert.deepEqual(await Promise.all([alice.visitor, late, bob.visitor].map(isAlive)), [false, false, true])
  })

  it('BCL-06 A-059 ends nothing of one provider by the token of another, at whichever address', async t => {
    const other = await startIdentityProvider()
    const identityProviders = { main: providerConfig(idp), other: providerConfig(other, 'OTHER_SECRET') }
    const secrets = { ...makeSecrets(), OTHER_SECRET: other.clientSecret }
    const own = await startGateway({ idp, secrets, config: { identityProviders } })
    t.after(() => Promise.all([own.close(), other.close()]))
    const visitor = createVisitor(own)
    await visitor.signIn(idp, { query: 'provider=main' })
    const foreign = { sub: 'a1', sid: lastSid(idp) }

    const statuses = [
      (await postLogout(own, await other.logoutToken({ claims: foreign }), { provider: 'other' })).status,
      (await postLogout(own, await other.logoutToken({ claims: foreign }))).status,
      (await postLogout(own, await idp.logoutToken({ claims: foreign }), { provider: 'other' })).status,
      (await postLogout(own, await other.logoutToken({ claims: { ...foreign, iss: idp.issuer } }))).status,
    ]

    assert.deepEqual(statuses, [200, 400, 400, 400])
    assert.equal(await isAlive(visitor), true)
  })

  it('BCL-06 ends sessions of every origin, whichever the provider knows', async t => {
    const names = ['app.example.test', 'shop.example.test']
    const own = await startGateway({ idp, config: { origins: names.map(name => `https://${name}`) } })
    t.after(own.close)
    idp.register({ redirectUris: names.map(name => `https://${name}/auth/callback/main`) })
    const jar = new Map<string, string>()
    const visitors = names.map(host => createVisitor({ port: own.port, host }))
    for (const visitor of visitors) await visitor.signIn(idp, { jar })
    const before = await Promise.all(visitors.map(isAlive))

    const response = await postLogout(own, await about({ sub: 'a1', sid: lastSid(idp) }))

    assert.equal(response.status, 200)
    assert.deepEqual(before, [true, true])
    assert.deepEqual(await Promise.all(visitors.map(isAlive)), [false, false])
  })

  it('BCL-09 answers alike whether or not there was a session, and nobody keeps the answer', async () => {
    const { sid } = await signedIn()
    const seen = ({ status, text, headers }: Response) => {
      const { date: _date, 'x-request-id': _id, ...others } = headers
      return { status, text, others }
    }

    const matched = await postLogout(gateway, await about({ sub: 'a1', sid }))
    const nothing = await postLogout(gateway, await about({ sub: 'nobody', sid: 'nothing' }))

    assert.deepEqual(seen(matched), seen(nothing))
    assert.deepEqual([matched.status, matched.text, matched.headers['cache-control']], [200, '', 'no-store'])
  })

  it('BCL-01 takes a form with one token, whoever sends it, beside whatever else', async () => {
    const origins = [{}, { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'cors' }]
    for (const headers of origins) {
      const { visitor, sid } = await signedIn()
      const form = new URLSearchParams([
        ['state', 'x'],
        ['state', 'y'],
        ['logout_token', await about({ sid })],
      ])

      const response = await post(headers, `${form}`)

      assert.equal(response.status, 200)
      assert.equal(await isAlive(visitor), false)
    }
  })

  it('BCL-01 reads no cookie and sets none', async () => {
    const [{ visitor }, { sid }] = [await signedIn(), await signedIn(gateway, 'bob')]
    const cookie = [...visitor.jar].map(pair => pair.join('=')).join('; ')

    const responses = [
      await post({ cookie }, `logout_token=${await about({ sid })}`),
      await post({ cookie }, 'logout_token=x'),
      await post({ cookie: `${cookie}; ${cookie}` }, ''),
    ]

    assert.deepEqual(
      responses.map(({ status }) => status),
      [200, 400, 400],
    )
    for (const { headers } of responses) assert.equal(headers['set-cookie'], undefined)
    assert.equal(await isAlive(visitor), true)
  })

  it('BCL-01 refuses every other body, method and address', async () => {
    const { visitor, sid } = await signedIn()
    const token = await about({ sid })
    const json = { 'content-type': 'application/json' }
    const [noForm, notOne] = ['content_type', 'logout_token_form']
    const bodies: readonly (readonly [string, string, Record<string, string>, string])[] = [
      ['none', notOne, {}, ''],
      ['no token', notOne, {}, 'token=x'],
      ['an empty token', notOne, {}, 'logout_token='],
      ['two tokens', notOne, {}, `logout_token=${token}&logout_token=${token}`],
      ['two tokens, one of them empty', notOne, {}, `logout_token=&logout_token=${token}`],
      ['a token in brackets', notOne, {}, `logout_token[]=${token}`],
      ['JSON', noForm, json, JSON.stringify({ logout_token: token })],
      ['a form that calls itself JSON', noForm, json, `logout_token=${token}`],
      ['text', noForm, { 'content-type': 'text/plain' }, `logout_token=${token}`],
      ['the token alone', noForm, { 'content-type': 'application/jwt' }, token],
      ['a packed form', 'body', { 'content-encoding': 'gzip' }, `logout_token=${token}`],
    ]
    for (const [name, reason, headers, body] of bodies) {
      const response = await post(headers, body)

      assert.deepEqual([response.status, response.body], [400, invalid], name)
      assert.equal(response.headers['cache-control'], 'no-store', name)
      assert.equal(response.headers['sallyport-error'], 'bad_request', name)
      assert.equal(gateway.audit.at(-1)?.reason, reason, name)
    }
    const inQuery = await request(`http://127.0.0.1:${gateway.port}`)
      .post(`${path}?logout_token=${token}`)
      .set('host', gateway.host)
      .type('form')
    assert.equal(inQuery.status, 400)
    const large = await post({}, `logout_token=${token}&x=${'x'.repeat(33 * 1024)}`)
    assert.deepEqual([large.status, large.body.code], [413, 'body_too_large'])

    for (const method of ['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS'] as const) {
      const response = await createVisitor(gateway).call(`${path}?logout_token=${token}`, { method })
      assert.deepEqual([response.status, response.headers.allow], [405, 'POST'], method)
      assert.equal(response.headers['cache-control'], 'no-store')
    }
    for (const name of ['nobody', 'Main', 'm%61in', 'main/', ''])
      assert.equal((await postLogout(gateway, token, { provider: name })).status, 404, name)

    assert.equal(await isAlive(visitor), true)
    assert.equal((await postLogout(gateway, token)).status, 200)
    assert.equal(await isAlive(visitor), false)
  })

  it('tells the audit of each, and the reason of a refusal', async () => {
    const { sid } = await signedIn()
    const token = await about({ sub: 'a1', sid })
    const before = gateway.audit.length

    const answers = [await postLogout(gateway, token), await postLogout(gateway, token)]
    await postLogout(gateway, await idp.logoutToken({ claims: { aud: 'other' } }))

    const lines = gateway.audit
      .slice(before)
      .map(({ event, reason, outcome, sub, provider }) => ({ event, reason, outcome, sub, provider }))
    const who = { sub: 'a1', provider: 'main' }
    assert.deepEqual(lines, [
      { event: 'session_ended', reason: 'back_channel', outcome: undefined, ...who },
      { event: 'provider_logout', reason: 'back_channel', outcome: 'ok', ...who },
      { event: 'replay', reason: 'logout_token', outcome: 'refused', ...who },
      { event: 'refusal', reason: 'logout_token_claims', outcome: 'refused', sub: undefined, provider: 'main' },
    ])
    assert.match(String(gateway.audit.at(-1)?.error), /\(aud\)/)
    assert.deepEqual([answers[1]?.status, answers[1]?.body], [400, invalid])
    assert.ok(!JSON.stringify([gateway.audit, gateway.lines]).includes(token.slice(0, 40)))
  })

  function post(headers: Readonly<Record<string, string>>, body: string) {
    const call = request(`http://127.0.0.1:${gateway.port}`).post(path).set('host', gateway.host)
    return call.type('form').set(headers).send(body)
  }
})

describe('a logout token that is a lie', () => {
  let idp: IdentityProvider
  let gateway: TestGateway
  let visitor: Visitor
  before(async () => {
    idp = await startIdentityProvider()
    gateway = await startGateway({ idp, config: { listen: { host: '127.0.0.1', port: 0, trustedProxies: ['127.0.0.1'] } } })
    visitor = createVisitor(gateway)
    await visitor.signIn(idp)
  })
  after(() => Promise.all([idp.close(), gateway.close()]))

  for (const [at, [rows, name, make, reason]] of liesAboutLogouts.entries()) {
    it(`${rows} ends nothing: ${name}`.trim(), async () => {
      const response = await postLogout(gateway, await make(idp), { address: `192.0.2.${at}` })

      assert.deepEqual([response.status, response.body], [400, invalid])
      assert.equal(response.headers['cache-control'], 'no-store')
      assert.equal(gateway.audit.at(-1)?.reason, reason)
      assert.equal((await visitor.session()).authenticated, true)
    })
  }
})
