import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import express from 'express'
import { createRemoteJWKSet, jwtVerify } from 'jose'
import type { TestPerson } from '../../src/testing/people.ts'
import { startTestGateway, type TestGateway } from '../../src/testing/start-test-gateway.ts'
import { navigation } from '../../src/testing/visitor.ts'

const api = { kind: 'api', access: 'signed-in', token: 'access' }
const orders = 'https://orders.example'

const routes = [
  { path: '/api/orders', ...api, require: { scopes: ['orders.read'] } },
  { path: '/api/stock', ...api, token: { audience: orders, scopes: ['orders.read'] } },
  { path: '/api/exchanged', ...api, token: { exchange: { audience: 'stock', scopes: ['stock.read'] } } },
  { path: '/api/own', ...api, token: { client: { provider: 'test', audience: 'https://billing.example' } } },
  { path: '/api/ops', ...api, require: { claims: { groups: ['ops'] } } },
  { path: '/api/strong', ...api, require: { acr: 'mfa' } },
  { path: '/reports', kind: 'page', access: 'signed-in', identityHeaders: { 'X-Person': 'name' } },
  { path: '/', access: 'anyone' },
]

describe('sallyport/testing', () => {
  let t: TestGateway
  const alicia: TestPerson = { sub: 'a1', claims: { name: 'Alice', groups: ['ops'] } }

  before(async () => {
    const people = { alice: alicia, bob: { claims: { name: 'Bob' }, scopes: [] } }
    t = await startTestGateway({ routes, people })
  })
  after(() => t.close())

  it('signs a person in, whose requests the upstream gets with a token for it', async () => {
    const alice = await t.signIn('alice')

    await alice.get('/api/orders?open=1').expect(200, { ok: true })

    const { url, claims, token } = t.upstream.requests.at(-1) ?? {}
    assert.equal(url, '/api/orders?open=1')
    assert.equal(claims?.sub, 'a1')
    assert.equal(claims?.aud, 'https://api.example')
    assert.deepEqual(claims?.groups, ['ops'])
    assert.ok(String(claims?.scope).split(' ').includes('orders.read'))
    await jwtVerify(String(token), createRemoteJWKSet(new URL('/jwks', t.issuer)), { issuer: t.issuer, typ: 'at+jwt' })
  })

  it('keeps each browser to itself', async () => {
    const [alice, bob] = [await t.signIn('alice'), await t.signIn('bob')]

    assert.equal((await alice.get('/auth/session')).body.user.sub, 'a1')
    assert.equal((await bob.get('/auth/session')).body.user.sub, 'bob')
    assert.equal((await t.visitor().get('/auth/session')).body.authenticated, false)
  })

  it('shows what the routes refuse: nobody signed in, a missing scope, a missing claim', async () => {
    const bob = await t.signIn('bob')
    const seen = t.upstream.requests.length

    await t.visitor().get('/api/orders').expect('sallyport-error', 'not_signed_in').expect(401)
    await t.visitor().get('/reports').set(navigation).expect(302)
    await bob.get('/api/orders').expect('sallyport-error', 'insufficient_scope').expect(403)
    await bob.get('/api/ops').expect('sallyport-error', 'claim_missing').expect(403)

    assert.equal(t.upstream.requests.length, seen)
  })

  it('shows which token a route attaches', async () => {
    const alice = await t.signIn('alice')
    const claimsAt = async (path: string) => {
      await alice.get(path).expect(200)
      return t.upstream.requests.at(-1)?.claims
    }

    assert.equal((await claimsAt('/api/stock'))?.aud, orders)
    assert.deepEqual([(await claimsAt('/api/exchanged'))?.aud, (await claimsAt('/api/exchanged'))?.scope], ['stock', 'stock.read'])
    assert.deepEqual([(await claimsAt('/api/own'))?.aud, (await claimsAt('/api/own'))?.sub], ['https://billing.example', 'sallyport'])
    await alice.get('/reports').set(navigation).expect(200)
    assert.equal(t.upstream.requests.at(-1)?.token, null)
    assert.equal(t.upstream.requests.at(-1)?.headers['x-person'], 'Alice')
  })

  it('steps up the browser that is signed in', async () => {
    const alice = await t.signIn('alice')
    const { session } = (await alice.get('/auth/session')).body
    await alice.get('/api/strong').expect('sallyport-error', 'step_up_required').expect(401)

    await t.signIn('alice', { agent: alice, login: { acr_values: 'mfa' } })

    await alice.get('/api/strong').expect(200)
    assert.equal((await alice.get('/auth/session')).body.session.session_id, session.session_id)
  })

  it('lets time pass for the gateway and the provider alike', async () => {
    const alice = await t.signIn('alice')
    await alice.get('/api/orders').expect(200)
    const before = t.upstream.requests.at(-1)

    t.clock.advance(6 * 60_000)
    await alice.get('/api/orders').expect(200)
    const renewed = t.upstream.requests.at(-1)
    t.clock.advance(31 * 60_000)
    const idle = await alice.get('/api/orders').expect(401)
    await t.signIn('alice', { agent: alice })

    assert.notEqual(renewed?.token, before?.token)
    assert.ok(Number(renewed?.claims?.iat) >= Number(before?.claims?.iat) + 360)
    assert.equal(idle.body.code, 'session_idle')
    await alice.get('/api/orders').expect(200)
  })

  it('takes a change of the person into the next token', async () => {
    const alice = await t.signIn('alice')
    alicia.claims = { name: 'Alice', groups: [] }

    t.clock.advance(6 * 60_000)
    await alice.get('/api/orders').expect(200)
    await alice.get('/api/ops').expect('sallyport-error', 'claim_missing')

    alicia.claims = { name: 'Alice', groups: ['ops'] }
  })

  it('has the audit and the log at hand', async () => {
    const bob = await t.signIn('bob')
    await bob.get('/api/ops')
    await bob.post('/auth/logout').set('accept', 'application/json').expect(200)

    const words = t.audit.slice(-3).map(({ event, code }) => code ?? event)
    assert.ok(words.includes('claim_missing') && words.includes('logout'), words.join(' '))
    assert.ok(t.log.some(({ event }) => event === 'request'))
  })

  it('says whom it does not know, and why a sign-in does not go on', async () => {
    await assert.rejects(t.signIn('mallory'), TypeError)
    const strict = await startTestGateway({
      routes: [{ path: '/', access: 'anyone' }],
      people: { eve: { claims: { email: 'eve@example.org', email_verified: true } } },
      config: { identityProviders: { test: { allow: { emailDomains: ['example.com'] } } } },
    })

    await assert.rejects(strict.signIn('eve'), /403 \(access_denied\)/)
    await strict.close()
  })
})

