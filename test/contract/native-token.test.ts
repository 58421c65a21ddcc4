import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import request from 'supertest'
import { createMemoryStore } from '../../src/store/memory.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { type IdentityProvider, startIdentityProvider } from '../support/identity-provider.ts'
import { call, createRun, getCode, getHandle, nativeClients, post, redeem } from '../support/native-client.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'

describe('POST /oauth/token', () => {
  let idp: IdentityProvider
  let upstream: Upstream
  let gateway: TestGateway
  before(async () => {
    idp = await startIdentityProvider()
    upstream = await startUpstream()
    gateway = await start()
  })
  after(() => Promise.all([idp.close(), upstream.close(), gateway.close()]))

  const start = (store?: ReturnType<typeof createMemoryStore>) =>
    startGateway({
      idp,
      upstream: upstream.origin,
      config: { native: { clients: nativeClients } },
      ...(store === undefined ? {} : { store }),
    })

  async function begin(changes: Record<string, string | null> = {}, own = gateway) {
    const run = createRun(changes)
    return { run, code: await getCode(own, idp, run) }
  }
  const isAlive = async (handle: string) => (await call(gateway, '/api/orders', handle)).status === 200

  it('NAT-21 gives an opaque handle and nothing else, by JSON that nobody keeps', async () => {
    const { run, code } = await begin()

    const { status, headers, body } = await redeem(gateway, run, code)

    assert.equal(status, 200)
    assert.deepEqual(Object.keys(body), ['access_token', 'token_type', 'expires_in', 'scope'])
    assert.match(body.access_token, /^spt_[\w-]{22}\.0\.[\w-]{43}[0-9A-Za-z]{6}$/)
    assert.deepEqual([body.token_type, body.expires_in, body.scope], ['Bearer', 7 * 24 * 3600, 'orders.read'])
    assert.equal(headers['cache-control'], 'no-store')
    assert.match(String(headers['content-type']), /^application\/json/)
    for (const part of body.access_token.split('.')) assert.doesNotMatch(Buffer.from(part, 'base64').toString('latin1'), /alice|"sub"|eyJ/)
    for (const token of idp.issued) assert.ok(token === '' || !JSON.stringify(body).includes(token))
  })

  it('NAT-28 takes public clients: by name, by Basic with an empty password, and never with a secret', async () => {
    const basic = (text: string) => ({ authorization: `Basic ${Buffer.from(text).toString('base64')}` })
    const { run, code } = await begin()
    const form = { grant_type: 'authorization_code', redirect_uri: run.params.redirect_uri ?? '', code, code_verifier: run.verifier }

    const refused = [
      await redeem(gateway, run, code, { client_secret: 'dummy' }),
      await redeem(gateway, run, code, { client_assertion: 'eyJ' }),
      await post(gateway, '/oauth/token', form, basic('cli:dummy')),
      await post(gateway, '/oauth/token', form, basic('nobody:')),
      await post(gateway, '/oauth/token', form),
    ]
    const probe = await post(gateway, '/oauth/token', form, basic('cli:'))

    assert.deepEqual(
      refused.map(({ status, body, headers }) => [status, body.error, headers['www-authenticate'] !== undefined]),
      [
        [401, 'invalid_client', false],
        [401, 'invalid_client', false],
        [401, 'invalid_client', true],
        [401, 'invalid_client', true],
        [401, 'invalid_client', false],
      ],
    )
    assert.equal(probe.status, 200)
  })

  it('NHI-04 NAT-29 is a POST of a form without repetitions, with the errors of the registry', async () => {
    const raw = request(`http://127.0.0.1:${gateway.port}`)
    const host = { host: gateway.host }
    const answers = [
      await raw.get('/oauth/token').set(host),
      await raw.post('/oauth/token').set(host).send({ grant_type: 'authorization_code' }),
      await raw.post('/oauth/token').set(host).type('text').send('grant_type=authorization_code'),
      await post(gateway, '/oauth/token', 'client_id=cli&grant_type=authorization_code&grant_type=refresh_token'),
      await post(gateway, '/oauth/token', 'client_id=cli'),
      await post(gateway, '/oauth/token', { client_id: 'cli', grant_type: 'password', username: 'a', password: 'b' }),
      await post(gateway, '/oauth/token', { client_id: 'cli', grant_type: 'refresh_token', refresh_token: 'x' }),
      await post(gateway, '/oauth/token', { client_id: 'cli', grant_type: 'authorization_code' }),
      await post(gateway, '/oauth/token', { client_id: 'cli', grant_type: 'urn:ietf:params:oauth:grant-type:device_code' }),
      await post(gateway, '/oauth/token', {
        client_id: 'cli',
        grant_type: 'authorization_code',
        code: `${'a'.repeat(22)}.${'b'.repeat(43)}`,
      }),
    ]

    assert.deepEqual(
      answers.map(({ status, body }) => [status, body.error]),
      [
        [405, 'invalid_request'],
        [400, 'invalid_request'],
        [400, 'invalid_request'],
        [400, 'invalid_request'],
        [400, 'invalid_request'],
        [400, 'unsupported_grant_type'],
        [400, 'unsupported_grant_type'],
        [400, 'invalid_request'],
        [400, 'invalid_request'],
        [400, 'invalid_grant'],
      ],
    )
    assert.ok(answers.every(({ headers }) => headers['cache-control'] === 'no-store'))
  })

  it('NAT-19 A-086 burns a code whose verifier is missing, malformed or wrong', async () => {
    for (const code_verifier of [null, 'a'.repeat(42), 'a'.repeat(129), `${'a'.repeat(43)}!`, 'b'.repeat(43)]) {
      const { run, code } = await begin()

      const wrong = await redeem(gateway, run, code, { code_verifier })
      const right = await redeem(gateway, run, code)

      assert.deepEqual([wrong.status, wrong.body.error], [400, 'invalid_grant'])
      assert.deepEqual([right.status, right.body.error], [400, 'invalid_grant'])
    }
    assert.ok(gateway.audit.some(({ event, reason }) => event === 'refusal' && reason === 'verifier_mismatch'))
  })

  it('NAT-19 takes a repeated verifier for none: nothing is redeemed by it', async () => {
    const { run, code } = await begin()
    const form = new URLSearchParams({ grant_type: 'authorization_code', client_id: 'cli', code })
    form.append('code_verifier', run.verifier)
    form.append('code_verifier', run.verifier)

    const response = await post(gateway, '/oauth/token', form.toString())

    assert.deepEqual([response.status, response.body.error], [400, 'invalid_request'])
  })

  it('NAT-20 A-092 binds a code to its client, redirect URI and resource, and mistakes in them do not spend it', async () => {
    const { run, code } = await begin({ resource: `${gateway.origin}/api/orders` })

    const refused = [
      await redeem(gateway, run, code, { client_id: 'other' }),
      await redeem(gateway, run, code, { redirect_uri: 'http://127.0.0.1:51005/callback' }),
      await redeem(gateway, run, code, { redirect_uri: 'http://[::1]:51004/callback' }),
      await redeem(gateway, run, code, { redirect_uri: 'http://127.0.0.1:51004/callback/' }),
      await redeem(gateway, run, code, { resource: gateway.origin }),
    ]
    const right = await redeem(gateway, run, code, { redirect_uri: null })

    assert.deepEqual(
      refused.map(({ body }) => body.error),
      ['invalid_grant', 'invalid_grant', 'invalid_grant', 'invalid_grant', 'invalid_target'],
    )
    assert.equal(right.status, 200)
  })

  it('NAT-17 is too late for a code after a minute, and the store never holds it', async t => {
    const writes: string[] = []
    const clock = { now: () => Date.now() }
    const memory = createMemoryStore(clock)
    const putOnce = (...args: Parameters<typeof memory.putOnce>) => {
      writes.push(JSON.stringify(args))
      return memory.putOnce(...args)
    }
    const store = { ...memory, putOnce }
    const own = await start(store)
    t.after(() => own.close())
    const inTime = await begin({}, own)
    const late = await begin({}, own)

    own.clock.advance(59_000)
    assert.equal((await redeem(own, inTime.run, inTime.code)).status, 200)
    own.clock.advance(1_000)
    assert.equal((await redeem(own, late.run, late.code)).body.error, 'invalid_grant')

    const [, secret = ''] = late.code.split('.')
    assert.ok(secret.length === 43 && writes.some(text => text.includes('"code"')))
    for (const text of writes) {
      assert.ok(!text.includes(secret))
      for (const token of idp.issued) assert.ok(token === '' || !text.includes(token))
    }
  })

  it('NAT-18 A-091 REV-04 gives a code’s handle once: a second use fails, and ends the session that the first one made', async () => {
    const { run, code } = await begin()
    const { body } = await redeem(gateway, run, code)
    assert.ok(await isAlive(body.access_token))

    const second = await redeem(gateway, run, code)

    assert.deepEqual([second.status, second.body.error], [400, 'invalid_grant'])
    assert.ok(!(await isAlive(body.access_token)))
    assert.ok(gateway.audit.some(({ event, reason }) => event === 'replay' && reason === 'code_replayed'))
    assert.ok(gateway.audit.some(({ event, reason }) => event === 'session_ended' && reason === 'code_replayed'))
  })

  it('NAT-18 knows a code again for as long as its session lives, and only in full', async t => {
    const own = await start()
    t.after(() => own.close())
    const { run, code } = await begin({}, own)
    const { body } = await redeem(own, run, code)
    own.clock.advance(60 * 60_000)
    const status = async () => (await call(own, '/auth/session', body.access_token)).status

    // The id alone is public: it stands in lists and in the audit.
    await redeem(own, run, `${code.slice(0, 22)}.${'a'.repeat(43)}`)
    assert.equal(await status(), 200)
    await redeem(own, run, code)

    assert.equal(await status(), 401)
  })

  it('NAT-18 RDS-08 gives at most one handle to twenty at once, and none of them stays good', async () => {
    const { run, code } = await begin()

    const answers = await Promise.all(Array.from({ length: 20 }, () => redeem(gateway, run, code)))

    const granted = answers.filter(({ status }) => status === 200)
    assert.ok(granted.length <= 1)
    assert.ok(answers.filter(({ body }) => body.error === 'invalid_grant').length >= 19)
    for (const { body } of granted) assert.ok(!(await isAlive(body.access_token)))
  })

  it('NAT-32 slows down an address that guesses, and keeps nothing of its tries', async t => {
    const own = await start()
    t.after(() => own.close())
    const { run, code } = await begin({}, own)
    const guess = () => redeem(own, run, `${'a'.repeat(22)}.${'b'.repeat(43)}`)
    for (let tries = 0; tries < 60; tries += 1) await guess()

    const braked = await redeem(own, run, code)

    assert.deepEqual([braked.status, braked.body.error, braked.headers['retry-after']], [429, 'temporarily_unavailable', '1'])
    own.clock.advance(60_000)
    assert.equal((await guess()).status, 400)
  })
})

