import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, describe, it } from 'node:test'
import type { Response } from 'supertest'
import { createMemoryStore } from '../../src/store/memory.ts'
import { brokenStore } from '../support/broken-store.ts'
import { eventually } from '../support/eventually.ts'
import { sessionConfig, startGateway, type TestGateway } from '../support/gateway.ts'
import { type IdentityProvider, startIdentityProvider } from '../support/identity-provider.ts'
import { firstResponse, openSocket, readToEnd, readUntil } from '../support/raw-http.ts'
import { idOf, listedIds, refused, signIn } from '../support/sessions.ts'
import type { Visitor } from '../support/visitor.ts'

const cleared = '__Host-Http-sallyport=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Strict'
/** A browser that knows no Fetch Metadata and posts a form of a page that sends no referrer. */
const oldBrowser = { origin: 'null', 'sec-fetch-site': null, 'sec-fetch-mode': null, 'sec-fetch-dest': null, 'sec-fetch-user': null }

let idp: IdentityProvider
let gateway: TestGateway
let visitor: Visitor
let other: Visitor
before(async () => {
  idp = await startIdentityProvider()
})
beforeEach(async () => {
  gateway = await startGateway({ idp })
  visitor = await signIn(gateway, idp)
  other = await signIn(gateway, idp)
})
afterEach(() => gateway.close())
after(() => idp.close())

