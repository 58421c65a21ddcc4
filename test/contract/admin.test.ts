import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import request from 'supertest'
import { compileConfig } from '../../src/config/compile.ts'
import { createGateway } from '../../src/gateway.ts'
import { type AdminPort, alice, makeSession, makeToken, startAdminPort, storeAway } from '../support/admin-port.ts'
import { makeSecrets, providerConfig, sessionConfig } from '../support/gateway.ts'

const ofAlice = '/admin/sessions?provider=main&sub=alice'

let admin: AdminPort

beforeEach(async () => {
  admin = await startAdminPort()
})

afterEach(() => admin.close())

/** A call as an administrator's program makes it. */
function call(path: string, init: RequestInit = {}): Promise<Response> {
  return fetch(admin.url + path, { ...init, headers: { authorization: `Bearer ${admin.token}`, ...init.headers } })
}

async function refusalOf(response: Response): Promise<[status: number, code: string | null]> {
  const problem = (await response.json()) as { code: string; status: number }
  assert.equal(response.headers.get('content-type'), 'application/problem+json; charset=utf-8')
  assert.deepEqual([problem.code, problem.status], [response.headers.get('sallyport-error'), response.status])
  return [response.status, problem.code]
}

describe('GET /admin/sessions', () => {
  it('lists the sessions of one user, with the children of each', async () => {
    const child = makeSession({ sessionId: 'AAAA.1', device: '', scopes: ['orders.read'], acr: 'urn:example:mfa' })
    const root = makeSession({ sessionId: 'AAAA', children: [child] })
    admin.sessions.living = [root, makeSession({ sub: 'bob' }), makeSession({ provider: 'partner' })]

    const response = await call(ofAlice)

    assert.equal(response.status, 200)
    assert.equal(response.headers.get('content-type'), 'application/json; charset=utf-8')
    const shared = {
      kind: 'browser',
      origin: 'https://app.example.test',
      address: '192.0.2.7',
      created_at: '2026-11-22T09:00:00Z',
      auth_time: '2026-11-22T08:59:58Z',
      amr: [],
      last_used_at: '2026-11-22T11:55:00Z',
      idle_expires_at: '2026-11-22T12:25:00Z',
      absolute_expires_at: '2026-11-22T21:00:00Z',
    }
    const listedChild = {
      ...shared,
      session_id: 'AAAA.1',
      device: '',
      scopes: ['orders.read'],
      acr: 'urn:example:mfa',
      children: [],
    }
    assert.deepEqual(await response.json(), {
      sessions: [
        {
          ...shared,
          session_id: 'AAAA',
          device: 'Firefox on Linux',
          scopes: ['openid', 'orders.read'],
          acr: null,
          children: [listedChild],
        },
      ],
    })
  })

  it('keeps the order of the sessions, and has an empty list for a user who has none', async () => {
    const [newest, oldest] = [makeSession(), makeSession()]
    admin.sessions.living = [newest, oldest]

    const [some, none] = await Promise.all([call(ofAlice), call('/admin/sessions?provider=main&sub=nobody')])

    const { sessions } = (await some.json()) as { sessions: { session_id: string }[] }
    assert.deepEqual(
      sessions.map(session => session.session_id),
      [newest.sessionId, oldest.sessionId],
    )
    assert.deepEqual([none.status, await none.json()], [200, { sessions: [] }])
  })

  it('reads both names as a form encodes them', async () => {
    const sub = 'auth0|a b+ü&sub=x'
    admin.sessions.living = [makeSession({ sub })]

    const response = await call(`/admin/sessions?${new URLSearchParams({ sub, provider: 'main' })}`)

    assert.equal(((await response.json()) as { sessions: unknown[] }).sessions.length, 1)
  })

  it('answers HEAD without a body, and ends nothing', async () => {
    admin.sessions.living = [makeSession()]

    const response = await call(ofAlice, { method: 'HEAD' })

    assert.deepEqual([response.status, await response.text(), admin.sessions.living.length], [200, '', 1])
  })
})

describe('DELETE /admin/sessions/{session_id}', () => {
  it('ends that one', async () => {
    const [one, other] = [makeSession(), makeSession()]
    admin.sessions.living = [one, other]

    const response = await call(`/admin/sessions/${one.sessionId}`, { method: 'DELETE' })

    assert.deepEqual([response.status, await response.text()], [204, ''])
    assert.equal(response.headers.get('content-type'), null)
    assert.deepEqual(admin.sessions.living, [other])
  })

  it('takes the id of a session that was delegated', async () => {
    admin.sessions.living = [makeSession({ sessionId: 'AAAA-_0.1' })]

    assert.equal((await call('/admin/sessions/AAAA-_0.1', { method: 'DELETE' })).status, 204)
  })

  it('is 404 when there is none, or none any more', async () => {
    const { sessionId } = makeSession()

    assert.deepEqual(await refusalOf(await call(`/admin/sessions/${sessionId}`, { method: 'DELETE' })), [404, 'no_route'])
    assert.equal(admin.sessions.asked, 1)
  })

  it('does not ask the store for what can be no id', async () => {
    for (const id of ['', 'a.b.c', '.1', 'a.', 'a%20b', 'a~b', 'x'.repeat(65), '%41AAA', 'a/b'])
      assert.deepEqual(await refusalOf(await call(`/admin/sessions/${id}`, { method: 'DELETE' })), [404, 'no_route'], id)

    assert.equal(admin.sessions.asked, 0)
  })

  it('refuses one who names a user as well', async () => {
    const session = makeSession()
    admin.sessions.living = [session]

    const response = await call(`/admin/sessions/${session.sessionId}?provider=main&sub=alice`, { method: 'DELETE' })

    assert.deepEqual(await refusalOf(response), [400, 'bad_request'])
    assert.deepEqual(admin.sessions.living, [session])
  })
})