describe('POST /oauth/revoke', () => {
  let idp: IdentityProvider
  let gateway: TestGateway
  before(async () => {
    idp = await startIdentityProvider()
    gateway = await startGateway({ idp, config: { native: { clients: nativeClients } } })
  })
  after(() => Promise.all([idp.close(), gateway.close()]))

  it('REV-04 ends the one session whose handle it is, gives its tokens back, and says 200 to whatever else', async () => {
    const [one, other] = [await getHandle(gateway, idp), await getHandle(gateway, idp)]
    const revoke = (token: string, more: Record<string, string> = { client_id: 'cli' }) =>
      post(gateway, '/oauth/revoke', { token, ...more })
    const status = async (handle: string) => (await call(gateway, '/auth/session', handle)).status

    const unknown = [
      await revoke('x'),
      await revoke(`spt_${'a'.repeat(22)}.0.${'b'.repeat(49)}`),
      await revoke(`${one.slice(0, -1)}${one.endsWith('0') ? '1' : '0'}`),
    ]
    assert.deepEqual([await status(one), await status(other)], [200, 200])
    const revoked = await revoke(one, { token_type_hint: 'refresh_token' })
    const again = await revoke(one)

    assert.deepEqual(
      [...unknown, revoked, again].map(answer => answer.status),
      [200, 200, 200, 200, 200],
    )
    assert.deepEqual([await status(one), await status(other)], [401, 200])
    assert.equal(revoked.headers['access-control-allow-origin'], undefined)
    await gateway.close()
    assert.ok(gateway.audit.some(({ event, outcome }) => event === 'revocation' && outcome === 'ok'))
  })

  it('REV-04 refuses what is no revocation', async t => {
    const own = await startGateway({ idp, config: { native: { clients: nativeClients } } })
    t.after(() => own.close())

    const answers = [await post(own, '/oauth/revoke', {}), await post(own, '/oauth/revoke', { token: 'x', client_id: 'nobody' })]

    assert.deepEqual(
      answers.map(({ status, body }) => [status, body.error]),
      [
        [400, 'invalid_request'],
        [401, 'invalid_client'],
      ],
    )
  })
})
