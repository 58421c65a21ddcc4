import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, describe, it } from 'node:test'
import type { Response } from 'supertest'
import { createMemoryStore } from '../../src/store/memory.ts'
import { lastSid } from '../support/back-channel.ts'
import { brokenStore } from '../support/broken-store.ts'
import { providerConfig, startGateway, type TestGateway } from '../support/gateway.ts'
import { type IdentityProvider, startIdentityProvider } from '../support/identity-provider.ts'
import { createVisitor, type VisitOptions, type Visitor } from '../support/visitor.ts'

const path = '/auth/frontchannel-logout/main'
/** What a browser sends for a frame in a page of the provider. */
const framed: VisitOptions = { site: 'cross-site', headers: { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'iframe' } }

describe('GET /auth/frontchannel-logout/{provider}', () => {
  let idp: IdentityProvider
  let gateway: TestGateway
  let visitor: Visitor
  let sid: string
  const store = { isAway: false }
  before(async () => {
    idp = await startIdentityProvider({ backChannelUri: 'http://127.0.0.1:9/nobody' })
  })
  after(() => idp.close())
  beforeEach(async () => {
    store.isAway = false
    gateway = await startGateway({ idp, store: brokenStore(createMemoryStore({ now: Date.now }), store) })
    visitor = createVisitor(gateway)
    await visitor.signIn(idp)
    sid = lastSid(idp)
  })
  afterEach(() => gateway.close())

  const isAlive = async (who = visitor) => (await who.session()).authenticated === true
  const query = (iss = idp.issuer, session = sid) => `?${new URLSearchParams({ iss, sid: session })}`
  /** In another browser's frame: no cookie goes along, and none is needed. */
  const frame = (search: string, options: VisitOptions = {}) =>
    createVisitor(gateway).visit(path + search, { ...framed, ...options, headers: { ...framed.headers, ...options.headers } })

  it('FCL-01 FCL-02 ends the session that the provider names, without any cookie', async () => {
    const other = createVisitor(gateway)
    await other.signIn(idp)

    const response = await frame(query())

    assert.equal(response.status, 200)
    assert.equal(response.headers['set-cookie'], undefined)
    assert.deepEqual([await isAlive(), await isAlive(other)], [false, true])
    const lines = gateway.audit.filter(({ event }) => event === 'session_ended' || event === 'provider_logout')
    assert.deepEqual(
      lines.map(({ event, reason, provider }) => [event, reason, provider]),
      [
        ['session_ended', 'front_channel', 'main'],
        ['provider_logout', 'front_channel', 'main'],
      ],
    )
  })

  it('FCL-01 ignores all that does not name issuer and session, once each and exactly, and answers with the same page', async () => {
    const right = query()
    const { issuer } = idp
    const ignored = [
      '',
      '?',
      `?sid=${sid}`,
      `?iss=${encodeURIComponent(issuer)}`,
      query(issuer, ''),
      query('', sid),
      query(`${issuer}/`),
      query(issuer.toUpperCase()),
      query('https://other.example'),
      query(issuer, `${sid}x`),
      query(issuer, 'x'.repeat(256)),
      `${right}&sid=${sid}`,
      `${right}&iss=${encodeURIComponent(issuer)}`,
      `${right}&sid=`,
      `?ISS=${encodeURIComponent(issuer)}&SID=${sid}`,
    ]
    const page = seen(await frame(query(issuer, 'nobody')))
    for (const search of ignored) {
      const response = await frame(search)

      assert.deepEqual(seen(response), page, search)
      assert.equal(await isAlive(), true, search)
    }
    assert.deepEqual(seen(await frame(`${right}&state=x&state=y`)), page)
    assert.equal(await isAlive(), false)
    assert.deepEqual(
      gateway.events().filter(event => event === 'refusal'),
      [],
    )
  })

  it('FCL-01 ends nothing by the name that another provider has for a session', async t => {
    const own = await startGateway({ idp, config: { identityProviders: { main: providerConfig(idp), other: providerConfig(idp) } } })
    t.after(own.close)
    const guest = createVisitor(own)
    await guest.signIn(idp, { query: 'provider=main' })

    await createVisitor(own).visit(`/auth/frontchannel-logout/other${query(idp.issuer, lastSid(idp))}`, framed)
    const isAliveStill = await isAlive(guest)
    await createVisitor(own).visit(path + query(idp.issuer, lastSid(idp)), framed)

    assert.deepEqual([isAliveStill, await isAlive(guest)], [true, false])
  })

  it('FCL-02 may be framed by that provider alone, and nobody keeps it', async () => {
    for (const search of [query(), '']) {
      const { headers, text } = await frame(search, { headers: { origin: 'https://evil.example', referer: 'https://evil.example/' } })

      assert.deepEqual(String(headers['content-security-policy']).split(';'), [
        "default-src 'none'",
        "form-action 'none'",
        "base-uri 'none'",
        `frame-ancestors ${idp.issuer}`,
      ])
      assert.equal(headers['x-frame-options'], undefined)
      assert.equal(headers['cross-origin-resource-policy'], 'cross-origin')
      assert.deepEqual([headers['cache-control'], headers['referrer-policy']], ['no-store', 'no-referrer'])
      assert.match(String(headers['content-type']), /^text\/html; charset=utf-8$/)
      assert.doesNotMatch(text, /<(script|style|img|link|form)\b|alice|sid/i)
    }
  })

  it('does nothing when it is fetched ahead of time, nor by another method', async () => {
    const ahead = await frame(query(), { headers: { 'sec-purpose': 'prefetch' } })
    for (const method of ['HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS'] as const) {
      const response = await frame(query(), { method })
      assert.deepEqual([response.status, response.headers.allow], [405, 'GET'], method)
    }
    for (const name of ['nobody', 'Main', 'main/', ''])
      assert.equal((await createVisitor(gateway).visit(`/auth/frontchannel-logout/${name}${query()}`, framed)).status, 404, name)

    assert.equal(ahead.status, 200)
    assert.equal(await isAlive(), true)
  })

  it('is 503 while the store is away, and the session lives on', async () => {
    store.isAway = true
    const response = await frame(query())
    store.isAway = false

    assert.deepEqual([response.status, response.headers['sallyport-error']], [503, 'store_unavailable'])
    assert.match(String(response.headers['retry-after']), /^\d+$/)
    assert.equal(await isAlive(), true)
  })

  it('BCL-11 A-061 keeps a sign-in out that is under way', async () => {
    const jar = new Map<string, string>()
    await createVisitor(gateway).signIn(idp, { jar })
    const late = createVisitor(gateway)
    const callback = await late.begin(idp, { jar })

    await frame(query(idp.issuer, lastSid(idp)))
    const refused = await late.finish(callback)

    assert.equal(refused.headers['sallyport-error'], 'session_revoked')
    assert.equal(await isAlive(late), false)
  })

  it('BCL-12 leaves few traces in the store, however many sessions are named that there are not; and ends the right one still', async t => {
    const memory = createMemoryStore({ now: Date.now })
    let marks = 0
    const counting = {
      ...memory,
      setMark: (...args: Parameters<typeof memory.setMark>) => {
        marks += 1
        return memory.setMark(...args)
      },
    }
    const own = await startGateway({ idp, store: counting })
    t.after(own.close)
    const guest = createVisitor(own)
    await guest.signIn(idp)
    const stranger = createVisitor(own)

    for (let turn = 0; turn < 200; turn += 1) await stranger.visit(path + query(idp.issuer, `made-up-${turn}`), framed)
    const traces = marks
    await stranger.visit(path + query(idp.issuer, lastSid(idp)), framed)

    assert.equal(traces, 60)
    assert.equal(await isAlive(guest), false)
  })
})

function seen({ status, text, headers }: Response) {
  const { date: _date, 'x-request-id': _id, ...others } = headers
  return { status, text, others }
}