describe('startTestGateway', () => {
  it('puts an application behind the gateway, which can be an Express app', async () => {
    const upstream = express()
    upstream.get('/api/hello', (req, res) => void res.json({ hello: req.get('x-user') }))
    const route = { path: '/api', kind: 'api', identityHeaders: { 'X-User': 'sub' } }
    const t = await startTestGateway({ routes: [route], people: { alice: {} }, upstream })

    const alice = await t.signIn('alice')

    await alice.get('/api/hello').expect(200, { hello: 'alice' })
    await t.close()
  })

  it('takes further sections as a second configuration file', async () => {
    const config = { paths: { base: '/bff' }, session: { idleTimeout: '5m' }, csrf: { mode: 'header' } }
    const t = await startTestGateway({ routes: [{ path: '/', token: 'access', kind: 'api' }], people: { alice: {} }, config })

    const alice = await t.signIn('alice')

    const { session } = (await alice.get('/bff/session')).body
    assert.ok(session.idle_expires_in <= 300)
    await alice.post('/').expect('sallyport-error', 'cross_site_refused')
    await alice.post('/').set('x-csrf', '1').expect(200)
    await t.close()
  })

  it('refuses what the gateway would not start with', async () => {
    await assert.rejects(startTestGateway({ routes: [{ path: 'api' }], people: {} }), { name: 'ConfigError' })
  })
})
