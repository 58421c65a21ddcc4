import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { parseHandle } from '../../src/session/handle.ts'
import { createMemoryStore } from '../../src/store/memory.ts'
import { makeSecrets, sessionConfig, startGateway, type TestGateway } from '../support/gateway.ts'
import { type IdentityProvider, startIdentityProvider } from '../support/identity-provider.ts'
import { call, getHandle, nativeClients } from '../support/native-client.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'
import { createVisitor } from '../support/visitor.ts'

describe('a handle on a route', () => {
  let idp: IdentityProvider
  let upstream: Upstream
  let gateway: TestGateway
  before(async () => {
    // Opaque ones have the scopes that were asked for; those for an API have its own.
    idp = await startIdentityProvider({ accessTokens: 'opaque' })
    upstream = await startUpstream()
    gateway = await start()
  })
  after(() => Promise.all([idp.close(), upstream.close(), gateway.close()]))

  const start = (options: Parameters<typeof startGateway>[0] = {}) => {
    const at = { upstream: upstream.origin }
    const routes = [
      { path: '/api/orders', ...at, token: 'access', require: { scopes: ['openid'] } },
      { path: '/api/notes', ...at, kind: 'api', identityHeaders: { 'X-User': 'sub' } },
      { path: '/api/news', ...at, kind: 'api', access: 'optional' },
      { path: '/api/hook', ...at, access: 'anyone', token: 'passthrough' },
      { path: '/reports', ...at },
      { path: '/', ...at, access: 'anyone' },
    ]
    const cli = { ...nativeClients.cli, scopes: ['openid', 'sessions'] }
    return startGateway({ idp, ...options, config: { native: { clients: { cli } }, routes, ...options.config } })
  }
  const handleOf = (changes: Record<string, string | null> = {}, own = gateway) =>
    getHandle(own, idp, { scope: 'openid sessions', ...changes })
  const header = (response: { headers: Record<string, string> }) => String(response.headers['www-authenticate'])

  it('brings the person’s token to the upstream in its own place', async () => {
    const handle = await handleOf()

    const response = await call(gateway, '/api/orders', handle)

    assert.equal(response.status, 200)
    const seen = upstream.requests.at(-1)
    assert.ok(idp.issued.has((seen?.headers.authorization ?? '').replace('Bearer ', '')))
    assert.ok(!JSON.stringify(seen).includes(handle))
  })

  it('tells its own program which addresses it is limited to', async () => {
    const resource = `${gateway.origin}/api/notes`

    const limited = await call(gateway, '/auth/session', await handleOf({ resource }))
    const whole = await call(gateway, '/auth/session', await handleOf())

    assert.deepEqual(limited.body.session.client.resources, [resource])
    assert.equal('resources' in whole.body.session.client, false)
  })

  it('is taken under any spelling of the scheme, and never handed on by a route that reads no session', async () => {
    const handle = await handleOf()

    const spelt = await call(gateway, '/api/notes', null, { authorization: `bearer  ${handle}` })
    await call(gateway, '/api/hook', handle)
    await call(gateway, '/anything', handle)

    assert.equal(spelt.status, 200)
    assert.equal(upstream.requests.filter(({ rawHeaders }) => rawHeaders.join('\n').includes('spt_')).length, 0)
    assert.ok(upstream.requests.some(({ headers }) => headers['x-user'] === 'a1'))
  })

  it('is refused by JSON and a challenge that says where to sign in, never by a redirect, whatever the program accepts', async () => {
    const good = await handleOf()
    const bad = [`${good.slice(0, -1)}_`, `spt_${'a'.repeat(80)}`, 'spt_', good.toUpperCase().replace('SPT_', 'spt_')]
    for (const handle of bad) {
      for (const path of ['/api/orders', '/api/news', '/reports']) {
        const response = await call(gateway, path, handle, {
          accept: 'text/html',
          'sec-fetch-mode': 'navigate',
          'sec-fetch-dest': 'document',
        })

        assert.deepEqual([response.status, response.body.code, response.headers.location], [401, 'invalid_handle', undefined])
        assert.equal(
          header(response),
          `Bearer error="invalid_token", resource_metadata="${gateway.origin}/.well-known/oauth-protected-resource${path}"`,
        )
      }
    }
  })

  it('META-10 tells a program that comes without one where to get one', async () => {
    const bare = await call(gateway, '/api/orders', null)
    const browser = await createVisitor(gateway).call('/api/orders')

    assert.deepEqual([bare.status, bare.body.code], [401, 'not_signed_in'])
    assert.equal(
      header(bare),
      `Bearer scope="openid", resource_metadata="${gateway.origin}/.well-known/oauth-protected-resource/api/orders"`,
    )
    assert.equal(header(browser), 'Sallyport')
  })

  it('NAT-22 A-094 counts in the Authorization header alone', async () => {
    const handle = await handleOf()
    const asCookie = { cookie: `__Host-Http-sallyport=${handle}`, 'x-csrf': '1' }

    assert.equal((await call(gateway, `/api/orders?access_token=${handle}`, null)).status, 400)
    assert.equal((await call(gateway, '/api/orders', null, asCookie)).status, 401)
    assert.equal((await call(gateway, '/api/orders', null, { 'sec-websocket-protocol': handle })).status, 401)
    assert.equal(
      (
        await call(gateway, '/api/orders', null, { 'content-type': 'application/x-www-form-urlencoded' }, 'post').send(
          `access_token=${handle}`,
        )
      ).status,
      401,
    )
    assert.ok(!JSON.stringify([gateway.lines, gateway.audit]).includes(handle.slice(31, 60)))
  })

  it('NAT-23 is another thing than a session cookie: neither passes for the other, and both together are refused', async () => {
    const handle = await handleOf()
    const visitor = createVisitor(gateway)
    await visitor.signIn(idp)
    const cookie = `__Host-Http-sallyport=${visitor.jar.get('__Host-Http-sallyport')}`
    const credential = /s:([\w.-]+)\./.exec(decodeURIComponent(cookie))?.[1] ?? ''
    const { formatHandle } = await import('../../src/session/handle.ts')
    const { parseCredential } = await import('../../src/session/credential.ts')
    const parsed = parseCredential(credential)
    assert.ok(parsed !== null)

    const both = [await call(gateway, '/api/orders', handle, { cookie }), await call(gateway, '/auth/session', handle, { cookie })]

    assert.deepEqual(
      both.map(({ status, body }) => [status, body.code]),
      [
        [400, 'two_credentials'],
        [400, 'two_credentials'],
      ],
    )
    assert.equal((await call(gateway, '/api/orders', credential)).status, 401)
    assert.equal((await call(gateway, '/api/orders', formatHandle(parsed))).body.code, 'invalid_handle')
  })

  it('NHI-05 NHI-10 NAT-31 A-097 may do what was approved, for what was approved, and is never for pages', async () => {
    const narrow = await getHandle(gateway, idp, { scope: 'sessions' })
    const elsewhere = await handleOf({ resource: `${gateway.origin}/api/notes` })

    const page = await call(gateway, '/reports', await handleOf())
    const scope = await call(gateway, '/api/orders', narrow)
    const resource = await call(gateway, '/api/orders', elsewhere)

    for (const response of [page, scope, resource]) assert.deepEqual([response.status, response.body.code], [403, 'insufficient_scope'])
    assert.equal(
      header(scope),
      `Bearer error="insufficient_scope", scope="openid", resource_metadata="${gateway.origin}/.well-known/oauth-protected-resource/api/orders"`,
    )
    assert.equal((await call(gateway, '/api/notes', narrow)).status, 200)
    assert.equal((await call(gateway, '/api/notes', elsewhere)).status, 200)
    const refusals = gateway.audit.filter(({ code }) => code === 'insufficient_scope')
    assert.deepEqual(
      refusals.map(({ reason }) => reason),
      ['browser_route', 'scope_not_approved', 'other_resource'],
    )
    assert.ok(refusals.every(({ kind, client_id, sub }) => kind === 'native' && client_id === 'cli' && sub === 'a1'))
  })

  it('CSRF-12 is refused with the origin of a page that is none of ours, and needs no proof of where it comes from otherwise', async () => {
    const handle = await handleOf()
    const status = async (headers: Record<string, string>) => (await call(gateway, '/api/orders', handle, headers, 'post')).status

    assert.equal(await status({}), 200)
    assert.equal(await status({ origin: gateway.origin, 'sec-fetch-site': 'cross-site' }), 200)
    for (const origin of ['https://evil.example', 'null', 'http://app.example.test']) assert.equal(await status({ origin }), 403, origin)
    assert.equal((await call(gateway, '/auth/session', handle, { origin: 'https://evil.example' })).status, 403)
  })

  it('NAT-24 NHI-07 ends when it is not used, and at the latest at its own end', async t => {
    const native = { idleTimeout: '10m', absoluteTimeout: '1h', clients: { cli: { ...nativeClients.cli, scopes: ['openid'] } } }
    const own = await start({ config: { native } })
    t.after(() => own.close())
    const [idle, used] = [await getHandle(own, idp, { scope: 'openid' }), await getHandle(own, idp, { scope: 'openid' })]
    const use = async (handle: string) => (await call(own, '/api/notes', handle)).status

    own.clock.advance(9 * 60_000)
    assert.equal(await use(used), 200)
    own.clock.advance(60_000)
    assert.equal(await use(idle), 401)
    for (let minutes = 10; minutes < 55; minutes += 9) {
      assert.equal(await use(used), 200)
      own.clock.advance(9 * 60_000)
    }
    own.clock.advance(6 * 60_000)
    assert.equal(await use(used), 401)
  })

  it('NHI-01 NHI-03 opens nothing any more once its client is not configured, and only its client’s', async t => {
    const shared = { store: createMemoryStore({ now: Date.now }), secrets: makeSecrets() }
    const tool = { name: 'Tool', redirects: ['loopback'], scopes: ['openid'] }
    const cli = { ...nativeClients.cli, scopes: ['openid'] }
    const first = await start({ ...shared, config: { native: { clients: { cli, tool } } } })
    const second = await start({ ...shared, config: { native: { clients: { tool } } } })
    t.after(() => Promise.all([first.close(), second.close()]))
    const [gone, kept] = [
      await getHandle(first, idp, { scope: 'openid' }),
      await getHandle(first, idp, { scope: 'openid', client_id: 'tool' }),
    ]

    assert.equal((await call(first, '/api/notes', gone)).status, 200)
    assert.equal((await call(second, '/api/notes', gone)).body.code, 'invalid_handle')
    assert.equal((await call(second, '/api/notes', kept)).status, 200)
  })

  it('NHI-08 A-137 opens nothing in another deployment', async t => {
    const own = await start()
    t.after(() => own.close())

    assert.equal((await call(own, '/api/notes', await handleOf())).body.code, 'invalid_handle')
  })

  it('means nothing where no native client is configured', async t => {
    const own = await startGateway({ idp, upstream: upstream.origin })
    t.after(() => own.close())

    const response = await call(own, '/api/orders', await handleOf())

    assert.deepEqual([response.status, response.body.code, header(response)], [401, 'not_signed_in', 'Sallyport'])
    assert.equal((await call(own, '/oauth/token', null, {}, 'post')).status, 200)
  })

  it('NAT-32 is not looked for any more from an address that guesses', async t => {
    const own = await start()
    t.after(() => own.close())
    for (let tries = 0; tries < 60; tries += 1) await call(own, '/api/notes', 'spt_x')

    assert.equal((await call(own, '/api/notes', 'spt_x')).status, 429)
    own.clock.advance(60_000)
    assert.equal((await call(own, '/api/notes', 'spt_x')).status, 401)
  })

  it('works with tokens that only its holder can open, and with those that the gateway can', async t => {
    for (const sealing of ['holder', 'gateway']) {
      const own = await start({ config: { session: sessionConfig({ sealing }) } })
      t.after(() => own.close())

      assert.equal((await call(own, '/api/orders', await handleOf({}, own))).status, 200)
    }
  })

  it('is known by its checksum', async () => {
    const handle = await handleOf()

    assert.ok(parseHandle(handle) !== null)
    for (const wrong of [handle.slice(0, -1), `${handle}a`, handle.replace('spt_', 'spu_'), handle.replace('.0.', '.1.')])
      assert.equal(parseHandle(wrong), null)
  })
})

