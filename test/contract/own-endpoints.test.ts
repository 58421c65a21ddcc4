import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import type { Response } from 'supertest'
import { styles } from '../../src/pages/styles.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { type IdentityProvider, startIdentityProvider } from '../support/identity-provider.ts'
import { createVisitor, refreshOf } from '../support/visitor.ts'

const policy = [
  "default-src 'none'",
  `style-src 'sha256-${createHash('sha256').update(styles).digest('base64')}'`,
  "img-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
]

describe('every answer of our endpoints', () => {
  let idp: IdentityProvider
  let gateway: TestGateway
  /** A name for each, good and refused, 2xx to 5xx. */
  const answers = new Map<string, Response>()

  before(async () => {
    idp = await startIdentityProvider()
    gateway = await startGateway({ idp })
    const visitor = createVisitor(gateway)
    const login = await visitor.visit('/auth/login')
    const callback = await idp.signIn(String(login.headers.location))
    const path = callback.pathname + callback.search
    const handOff = await visitor.visit(path, { site: 'cross-site' })
    answers.set('login', login)
    answers.set('bounce', await createVisitor(gateway).visit('/auth/login', { site: 'cross-site' }))
    answers.set('login refused', await visitor.visit('/auth/login?prompt=x'))
    answers.set('login by a script', await visitor.call('/auth/login'))
    answers.set('callback', handOff)
    answers.set('callback replayed', await visitor.visit(path, { site: 'cross-site' }))
    answers.set('callback unknown', await createVisitor(gateway).visit(path, { site: 'cross-site' }))
    answers.set('continue', await visitor.visit(refreshOf(handOff) ?? ''))
    answers.set('continue unknown', await createVisitor(gateway).visit('/auth/continue/x'))
    answers.set('session', await visitor.call('/auth/session'))
    answers.set('session signed out', await createVisitor(gateway).call('/auth/session'))
    answers.set('session from elsewhere', await visitor.call('/auth/session', { site: 'cross-site' }))
    answers.set('account', await visitor.visit('/auth/account'))
    answers.set('account signed out', await createVisitor(gateway).visit('/auth/account'))
    answers.set('sessions', await visitor.call('/auth/sessions'))
    answers.set('sessions signed out', await createVisitor(gateway).call('/auth/sessions'))
    answers.set('no such session', await visitor.call('/auth/sessions/x', { method: 'DELETE' }))
    answers.set('no other session', await visitor.call('/auth/sessions/revoke-others', { method: 'POST' }))
    answers.set('back to the account', await visitor.visit('/auth/sessions/revoke-others', { method: 'POST' }))
    answers.set('confirm sign-out', await visitor.visit('/auth/logout'))
    answers.set('sign-out', await visitor.visit('/auth/logout', { method: 'POST' }))
    answers.set('signed out', await visitor.visit('/auth/logged-out'))
    answers.set('nothing there', await visitor.visit('/auth/nothing'))
    answers.set('wrong method', await visitor.call('/auth/login', { method: 'DELETE' }))
    await idp.stop()
    gateway.clock.advance(25 * 3_600_000)
    answers.set('provider away', await createVisitor(gateway).visit('/auth/login'))
  })
  after(() => Promise.all([idp.close(), gateway.close()]))

  it('has the status that it is to have', () => {
    const statuses = Object.fromEntries([...answers].map(([name, { status }]) => [name, status]))

    assert.deepEqual(statuses, {
      login: 302,
      bounce: 200,
      'login refused': 400,
      'login by a script': 400,
      callback: 200,
      'callback replayed': 400,
      'callback unknown': 400,
      continue: 303,
      'continue unknown': 400,
      session: 200,
      'session signed out': 200,
      'session from elsewhere': 403,
      account: 200,
      'account signed out': 401,
      sessions: 200,
      'sessions signed out': 401,
      'no such session': 404,
      'no other session': 200,
      'back to the account': 303,
      'confirm sign-out': 200,
      'sign-out': 200,
      'signed out': 200,
      'nothing there': 404,
      'wrong method': 405,
      'provider away': 503,
    })
  })

  it('CAC-01 is kept by nobody', () => {
    for (const [name, { headers }] of answers) {
      assert.equal(headers['cache-control'], 'no-store', name)
      assert.equal(headers.etag, undefined, name)
    }
  })

  it('WEB-02 lets nothing run, load or frame, where it is a page', () => {
    const pages = [...answers].filter(([, { headers }]) => String(headers['content-type']).startsWith('text/html'))

    assert.ok(pages.length >= 10)
    for (const [name, { headers }] of pages) {
      assert.deepEqual(String(headers['content-security-policy']).split(';'), policy, name)
      assert.equal(headers['x-frame-options'], 'DENY', name)
    }
  })

  it('WEB-01 WEB-03 WEB-04 WEB-05 says what it is, refers to nothing, and stays on https', () => {
    for (const [name, { headers, text }] of answers) {
      assert.equal(headers['x-content-type-options'], 'nosniff', name)
      assert.equal(headers['referrer-policy'], 'no-referrer', name)
      assert.match(String(headers['strict-transport-security']), /^max-age=31536000; includeSubDomains$/i, name)
      assert.equal(headers['cross-origin-resource-policy'], 'same-origin', name)
      if ((text ?? '') !== '')
        assert.match(String(headers['content-type']), /^(text\/html|application\/(problem\+)?json); charset=utf-8$/, name)
    }
  })

  it('WEB-07 has a request id, and tells neither versions nor what it is made of', () => {
    for (const [name, { headers, text }] of answers) {
      assert.match(String(headers['x-request-id']), /^[\w.-]{8,}$/, name)
      assert.equal(headers['x-powered-by'], undefined, name)
      assert.equal(headers.server, undefined, name)
      assert.doesNotMatch(`${text}${JSON.stringify(headers)}`, /express|node_modules|openid-client|redis|\.ts:\d|at Object\./i, name)
    }
  })

  it('FLOW-14 never sends a form on: redirects are 302 or 303', () => {
    for (const { status, headers } of answers.values()) {
      if (headers.location !== undefined) assert.ok(status === 302 || status === 303)
    }
  })

  it('names its errors in Sallyport-Error, and only errors', () => {
    for (const [name, { status, headers, text }] of answers) {
      const code = headers['sallyport-error']
      assert.equal(code !== undefined, status >= 400, name)
      if (code !== undefined) assert.ok(text.includes(code), name)
    }
  })
})