describe('revoking one session', () => {
  it('SES-13 ends it with the next request, and only it', async () => {
    const third = await signIn(gateway, idp)

    const response = await visitor.call(await pathOf(other), { method: 'DELETE' })
    const api = await other.call('/api/orders')

    assert.equal(response.status, 204)
    assert.equal(response.text, '')
    assert.equal(response.headers['set-cookie'], undefined)
    assert.deepEqual([api.status, api.body.code], [401, 'session_revoked'])
    assert.equal((await other.session()).reason, 'revoked')
    assert.deepEqual(await listedIds(visitor), [await idOf(third), await idOf(visitor)])
    const line = gateway.audit.findLast(({ event }) => event === 'session_ended')
    assert.deepEqual([line?.reason, line?.sub, typeof line?.session_id], ['revoked', 'a1', 'string'])
  })

  it('is the same by POST: 204 for a program, back to the account page for a form', async () => {
    const third = await signIn(gateway, idp)

    const program = await visitor.call(`${await pathOf(other)}/revoke`, { method: 'POST', headers: { accept: 'text/html' } })
    const form = await visitor.visit(`${await pathOf(third)}/revoke`, { method: 'POST', body: `form_token=${await formToken(visitor)}` })

    assert.deepEqual([program.status, program.text], [204, ''])
    assert.deepEqual([form.status, form.headers.location, form.headers['set-cookie']], [303, '/auth/account', undefined])
    assert.deepEqual(await listedIds(visitor), [await idOf(visitor)])
  })

  it('answers alike for another user’s session, an ended one, an unknown one and what is no id', async () => {
    const bob = await signIn(gateway, idp, { user: 'bob' })
    const left = await signIn(gateway, idp)
    const ids = [
      await idOf(bob),
      await idOf(left),
      'A'.repeat(22),
      'x',
      `${await idOf(other)}.0`,
      '%41'.repeat(22),
      `${await idOf(other)}x`,
    ]
    await left.call('/auth/logout', { method: 'POST' })

    const answers: string[] = []
    for (const id of ids) {
      const byDelete = await visitor.call(`/auth/sessions/${id}`, { method: 'DELETE' })
      const byPost = await visitor.call(`/auth/sessions/${id}/revoke`, { method: 'POST' })
      const form = await visitor.visit(`/auth/sessions/${id}/revoke`, { method: 'POST' })
      for (const answer of [byDelete, byPost]) refused(answer, 404, 'no_route')
      answers.push([byDelete, byPost, form].map(essence).join())
    }

    assert.equal(new Set(answers).size, 1)
    assert.match(answers[0] ?? '', /303.*\/auth\/account/)
    for (const one of [bob, other]) assert.equal((await one.session()).authenticated, true)
  })

  it('does not take an id that is written another way for the session', async () => {
    const id = await idOf(other)
    const encoded = `%${id.charCodeAt(0).toString(16)}${id.slice(1)}`

    refused(await visitor.call(`/auth/sessions/${encoded}`, { method: 'DELETE' }), 404, 'no_route')
    assert.equal((await visitor.call(`/auth/sessions/${id}/`, { method: 'DELETE' })).status, 404)

    assert.equal((await other.session()).authenticated, true)
  })

  it('REV-01 signs out here when it is the own one: cookie and storage go, the tokens go back', async () => {
    const path = await pathOf(visitor)
    const had = idp.revocations.length

    const response = await visitor.call(path, { method: 'DELETE' })
    const hint = await eventually(() => idp.revocations[had]?.hint)

    assert.equal(response.status, 204)
    assert.deepEqual(response.headers['set-cookie'], [cleared])
    assert.equal(response.headers['clear-site-data'], '"cache", "storage"')
    assert.equal(hint, 'refresh_token')
    assert.equal(gateway.audit.findLast(({ event }) => event === 'logout')?.outcome, 'ok')
    assert.equal((await other.session()).authenticated, true)
  })

  it('leads a form that signs out here to the page that says so', async () => {
    const response = await visitor.visit(`${await pathOf(visitor)}/revoke`, { method: 'POST' })

    assert.deepEqual([response.status, response.headers.location], [303, '/auth/logged-out'])
    assert.deepEqual(response.headers['set-cookie'], [cleared])
    assert.equal((await visitor.session()).authenticated, false)
  })

  it('CSRF-04 CSRF-10 takes Origin: null only with the token of a form made for this very session', async () => {
    const path = `${await pathOf(other)}/revoke`
    const old = await formToken(visitor)
    await visitor.signIn(idp, { query: 'prompt=login' })
    const [own, foreign] = [await formToken(visitor), await formToken(other)]
    const post = (body: string) => visitor.visit(path, { method: 'POST', headers: oldBrowser, body })

    for (const token of ['', 'x', old, foreign]) refused(await post(`form_token=${token}`), 403, 'cross_site_refused')
    const stillThere = (await other.session()).authenticated
    const accepted = await post(`form_token=${own}`)

    assert.equal(stillThere, true)
    assert.equal(accepted.status, 303)
    assert.equal((await other.session()).authenticated, false)
  })

  it('CSRF-01 asks a script for X-CSRF in header mode, and a form for its token', async t => {
    const own = await startGateway({ idp, config: { csrf: { mode: 'header' } } })
    t.after(own.close)
    const [first, second] = [await signIn(own, idp), await signIn(own, idp)]
    const path = `${await pathOf(second)}/revoke`

    refused(await first.call(path, { method: 'POST' }), 403, 'cross_site_refused')
    refused(await first.visit(path, { method: 'POST' }), 403, 'cross_site_refused')
    const form = await first.visit(path, { method: 'POST', body: `form_token=${await formToken(first)}` })
    const script = await first.call('/auth/sessions/revoke-others', { method: 'POST', headers: { 'x-csrf': '1' } })

    assert.deepEqual([form.status, script.status, script.body.revoked], [303, 200, 0])
  })
})

describe('a store that goes away when a session is to be ended', () => {
  it('is 503: nobody is told of an end that has not come, and the cookie stays', async t => {
    const state = { isAway: false, verbs: ['endFamily'] }
    const own = await startGateway({ idp, store: brokenStore(createMemoryStore({ now: Date.now }), state) })
    t.after(own.close)
    const [first, second] = [await signIn(own, idp), await signIn(own, idp)]
    const paths = [await pathOf(first), await pathOf(second)]

    state.isAway = true
    for (const path of paths) {
      refused(await first.call(path, { method: 'DELETE' }), 503, 'store_unavailable')
      refused(await first.visit(`${path}/revoke`, { method: 'POST' }), 503, 'store_unavailable')
    }
    refused(await first.call('/auth/sessions/revoke-others', { method: 'POST' }), 503, 'store_unavailable')
    state.isAway = false

    for (const one of [first, second]) assert.equal((await one.session()).authenticated, true)
  })
})