describe('a handle at our own endpoints', () => {
  let idp: IdentityProvider
  let gateway: TestGateway
  before(async () => {
    idp = await startIdentityProvider()
    gateway = await startGateway({ idp, config: { native: { clients: nativeClients } } })
  })
  after(() => Promise.all([idp.close(), gateway.close()]))

  const signIn = (scope = 'orders.read sessions') => getHandle(gateway, idp, { scope })
  const idOf = (handle: string) => parseHandle(handle)?.familyId ?? ''

  it('is told who is signed in, as what, and until when; never a token', async () => {
    const handle = await signIn('orders.read')

    const { status, body } = await call(gateway, '/auth/session', handle)

    assert.equal(status, 200)
    assert.equal(body.user.sub, 'a1')
    assert.deepEqual(
      [body.session.kind, body.session.session_id, body.session.scopes, body.session.client],
      ['native', idOf(handle), ['orders.read'], { client_id: 'cli', name: 'Orders CLI', redeemed_from: '127.0.0.1' }],
    )
    for (const token of idp.issued) assert.ok(token === '' || !JSON.stringify(body).includes(token))
  })

  it('NAT-25 A-095 lists and ends the person’s sessions with the scope for it, and without it does not', async () => {
    const [one, other, narrow] = [await signIn(), await signIn(), await signIn('orders.read')]

    const refused = await call(gateway, '/auth/sessions', narrow)
    const listed = await call(gateway, '/auth/sessions', one)
    const ended = await call(gateway, `/auth/sessions/${idOf(other)}`, one, {}, 'delete')

    assert.deepEqual([refused.status, refused.body.code], [403, 'insufficient_scope'])
    assert.match(String(refused.headers['www-authenticate']), /error="insufficient_scope", scope="sessions"/)
    const own = listed.body.sessions.find(({ current }: { current: boolean }) => current)
    assert.deepEqual(
      [own.session_id, own.kind, own.client.name, own.scopes],
      [idOf(one), 'native', 'Orders CLI', ['orders.read', 'sessions']],
    )
    assert.ok(typeof own.last_used_at === 'string')
    assert.equal(ended.status, 204)
    assert.deepEqual([(await call(gateway, '/auth/session', one)).status, (await call(gateway, '/auth/session', other)).status], [200, 401])
    assert.ok(!JSON.stringify(listed.body).includes('codeHash'))
  })

  it('ends its own session, and all others', async () => {
    const [one, other] = [await signIn(), await signIn()]

    const others = await call(gateway, '/auth/sessions/revoke-others', one, {}, 'post')
    const own = await call(gateway, `/auth/sessions/${idOf(one)}/revoke`, one, {}, 'post')

    assert.equal(others.status, 200)
    assert.ok(others.body.revoked >= 1)
    assert.equal(own.status, 204)
    for (const handle of [one, other]) assert.equal((await call(gateway, '/auth/session', handle)).status, 401)
  })

  it('opens nothing else of ours', async () => {
    const handle = await signIn()

    for (const path of ['/auth/account', '/auth/events'])
      assert.equal((await call(gateway, path, handle, { 'x-csrf': '1' })).status, 401, path)
    assert.equal((await call(gateway, '/auth/session/refresh', handle, { 'x-csrf': '1' }, 'post')).body.authenticated, false)
    assert.equal((await call(gateway, '/auth/logout', handle, { 'x-csrf': '1' }, 'post')).status, 200)
    assert.equal((await call(gateway, '/auth/session', handle)).status, 200)
  })

  it('NAT-25 stands in the account page as what it is, and ends from there', async () => {
    const handle = await signIn()
    const visitor = createVisitor(gateway)
    await visitor.signIn(idp)

    const page = await visitor.visit('/auth/account')
    const formToken = /name="form_token" value="([^"]*)"/.exec(page.text)?.[1] ?? ''
    await visitor.visit(`/auth/sessions/${idOf(handle)}/revoke`, { method: 'POST', body: `form_token=${formToken}` })

    assert.match(page.text, /Orders CLI/)
    assert.match(page.text, /<dd>Program<\/dd>/)
    assert.equal((await call(gateway, '/auth/session', handle)).status, 401)
  })

  it('ends with the person’s logout at the provider, and counts among their sessions', async t => {
    const own = await startGateway({ idp, config: { native: { clients: nativeClients }, session: sessionConfig({ perUserLimit: 2 }) } })
    t.after(() => own.close())
    const handles = [await getHandle(own, idp), await getHandle(own, idp), await getHandle(own, idp)]
    const statuses = () => Promise.all(handles.map(async handle => (await call(own, '/auth/session', handle)).status))
    assert.deepEqual(await statuses(), [401, 200, 200])

    const visitor = createVisitor(own)
    await visitor.signIn(idp)
    assert.deepEqual(await statuses(), [401, 401, 200])
    await visitor.visit('/auth/logout', { method: 'POST', body: 'everywhere=true' })

    assert.deepEqual(await statuses(), [401, 401, 401])
  })
})
