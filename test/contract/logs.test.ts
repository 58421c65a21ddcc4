import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, it } from 'node:test'
import { logFieldNames } from '../../src/ops/fields.ts'
import type { Store } from '../../src/store/store.ts'
import { makeSecrets, startGateway, type TestGateway } from '../support/gateway.ts'
import { type IdentityProvider, startIdentityProvider } from '../support/identity-provider.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'
import { createVisitor } from '../support/visitor.ts'

let idp: IdentityProvider
let upstream: Upstream
let gateway: TestGateway

before(async () => {
  idp = await startIdentityProvider()
  upstream = await startUpstream()
})

after(async () => {
  await upstream.close()
  await idp.close()
})

beforeEach(async t => {
  gateway = await startGateway({ idp, upstream: upstream.origin })
  if ('after' in t) t.after(() => gateway.close())
})

const everything = () => [...gateway.lines, ...gateway.audit]

describe('the log and the audit', () => {
  it('LOG-02 LOG-03 hold known fields alone, each line with its time in UTC', async () => {
    const visitor = createVisitor(gateway)
    await visitor.signIn(idp)
    await visitor.call('/api/orders')

    const known = new Set(['level', 'time', 'service', 'event', ...Object.keys(logFieldNames)])
    assert.ok(everything().length >= 5)
    for (const line of everything()) {
      for (const name of Object.keys(line)) assert.ok(known.has(name), name)
      assert.match(String(line.time), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
    }
  })

  it('LOG-02 tell the request by its id, the person by provider and subject, and the session by its public id', async () => {
    const visitor = createVisitor(gateway)
    await visitor.signIn(idp)
    const { session, user } = await visitor.session()

    const [signIn] = gateway.audit

    assert.equal(signIn?.event, 'sign_in')
    assert.deepEqual([signIn?.provider, signIn?.sub, signIn?.session_id], ['main', user.sub, session.session_id])
    assert.ok(signIn?.request_id)
    assert.equal(signIn?.client_address, '127.0.0.1')
  })

  it('A-130 LOG-05 LOG-03 hold no query, code, state, cookie or secret of a sign-in, even where it fails', async () => {
    const visitor = createVisitor(gateway)
    const callback = await visitor.begin(idp)
    const state = callback.searchParams.get('state') ?? ''
    const tampered = new URL(callback)
    tampered.searchParams.set('state', `${state.slice(0, -4)}AAAA`)
    await visitor.finish(tampered)
    await visitor.finish(callback)
    await visitor.finish(callback)
    await visitor.call('/api/orders?q=query-canary', { headers: { authorization: 'Bearer header-canary', 'x-other': 'other-canary' } })

    const text = JSON.stringify(everything())
    const cookies = [...visitor.jar.values(), ...visitor.setCookies.map(line => line.split(/[=;]/)[1] ?? '')]
    const secrets = cookies.flatMap(value => decodeURIComponent(value).split('.')).filter(part => part.length > 30)
    for (const canary of ['query-canary', 'header-canary', 'other-canary', state, callback.searchParams.get('code') ?? '', ...secrets]) {
      assert.equal(text.includes(canary), false, canary)
    }
  })

  it('LOG-06 refer to a session by what is no part of the credential’s secret', async () => {
    const visitor = createVisitor(gateway)
    await visitor.signIn(idp)
    const [familyId = '', , secret = ''] = decodeURIComponent(visitor.jar.get('__Host-Http-sallyport') ?? '')
      .slice(2)
      .split('.')

    const text = JSON.stringify(everything())

    assert.equal(text.includes(familyId), true)
    assert.equal(text.includes(secret), false)
  })

  it('LOG-04 cannot be forged by what a client sends', async () => {
    // As a socket brings it: bytes above 7F become characters up to U+00FF, C1 controls among them.
    const userAgent = 'x"} {"event":"sign_in"} \u009b2J'
    const lines = gateway.lines.length

    await createVisitor(gateway).call('/api/orders', { headers: { 'user-agent': userAgent } })
    await createVisitor(gateway).call('/api/../x', { headers: { 'x-request-id': 'a b"c' } })

    const added = gateway.lines.slice(lines)
    assert.deepEqual(new Set(added.map(line => line.event)), new Set(['request']))
    assert.equal(gateway.audit.filter(line => line.event === 'sign_in').length, 0)
    assert.equal(JSON.stringify(everything()).includes('\u009b'), false)
  })

  it('LOG-01 leave one event for each refusal, with its code', async () => {
    const visitor = createVisitor(gateway)
    await visitor.signIn(idp)
    const cookie = [...visitor.jar].map(([name, value]) => `${name}=${value}`).join('; ')
    const before = gateway.audit.length

    await visitor.call('/api/orders', { site: 'cross-site', headers: { cookie } })
    await visitor.call('/api/%2e%2e/orders')
    await visitor.call('/', { headers: { host: 'evil.test' } })

    assert.deepEqual(
      gateway.audit.slice(before).map(line => [line.event, line.code]),
      [
        ['refusal', 'cross_site_refused'],
        ['refusal', 'ambiguous_path'],
        ['refusal', 'wrong_authority'],
      ],
    )
  })

  it('WEB-07 LOG-07 say where an unexpected error was thrown, and answer with nothing of it', async () => {
    const secrets = makeSecrets()
    const sound = await startGateway({ idp, secrets })
    const visitor = createVisitor(sound)
    await visitor.signIn(idp)
    const store = { readFamily: () => Promise.reject(new Error('message-canary')) } as unknown as Store
    const broken = await startGateway({ idp, secrets, store })

    const answer = await createVisitor(broken, visitor.jar).call('/api/orders')

    assert.equal(answer.status, 500)
    assert.equal(JSON.stringify([answer.text, answer.headers, broken.lines]).includes('message-canary'), false)
    assert.ok(broken.lines.some(line => line.event === 'unexpected_error' && String(line.error).startsWith('Error at ')))
    await sound.close()
    await broken.close()
  })
})