describe('paths under /auth', () => {
  let gateway: TestGateway
  before(async () => {
    gateway = await startGateway()
  })
  after(() => gateway.close())

  for (const path of [
    '/auth',
    '/auth/',
    '/auth/Login',
    '/auth/login/',
    '/auth/callback',
    '/auth/callback/',
    '/auth/callback/main/x',
    '/auth/continue/',
    '/auth/backchannel-logout',
    '/auth/frontchannel-logout/',
  ]) {
    it(`have nothing at ${path}`, async () => {
      const response = await createVisitor(gateway).visit(path)

      assert.equal(response.status, 404)
      assert.equal(response.headers['sallyport-error'], 'no_route')
    })
  }

  const allowed = {
    '/auth/login': 'GET',
    '/auth/callback/main': 'GET',
    '/auth/continue/x': 'GET',
    '/auth/session': 'GET, HEAD',
    '/auth/session/refresh': 'POST',
    '/auth/logout': 'GET, HEAD, POST',
    '/auth/logged-out': 'GET, HEAD',
    '/auth/frontchannel-logout/main': 'GET',
  }
  for (const [path, allow] of Object.entries(allowed)) {
    it(`take ${allow} at ${path}, and HEAD only where GET changes nothing`, async () => {
      const visitor = createVisitor(gateway)
      for (const method of ['HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS'] as const) {
        const response = await visitor.call(path, { method })

        if (allow.includes(method)) assert.equal(response.status, 200, method)
        else {
          assert.equal(response.status, 405, method)
          assert.equal(response.headers.allow, allow)
        }
      }
      assert.deepEqual(
        visitor.setCookies.filter(line => line.includes('.attempt.')),
        [],
      )
    })
  }

  it('refuse a form that a person submits on a page, and a script’s by a problem document', async () => {
    const visitor = createVisitor(gateway)
    const post = { method: 'POST', site: 'cross-site', body: 'a=b' } as const

    const byForm = await visitor.visit('/auth/logout', post)
    const byScript = await visitor.call('/auth/logout', post)

    assert.deepEqual([byForm.status, byScript.status], [403, 403])
    assert.match(String(byForm.headers['content-type']), /^text\/html/)
    assert.match(String(byScript.headers['content-type']), /^application\/problem\+json/)
  })

  it('CSRF-08 know no method but the one of the request', async () => {
    const response = await createVisitor(gateway).call('/auth/login?_method=POST', { headers: { 'x-http-method-override': 'POST' } })

    assert.equal(response.headers['sallyport-error'], 'navigation_required')
  })
})