describe('DELETE /admin/sessions', () => {
  it('ends all sessions of one user, and says how many', async () => {
    const bobs = makeSession({ sub: 'bob' })
    admin.sessions.living = [makeSession(), bobs, makeSession()]

    const [first, second] = [await call(ofAlice, { method: 'DELETE' }), await call(ofAlice, { method: 'DELETE' })]

    assert.deepEqual([first.status, await first.json()], [200, { revoked: 2 }])
    assert.deepEqual(await second.json(), { revoked: 0 })
    assert.deepEqual(admin.sessions.living, [bobs])
  })
})

describe('a call of the admin port', () => {
  const queries = [
    ['', 'parameter_missing'],
    ['?provider=main', 'parameter_missing'],
    ['?sub=alice', 'parameter_missing'],
    ['?provider=main&sub=', 'parameter_missing'],
    ['?provider=main&Sub=alice', 'parameter_missing'],
    ['?provider=main&sub=alice&sub=bob', 'parameter_repeated'],
    ['?provider=main&provider=main&sub=alice', 'parameter_repeated'],
    ['?provider=main&sub=alice&all=true', 'parameter_unknown'],
    ['?provider=main&sub=alice&__proto__=x', 'parameter_unknown'],
  ] as const
  for (const [query, reason] of queries) {
    it(`ends nobody's sessions for ${query === '' ? 'no query' : query}`, async () => {
      admin.sessions.living = [makeSession()]

      for (const method of ['GET', 'DELETE'])
        assert.deepEqual(await refusalOf(await call(`/admin/sessions${query}`, { method })), [400, 'bad_request'])

      assert.equal(admin.sessions.asked, 0)
      assert.deepEqual(
        admin.audit.map(line => line.reason),
        [reason, reason],
      )
    })
  }

  it('names the methods that it takes', async () => {
    for (const [path, method, allow] of [
      [ofAlice, 'POST', 'GET, HEAD, DELETE'],
      [ofAlice, 'OPTIONS', 'GET, HEAD, DELETE'],
      ['/admin/sessions/AAAA', 'GET', 'DELETE'],
      ['/admin/sessions/AAAA', 'PUT', 'DELETE'],
    ] as const) {
      const response = await call(path, { method })

      assert.equal(response.headers.get('allow'), allow)
      assert.deepEqual(await refusalOf(response), [405, 'method_not_allowed'])
    }
    assert.equal(admin.sessions.asked, 0)
  })

  it('is 404 anywhere else', async () => {
    for (const path of ['/', '/admin', '/admin/', '/admin/session', '/Admin/sessions', '/admin/sessionsx', '/health'])
      assert.deepEqual(await refusalOf(await call(path)), [404, 'no_route'], path)
  })

  it('is 503 while the store is away, and never says that there is no session', async () => {
    admin.sessions.living = [makeSession({ sessionId: 'AAAA' })]
    admin.sessions.failure = storeAway()

    for (const [path, method] of [
      [ofAlice, 'GET'],
      [ofAlice, 'DELETE'],
      ['/admin/sessions/AAAA', 'DELETE'],
    ] as const) {
      const response = await call(path, { method })

      assert.equal(response.headers.get('retry-after'), '2')
      assert.deepEqual(await refusalOf(response), [503, 'store_unavailable'])
    }
    assert.deepEqual(
      admin.audit.map(({ outcome, code, key_id }) => [outcome, code, key_id]),
      Array(3).fill(['failed', 'store_unavailable', 'ops']),
    )
    assert.equal(admin.lines.filter(line => line.event === 'request_failed').length, 3)
  })

  it('tells nothing of a bug of ours', async () => {
    admin.sessions.failure = new TypeError('a detail that is nobody else’s')

    const response = await call(ofAlice)

    const text = await response.text()
    assert.equal(response.status, 500)
    assert.doesNotMatch(text, /detail/)
    assert.deepEqual([admin.audit[0]?.outcome, admin.audit[0]?.status], ['failed', 500])
    assert.ok(admin.lines.some(line => line.event === 'unexpected_error'))
  })

  it('is never kept, never sniffed, and sets no cookie, whatever the answer', async () => {
    admin.sessions.living = [makeSession({ sessionId: 'AAAA' })]
    const answers = [
      await call(ofAlice),
      await call('/admin/sessions/AAAA', { method: 'DELETE' }),
      await call('/nowhere'),
      await fetch(admin.url + ofAlice),
    ]
    admin.sessions.failure = new TypeError('a bug')
    answers.push(await call(ofAlice))

    assert.deepEqual(
      answers.map(({ status }) => status),
      [200, 204, 404, 401, 500],
    )
    for (const { headers } of answers) {
      assert.equal(headers.get('cache-control'), 'no-store')
      assert.equal(headers.get('x-content-type-options'), 'nosniff')
      assert.equal(headers.get('set-cookie'), null)
      assert.match(headers.get('x-request-id') ?? '', /^[0-9a-f-]{36}$/)
    }
  })
})

