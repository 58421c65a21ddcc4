import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { type IdentityProvider, startIdentityProvider } from '../support/identity-provider.ts'
import { arrive, call, decide, nativeClients, post } from '../support/native-client.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'
import { createVisitor, refreshOf, type Visitor } from '../support/visitor.ts'

const grantType = 'urn:ietf:params:oauth:grant-type:device_code'

describe('the device grant (RFC 8628)', () => {
  let idp: IdentityProvider
  let upstream: Upstream
  let gateway: TestGateway
  before(async () => {
    idp = await startIdentityProvider()
    upstream = await startUpstream()
    gateway = await startGateway({ idp, upstream: upstream.origin, config: { native: { clients: nativeClients } } })
  })
  after(() => Promise.all([idp.close(), upstream.close(), gateway.close()]))

  const begin = async (own = gateway) =>
    (await post(own, '/oauth/device_authorization', { client_id: 'cli', scope: 'orders.read' })).body as Record<string, string>
  const poll = (started: Record<string, string>, changes: Record<string, string> = {}, own = gateway) =>
    post(own, '/oauth/token', { grant_type: grantType, client_id: 'cli', device_code: started.device_code ?? '', ...changes })
  const type = (visitor: Visitor, userCode = '', options = {}) =>
    visitor.visit('/device', { method: 'POST', body: new URLSearchParams({ user_code: userCode }).toString(), ...options })

  /** From a typed code to the approval page. */
  async function reach(visitor: Visitor, userCode: string | undefined, user: 'alice' | 'bob' = 'alice') {
    const begun = await type(visitor, userCode)
    assert.equal(begun.status, 200)
    return await arrive(visitor, await idp.signIn(refreshOf(begun) ?? '', { user }))
  }

  it('gives the device a handle once the person has typed its code, signed in, and said yes', async () => {
    const started = await begin()
    const visitor = createVisitor(gateway)
    assert.equal((await poll(started)).body.error, 'authorization_pending')

    const approval = await reach(visitor, started.user_code)
    const done = await decide(visitor, approval, 'approve')
    const answer = await poll(started)

    assert.match(started.user_code ?? '', /^[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}$/)
    assert.equal(started.verification_uri, `${gateway.origin}/device`)
    assert.equal(started.verification_uri_complete, `${gateway.origin}/device?user_code=${started.user_code}`)
    assert.deepEqual([started.expires_in, started.interval], [600, 5])
    assert.ok(approval.page.text.includes(String(started.user_code)))
    assert.match(done.text, /Go back to your device/)
    assert.equal(answer.status, 200)
    assert.equal((await call(gateway, '/api/orders', answer.body.access_token)).status, 200)
    assert.deepEqual([...visitor.jar.keys()], [])
  })

  it('takes the code in any case and with any marks, and a link only fills it in', async () => {
    const started = await begin()
    const visitor = createVisitor(gateway)

    const page = await visitor.visit(`/device?user_code=${started.user_code}`, { site: 'cross-site' })
    const approval = await reach(visitor, ` ${started.user_code?.toLowerCase().replace('-', ' ')} `)

    assert.equal(page.status, 200)
    assert.ok(page.text.includes(`value="${started.user_code}"`))
    assert.equal(page.headers['set-cookie'], undefined)
    assert.equal(approval.page.status, 200)
  })

  it('tells the device when the person says no', async () => {
    const denied = await begin()
    const visitor = createVisitor(gateway)

    const said = await decide(visitor, await reach(visitor, denied.user_code), 'deny')

    assert.match(said.text, /you said no/)
    assert.equal((await poll(denied)).body.error, 'access_denied')
  })

  it('tells the device that nobody came in time, and takes its code no more', async t => {
    const own = await startGateway({ idp, config: { native: { clients: nativeClients } } })
    t.after(() => own.close())
    const late = await begin(own)

    own.clock.advance(10 * 60_000)

    assert.equal((await poll(late, {}, own)).body.error, 'expired_token')
    assert.equal((await type(createVisitor(own), late.user_code)).status, 400)
  })

  it('slows down a device that asks too often, and more each time', async t => {
    const own = await startGateway({ idp, config: { native: { clients: nativeClients } } })
    t.after(() => own.close())
    const started = await begin(own)
    await poll(started, {}, own)

    const [second, third] = [await poll(started, {}, own), await poll(started, {}, own)]
    own.clock.advance(10_000)
    const early = await poll(started, {}, own)

    assert.deepEqual(
      [second, third, early].map(({ body }) => body.error),
      ['slow_down', 'slow_down', 'slow_down'],
    )
    own.clock.advance(25_000)
    assert.equal((await poll(started, {}, own)).body.error, 'authorization_pending')
  })

  it('is only for clients that may, and a code only for the client that began', async () => {
    const started = await begin()

    const refused = await post(gateway, '/oauth/device_authorization', { client_id: 'other' })

    assert.deepEqual([refused.status, refused.body.error], [400, 'unauthorized_client'])
    assert.equal((await poll(started, { client_id: 'other' })).body.error, 'unauthorized_client')
    assert.equal((await poll(started, { device_code: started.user_code ?? '' })).body.error, 'invalid_grant')
  })

  it('is not there, nor in the metadata, when no client may', async t => {
    const own = await startGateway({ idp, config: { native: { clients: { other: nativeClients.other } } } })
    t.after(() => own.close())

    const metadata = await call(own, '/.well-known/oauth-authorization-server', null)

    assert.equal(metadata.body.device_authorization_endpoint, undefined)
    assert.deepEqual(metadata.body.grant_types_supported, ['authorization_code'])
    assert.equal((await post(own, '/oauth/device_authorization', { client_id: 'other' })).status, 404)
  })

  it('is answered once: a second approval is too late, a second poll ends what the first got', async () => {
    const started = await begin()
    const [one, other] = [createVisitor(gateway), createVisitor(gateway)]
    const approvals = [await reach(one, started.user_code), await reach(other, started.user_code, 'bob')] as const

    await decide(one, approvals[0], 'approve')
    const late = await decide(other, approvals[1], 'approve')
    const { body } = await poll(started)
    const session = await call(gateway, '/auth/session', body.access_token)
    const again = await poll(started)

    assert.match(late.text, /Too late/)
    assert.equal(session.body.user.sub, 'a1')
    assert.equal(again.body.error, 'invalid_grant')
    assert.equal((await call(gateway, '/api/orders', body.access_token)).status, 401)
  })

  it('takes a code only from its own page, and from an address only so many in a minute', async t => {
    const own = await startGateway({ idp, config: { native: { clients: nativeClients } } })
    t.after(() => own.close())
    const started = await begin(own)
    const visitor = createVisitor(own)

    const foreign = await type(visitor, started.user_code, { site: 'cross-site', headers: { origin: 'https://evil.example' } })
    const wrong = []
    for (let tries = 0; tries < 11; tries += 1) wrong.push((await type(visitor, 'BCDF-GHJK')).status)

    assert.equal(foreign.status, 403)
    assert.deepEqual(wrong, [...Array(10).fill(400), 429])
    assert.equal((await type(visitor, started.user_code)).status, 429)
    own.clock.advance(60_000)
    assert.equal((await type(visitor, started.user_code)).status, 200)
  })
})