describe('POST /auth/sessions/revoke-others', () => {
  it('SES-13 RPL-08 ends all sessions of the user but the own one, and nobody else’s', async () => {
    const third = await signIn(gateway, idp)
    const bob = await signIn(gateway, idp, { user: 'bob' })

    const response = await visitor.call('/auth/sessions/revoke-others', { method: 'POST' })

    assert.deepEqual([response.status, response.body], [200, { revoked: 2 }])
    for (const one of [other, third]) assert.equal((await one.call('/api/orders')).status, 401)
    for (const one of [visitor, bob]) assert.equal((await one.session()).authenticated, true)
  })

  it('counts none the second time, and leads a form back to the account page', async () => {
    const form = await visitor.visit('/auth/sessions/revoke-others', { method: 'POST' })
    const again = await visitor.call('/auth/sessions/revoke-others', { method: 'POST' })

    assert.deepEqual([form.status, form.headers.location], [303, '/auth/account'])
    assert.deepEqual(again.body, { revoked: 0 })
    assert.equal((await other.session()).authenticated, false)
  })

  it('RPL-08 gives the tokens of all of them back where the gateway can open them', async t => {
    const own = await startGateway({ idp, config: { session: sessionConfig({ sealing: 'gateway' }) } })
    t.after(own.close)
    const [first] = [await signIn(own, idp), await signIn(own, idp), await signIn(own, idp)]
    const had = idp.revocations.length

    const refreshTokens = () => idp.revocations.slice(had).filter(({ hint }) => hint === 'refresh_token')

    await first.call('/auth/sessions/revoke-others', { method: 'POST' })
    await eventually(() => refreshTokens().length >= 2)
    await own.close()

    assert.equal(new Set(refreshTokens().map(({ token }) => token)).size, 2)
  })

  for (const path of ['/auth/sessions/revoke-others', '/auth/logout']) {
    it(`does not let a session that has ended end others by a request that it held back: ${path}`, async () => {
      const cookie = [...visitor.jar].map(pair => pair.join('=')).join('; ')
      const head = [
        `POST ${path} HTTP/1.1`,
        `Host: ${gateway.host}`,
        `Cookie: ${cookie}`,
        'Sec-Fetch-Site: same-origin',
        'Connection: close',
      ]
      const body = 'everywhere=true'
      const framing = ['Content-Type: application/x-www-form-urlencoded', `Content-Length: ${body.length}`, 'Expect: 100-continue']
      const socket = await openSocket(gateway.port)
      socket.write(`${[...head, ...framing].join('\r\n')}\r\n\r\n`)
      await readUntil(socket, text => text.includes('100 Continue'))

      await other.call(await pathOf(visitor), { method: 'DELETE' })
      socket.write(body)
      const answer = firstResponse(await readToEnd(socket))

      assert.equal(answer.status, path === '/auth/logout' ? 200 : 401)
      assert.equal((await other.session()).authenticated, true)
    })
  }
})

async function pathOf(one: Visitor): Promise<string> {
  return `/auth/sessions/${await idOf(one)}`
}

async function formToken(one: Visitor): Promise<string> {
  const page = await one.visit('/auth/account')
  return /name="form_token" value="([\w-]+)"/.exec(page.text)?.[1] ?? assert.fail('no form')
}

/** All of an answer but what is different each time. */
function essence({ status, headers, text }: Response): string {
  const { date: _date, 'x-request-id': id, 'content-length': _length, ...rest } = headers
  return JSON.stringify([status, rest, text.replaceAll(String(id), '')])
}
