import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { matchingCode } from '../../src/native/matching-code.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { type IdentityProvider, startIdentityProvider } from '../support/identity-provider.ts'
import {
  answerOf,
  arrive,
  authorizePath,
  call,
  createRun,
  decide,
  nativeClients,
  reachApproval,
  redeem,
  tickedScopes,
} from '../support/native-client.ts'
import { createVisitor, refreshOf } from '../support/visitor.ts'

describe('the approval of a native client', () => {
  let idp: IdentityProvider
  let gateway: TestGateway
  before(async () => {
    idp = await startIdentityProvider()
    const odd = {
      name: '<b>Bold</b> & "quoted"',
      redirects: ['loopback', 'https://tool.example/cb', 'com.example.tool:/done'],
      scopes: ['orders.read'],
    }
    gateway = await startGateway({ idp, config: { native: { clients: { ...nativeClients, odd } } } })
  })
  after(() => Promise.all([idp.close(), gateway.close()]))

  it('NAT-15 A-088 is asked every time, though the person is signed in here and has said yes before', async () => {
    const visitor = createVisitor(gateway)
    await visitor.signIn(idp)
    const before = await visitor.session()
    for (let times = 0; times < 2; times += 1) {
      const { page } = await reachApproval(visitor, idp, createRun())

      assert.equal(page.status, 200)
      assert.equal(refreshOf(page), null)
      assert.match(page.text, /name="decision" value="approve"/)
    }
    const after = await visitor.session()
    assert.equal(after.session.session_id, before.session.session_id)
    assert.equal(after.session.idle_expires_at, before.session.idle_expires_at)
  })

  it('NAT-15 A-089 says who asks, for whom, for what and until when, where the answer goes, and what to beware of', async () => {
    const run = createRun({ resource: `${gateway.origin}/api/orders` })

    const { page } = await reachApproval(createVisitor(gateway), idp, run)

    for (const shown of [
      'Orders CLI',
      'cli',
      'Alice Adams',
      'orders.read',
      `${gateway.origin}/api/orders`,
      'this computer, port 51004',
      'nobody has checked',
    ]) {
      assert.ok(page.text.includes(shown), shown)
    }
    assert.ok(page.text.includes(`<strong>${matchingCode(run.params.code_challenge ?? '')}</strong>`))
    assert.match(page.text, /only if you yourself have just started it/)
    assert.match(page.text, /Not you\?/)
  })

  it('NAT-16 escapes the name of a client, and names a site or an application where the answer leaves this computer', async () => {
    const pages = []
    for (const redirect_uri of ['https://tool.example/cb', 'com.example.tool:/done']) {
      pages.push((await reachApproval(createVisitor(gateway), idp, createRun({ client_id: 'odd', redirect_uri }))).page.text)
    }
    assert.ok(pages.every(text => text.includes('&lt;b&gt;Bold&lt;/b&gt; &amp; &quot;quoted&quot;') && !text.includes('<b>')))
    assert.match(pages[0] ?? '', /<dd>tool\.example<\/dd>/)
    assert.match(pages[1] ?? '', /<dd>com\.example\.tool:<\/dd>/)
  })

  it('NAT-16 A-052 cannot be framed, and nothing runs on it', async () => {
    const { page } = await reachApproval(createVisitor(gateway), idp, createRun())

    assert.match(String(page.headers['content-security-policy']), /default-src 'none'.*form-action 'self'.*frame-ancestors 'none'/)
    assert.equal(page.headers['x-frame-options'], 'DENY')
    assert.equal(page.headers['cross-origin-opener-policy'], 'same-origin')
    assert.ok(!page.text.includes('<script'))
  })

  it('NAT-16 is answered by a page of our own origin alone, with the token of its form', async () => {
    const visitor = createVisitor(gateway)
    const approval = await reachApproval(visitor, idp, createRun())
    const formToken = /name="form_token" value="([^"]*)"/.exec(approval.page.text)?.[1] ?? ''
    const body = (token: string) => new URLSearchParams({ form_token: token, decision: 'approve', scope: 'orders.read' }).toString()
    const send = (token: string, options = {}) => visitor.visit(approval.path, { method: 'POST', body: body(token), ...options })

    const refused = [
      await send(formToken, { site: 'same-site' }),
      await send(formToken, { headers: { 'sec-fetch-site': 'cross-site' } }),
      await send(formToken, {
        headers: { 'sec-fetch-site': null, 'sec-fetch-mode': null, 'sec-fetch-dest': null, origin: 'https://evil.example' },
      }),
      await send('a'.repeat(43)),
      await send(''),
    ]
    const framed = await send(formToken, { headers: { 'sec-fetch-dest': 'iframe' } })

    assert.deepEqual(
      refused.map(({ status, headers }) => [status, headers['sallyport-error']]),
      refused.map(() => [403, 'cross_site_refused']),
    )
    assert.equal(framed.status, 400)
    // None of them has spent it.
    assert.equal(answerOf(await send(formToken)).searchParams.has('code'), true)
  })

  it('NAT-16 is answered once: a second answer gives no second code, and reloading the page asks no more', async () => {
    const visitor = createVisitor(gateway)
    const approval = await reachApproval(visitor, idp, createRun())
    const jar = new Map(visitor.jar)

    const answers = await Promise.all(Array.from({ length: 20 }, () => decide(createVisitor(gateway, new Map(jar)), approval, 'approve')))
    const again = await decide(createVisitor(gateway, jar), approval, 'approve')

    assert.equal(answers.filter(({ text }) => text.includes('?code=')).length, 1)
    assert.deepEqual([again.status, again.headers['sallyport-error']], [400, 'attempt_replayed'])
    assert.ok(gateway.events().includes('replay'))
  })

  it('NAT-14 A-014 goes on only in the browser that began it: neither the callback nor the approval does elsewhere', async () => {
    const [one, other] = [createVisitor(gateway), createVisitor(gateway)]
    const begun = await one.visit(authorizePath(createRun()), { site: 'none' })
    const callback = await idp.signIn(String(begun.headers.location))

    const elsewhere = await other.visit(callback.pathname + callback.search, { site: 'cross-site' })
    const approval = await arrive(one, callback)
    const borrowed = await other.visit(approval.path)
    const decided = await decide(other, approval, 'approve')

    for (const response of [elsewhere, borrowed, decided]) {
      assert.deepEqual([response.status, response.headers['sallyport-error']], [400, 'attempt_unknown'])
    }
    assert.equal(approval.page.status, 200)
  })

  it('NAT-14 takes no sign-in of a browser, and a browser session comes of none of its own', async () => {
    const visitor = createVisitor(gateway)
    const native = await reachApproval(visitor, idp, createRun())
    const callback = await visitor.begin(idp)
    const handOff = await visitor.visit(callback.pathname + callback.search, { site: 'cross-site' })
    const attempt = (refreshOf(handOff) ?? '').slice('/auth/continue/'.length)

    const asApproval = await visitor.visit(`/oauth/approve/${attempt}`)
    const asSession = await visitor.visit(`/auth/continue/${native.path.slice('/oauth/approve/'.length)}`)

    assert.equal(asApproval.headers['sallyport-error'], 'attempt_unknown')
    assert.equal(asSession.headers['sallyport-error'], 'attempt_unknown')
    assert.equal((await visitor.session()).authenticated, false)
  })

  it('lets the person take scopes away, and gives the handle no more than was left', async () => {
    const visitor = createVisitor(gateway)
    const run = createRun({ scope: 'sessions orders.read' })
    const approval = await reachApproval(visitor, idp, run)
    assert.deepEqual(tickedScopes(approval.page), ['sessions', 'orders.read'])

    const answer = answerOf(await decide(visitor, approval, 'approve', ['orders.read']))
    const { body } = await redeem(gateway, run, answer.searchParams.get('code') ?? '')

    assert.equal(body.scope, 'orders.read')
    assert.equal((await call(gateway, '/auth/sessions', body.access_token)).status, 403)
  })

  it('is asked once more where all of them were taken away, and nothing is spent', async () => {
    const visitor = createVisitor(gateway)
    const approval = await reachApproval(visitor, idp, createRun({ scope: 'sessions orders.read' }))

    const page = await decide(visitor, approval, 'approve', [])
    const answer = answerOf(await decide(visitor, { page, path: approval.path }, 'approve', ['sessions']))

    assert.equal(page.status, 400)
    assert.match(page.text, /role="alert">Leave at least one, or say no/)
    assert.deepEqual(tickedScopes(page), [])
    assert.ok(answer.searchParams.has('code'))
  })

  it('NAT-16 approves nothing that the program did not ask for, whatever the form says', async () => {
    const visitor = createVisitor(gateway)
    const approval = await reachApproval(visitor, idp, createRun({ scope: 'orders.read' }))

    const widened = await decide(visitor, approval, 'approve', ['orders.read', 'sessions'])

    assert.deepEqual([widened.status, widened.headers['sallyport-error']], [400, 'bad_request'])
    // Not spent either.
    assert.ok(answerOf(await decide(visitor, approval, 'approve')).searchParams.has('code'))
  })

  it('needs no scope for a no', async () => {
    const visitor = createVisitor(gateway)
    const approval = await reachApproval(visitor, idp, createRun({ scope: 'sessions orders.read' }))

    assert.equal(answerOf(await decide(visitor, approval, 'deny', [])).searchParams.get('error'), 'access_denied')
  })

  it('tells the client when the person says no, or says nothing that is a clear yes', async () => {
    for (const decision of ['deny', 'Approve', '']) {
      const visitor = createVisitor(gateway)
      const run = createRun()

      const answer = answerOf(await decide(visitor, await reachApproval(visitor, idp, run), decision))

      assert.deepEqual(
        ['error', 'state', 'iss', 'code'].map(name => answer.searchParams.get(name)),
        ['access_denied', run.params.state, gateway.origin, null],
      )
      assert.deepEqual([...visitor.jar.keys()], [])
    }
    assert.ok(gateway.audit.some(({ event, outcome, client_id }) => event === 'approval' && outcome === 'refused' && client_id === 'cli'))
  })

  it('lets another person sign in for the same program', async () => {
    const visitor = createVisitor(gateway)
    const first = await reachApproval(visitor, idp, createRun())

    const begun = await visitor.visit(`${first.path}/other-account`)
    const location = new URL(String(begun.headers.location))
    assert.equal(location.searchParams.get('prompt'), 'select_account')
    // The provider of the tests knows no such prompt.
    location.searchParams.delete('prompt')
    const second = await arrive(visitor, await idp.signIn(location, { user: 'bob' }))

    assert.match(second.page.text, /Bob/)
    assert.equal((await visitor.visit(first.path)).status, 400)
    assert.equal((await visitor.visit(`${second.path}/other-account`, { site: 'cross-site' })).status, 403)
  })

  it('hands the answer on by a form where the client wants it so: nothing of it stands in an address', async () => {
    const visitor = createVisitor(gateway)
    const run = createRun({ response_mode: 'form_post' })

    const response = await decide(visitor, await reachApproval(visitor, idp, run), 'approve')

    assert.match(response.text, /<form method="post" action="http:\/\/127\.0\.0\.1:51004\/callback">/)
    for (const name of ['code', 'state', 'iss']) assert.match(response.text, new RegExp(`name="${name}" value="[^"]+"`))
    assert.match(String(response.headers['content-security-policy']), /form-action http:\/\/127\.0\.0\.1:51004;script-src 'sha256-[^']+'/)
    assert.equal(refreshOf(response), null)
  })

  it('is shown to nobody ten minutes after the sign-in began', async t => {
    const own = await startGateway({ idp, config: { native: { clients: nativeClients } } })
    t.after(() => own.close())
    const visitor = createVisitor(own)
    const approval = await reachApproval(visitor, idp, createRun())

    own.clock.advance(10 * 60_000)

    assert.equal((await visitor.visit(approval.path)).headers['sallyport-error'], 'attempt_unknown')
    assert.equal((await decide(visitor, approval, 'approve')).status, 400)
  })
})