describe('the audit of the admin port', () => {
  it('LOG-01 has one line for each call: who, what, whom', async () => {
    admin.sessions.living = [makeSession({ sessionId: 'AAAA' }), makeSession()]
    const asHelpdesk = { headers: { authorization: `Bearer ${admin.otherToken}` } }

    await call(ofAlice, asHelpdesk)
    await call('/admin/sessions/AAAA', { method: 'DELETE' })
    await call('/admin/sessions/AAAA', { method: 'DELETE' })
    await call(ofAlice, { method: 'DELETE' })

    const shown = admin.audit.map(({ event, reason, key_id, outcome, code, provider, sub, session_id }) => ({
      ...{ event, reason, key_id, outcome, code, provider, sub, session_id },
    }))
    const none = { code: undefined, provider: undefined, sub: undefined, session_id: undefined }
    assert.deepEqual(shown, [
      { ...none, event: 'admin', reason: 'list_sessions', key_id: 'helpdesk', outcome: 'ok', ...alice },
      { ...none, event: 'admin', reason: 'end_session', key_id: 'ops', outcome: 'ok', session_id: 'AAAA' },
      { ...none, event: 'admin', reason: 'end_session', key_id: 'ops', outcome: 'refused', code: 'no_route', session_id: 'AAAA' },
      { ...none, event: 'admin', reason: 'end_sessions', key_id: 'ops', outcome: 'ok', ...alice },
    ])
    assert.deepEqual(
      admin.audit.map(({ method, route, client_address }) => [method, route, client_address]),
      [
        ['GET', '/admin/sessions', '127.0.0.1'],
        ['DELETE', '/admin/sessions/:session_id', '127.0.0.1'],
        ['DELETE', '/admin/sessions/:session_id', '127.0.0.1'],
        ['DELETE', '/admin/sessions', '127.0.0.1'],
      ],
    )
  })

  it('LOG-01 has the calls that were not let in, from where the socket says', async () => {
    await fetch(admin.url + ofAlice, { headers: { authorization: 'Bearer wrong', 'x-forwarded-for': '203.0.113.9' } })

    const [line, ...more] = admin.audit
    assert.deepEqual([line?.event, line?.outcome, line?.code, line?.key_id], ['admin', 'refused', 'not_signed_in', undefined])
    assert.equal(line?.client_address, '127.0.0.1')
    assert.deepEqual(more, [])
  })
})

describe('a gateway', () => {
  const secrets = { ...makeSecrets(), CLIENT_SECRET: makeToken(), ADMIN_TOKEN: makeToken() }

  function create(sections: Record<string, unknown>) {
    const config = compileConfig(
      {
        origins: ['https://app.example.test'],
        identityProviders: { main: providerConfig(undefined) },
        session: sessionConfig(),
        routes: [{ path: '/api', upstream: 'http://127.0.0.1:9' }],
        log: { level: 'silent' },
        audit: { output: { file: '/dev/null' } },
        ...sections,
      },
      { env: secrets },
    )
    return createGateway(config)
  }

  it('has an admin port only where the configuration has the section', async () => {
    const without = create({})
    const gateway = create({ admin: { tokens: [{ id: 'ops', env: 'ADMIN_TOKEN' }] } })

    const response = await request(gateway.adminHandler ?? assert.fail('no admin port'))
      .get(ofAlice)
      .set('authorization', `Bearer ${secrets.ADMIN_TOKEN}`)

    assert.deepEqual([response.status, response.body], [200, { sessions: [] }])
    assert.equal(without.adminHandler, null)
    await Promise.all([gateway.close(), without.close()])
  })

  it('WEB-10 has none of it on the public port, the token or not', async () => {
    const gateway = create({ admin: { tokens: [{ id: 'ops', env: 'ADMIN_TOKEN' }] } })

    const response = await request(gateway.app)
      .get(ofAlice)
      .set({ host: 'app.example.test', authorization: `Bearer ${secrets.ADMIN_TOKEN}` })

    assert.deepEqual([response.status, response.body.code], [404, 'no_route'])
    assert.equal(admin.sessions.asked, 0)
    await gateway.close()
  })
})
