import assert from 'node:assert/strict'
import { after, before, describe, it, type TestContext } from 'node:test'
import { createHome, type Home } from '../support/command-line.ts'
import { eventually } from '../support/eventually.ts'
import { type Stage, startStage } from '../support/stage.ts'
import { createSurfer, type Page, type Surfer } from '../support/surfer.ts'

// The real thing on both ends: the program as a process, the demo's gateway with its provider, and a visitor between them.
describe('the command line, with a real gateway', () => {
  let stage: Stage
  before(async () => {
    stage = await startStage({ https: false })
  })
  after(() => stage.close())

  /** From a page of the gateway through the provider to the approval, and one of its buttons. */
  async function decide(surfer: Surfer, page: Page, decision: 'approve' | 'deny', { people } = stage): Promise<Page> {
    const { username, password } = people.alice
    const approval = await surfer.submit(page, { username, password })
    assert.match(approval.text, /Sallyport CLI/)
    return surfer.submit(approval, { decision })
  }

  async function signIn(home: Home, args: readonly string[] = []): Promise<void> {
    const login = home.start(['login', '--gateway', stage.gateway, ...args])
    const surfer = createSurfer()
    await surfer.submit(await decide(surfer, await surfer.open(await home.sentTo()), 'approve'))
    const { code, err } = await login.ended
    assert.equal(code, 0, err)
  }

  const createSignedIn = async (t: TestContext, args?: readonly string[]) => {
    const home = createHome(t)
    await signIn(home, args)
    return home
  }

  it('signs in by the browser, in which the letters of the terminal stand too', async t => {
    const home = createHome(t)
    const login = home.start(['login', '--gateway', stage.gateway, '--json'])
    const surfer = createSurfer()
    const { username, password } = stage.people.alice
    const approval = await surfer.submit(await surfer.open(await home.sentTo()), { username, password })
    const posting = await surfer.submit(approval, { decision: 'approve' })
    const last = await surfer.submit(posting)

    const ran = await login.ended
    const [, letters = 'none'] = /the letters (\S+), else/.exec(ran.err) ?? []
    const answer = JSON.parse(ran.out)
    assert.equal(ran.code, 0, ran.err)
    assert.ok(approval.text.includes(letters))
    assert.equal(last.url.pathname + last.url.search, '/done')
    assert.match(last.text, /You are signed in/)
    assert.deepEqual([answer.user.sub, answer.scope, answer.store], ['alice', 'orders.read orders.write sessions', 'file'])
    assert.equal(stage.audit.find(line => line.event === 'sign_in')?.client_id, 'cli')
  })

  it('calls the API with what it got, until it signs out', async t => {
    const home = await createSignedIn(t, ['--scope', 'orders.read'])

    const [called, forbidden] = [
      await home.run(['curl', '-s', '/api/orders']),
      await home.run(['curl', '-s', '-o', '/dev/null', '-w', '%{http_code}', '/reports']),
    ]
    const { out: handle } = await home.run(['token'])
    const status = await home.run(['status', '--json'])
    const out = await home.run(['logout'])
    const afterwards = await fetch(`${stage.gateway}/api/orders`, { headers: { authorization: `Bearer ${handle.trim()}` } })

    assert.equal(JSON.parse(called.out).token.sub, 'alice')
    assert.equal(forbidden.out, '403')
    assert.deepEqual([JSON.parse(status.out).user.name, JSON.parse(status.out).scope], [stage.people.alice.name, 'orders.read'])
    assert.deepEqual([out.code, afterwards.status], [0, 401])
    assert.equal((await home.run(['curl', '/api/orders'])).code, 4)
  })

  it('signs in by a code that is typed elsewhere', async t => {
    const home = createHome(t)
    const login = home.start(['login', '--gateway', stage.gateway, '--device'])
    const [, page = '', code = ''] = await eventually(() => /Open (\S+) on any device and enter (\S+)/.exec(login.said()))
    const surfer = createSurfer()

    const done = await decide(surfer, await surfer.submit(await surfer.open(page), { user_code: code }), 'approve')

    const ran = await login.ended
    assert.match(done.text, /Go back to your device/)
    assert.equal(ran.code, 0, ran.err)
    assert.match(ran.out, /as alice@example\.com until/)
  })

  it('ends with 3 when the person says no, in either way', async t => {
    const [one, other] = [createHome(t), createHome(t)]
    const byBrowser = one.start(['login', '--gateway', stage.gateway])
    const surfer = createSurfer()
    const last = await surfer.submit(await decide(surfer, await surfer.open(await one.sentTo()), 'deny'))
    const ask = JSON.parse((await other.run(['login', '--gateway', stage.gateway, '--no-wait', '--json'])).out)
    const stranger = createSurfer()
    await decide(stranger, await stranger.submit(await stranger.open(ask.verification_uri), { user_code: ask.user_code }), 'deny')

    const ran = [await byBrowser.ended, await other.run(['login', '--resume', ask.login_id])]

    assert.match(last.text, /The sign-in was denied/)
    assert.deepEqual(
      ran.map(({ code }) => code),
      [3, 3],
    )
    assert.match(ran[0]?.err ?? '', /the sign-in was denied \(access_denied\)/)
  })

  it('offers a code, and nothing to paste, where answers come by a form alone', async t => {
    const home = createHome(t)
    const login = home.startInTerminal(['login', '--gateway', stage.gateway, '--no-browser'])
    const [, code = ''] = await eventually(() => /\/device on any device and enter (\S+)\r\n.*It must show the letters/s.exec(login.said()))
    const said = login.said()
    const surfer = createSurfer()

    await decide(surfer, await surfer.submit(await surfer.open(`${stage.gateway}/device`), { user_code: code }), 'approve')

    assert.equal((await login.ended).code, 0)
    assert.match(said, /the gateway gives this program no address to paste/)
    assert.doesNotMatch(said, /paste here/)
  })

  it('signs in by a port that was forwarded from where the browser is, with no code in its address', async t => {
    const home = createHome(t)
    const login = home.start(['login', '--gateway', stage.gateway, '--no-browser'])
    const [, address = ''] = await eventually(() => /Or forward the port \(ssh.*\), and then open (\S+)/.exec(login.said()))
    const surfer = createSurfer()

    const posting = await decide(surfer, await surfer.open(address), 'approve')
    const last = await surfer.submit(posting)

    assert.equal((await login.ended).code, 0)
    assert.equal(posting.url.search, '')
    assert.match(last.text, /You are signed in/)
  })

  it('takes the address by paste, where codes may stand in addresses', async t => {
    const cli = { name: 'Sallyport CLI', redirects: ['loopback'], scopes: ['orders.read'] }
    const lax = await startStage({ https: false, change: config => ({ ...config, native: { clients: { cli } } }) })
    t.after(() => lax.close())
    const login = createHome(t).startInTerminal(['login', '--gateway', lax.gateway, '--no-browser'])
    const [, address = ''] = await eventually(() => /Open (\S+)\r\n.*paste here/s.exec(login.said()))
    const surfer = createSurfer({ stopAt: url => url.hostname === '127.0.0.1' && url.pathname === '/callback' })
    const ended = await decide(surfer, await surfer.open(address), 'approve', lax)

    login.type(`${ended.url.href}\n`)

    const ran = await login.ended
    assert.match(ended.url.search, /^\?code=/)
    assert.equal(ran.code, 0, ran.out)
  })

  it('lists sessions and ends them, where it asked for that scope', async t => {
    const [home, less] = [await createSignedIn(t), await createSignedIn(t, ['--scope', 'orders.read'])]
    const own = JSON.parse((await less.run(['status', '--json'])).out).session_id

    const [listed, refused] = [await home.run(['sessions', 'ls']), await less.run(['sessions', 'ls'])]
    const revoked = await home.run(['sessions', 'revoke', own])

    assert.ok(listed.out.includes(own))
    assert.deepEqual([refused.code, revoked.code], [3, 0])
    assert.match(refused.err, /sign in with --scope/)
    assert.equal((await less.run(['status'])).code, 4)
  })

  it('runs a command with less than the person may, for as long as that runs', async t => {
    const home = await createSignedIn(t)
    const cli = `'${process.execPath}' src/cli/main.ts`
    const script = `${cli} status --json; ${cli} curl -s /api/orders; ${cli} curl -s -o /dev/null -w '\\n%{http_code}\\n' -X POST -d '{"item":"x"}' /api/orders; ${cli} token`

    const ran = await home.run([
      'run',
      '--scope',
      'orders.read',
      '--name',
      'nightly',
      '--route',
      'GET /api/orders',
      '--max-calls',
      '9',
      '--',
      'sh',
      '-c',
      script,
    ])

    const [status = ''] = /^\{.*?^\}$/ms.exec(ran.out) ?? []
    const [orders = '', refused, child = ''] = ran.out.slice(status.length).trim().split('\n')
    const afterwards = await fetch(`${stage.gateway}/api/orders`, { headers: { authorization: `Bearer ${child}` } })
    assert.equal(ran.code, 0, ran.err)
    const { scope, max_calls, remaining_calls } = JSON.parse(status)
    assert.deepEqual([scope, max_calls, remaining_calls], ['orders.read', 9, 9])
    assert.equal(JSON.parse(orders).token.sub, 'alice')
    assert.equal(refused, '403')
    assert.match(child, /^spt_/)
    assert.equal(afterwards.status, 401)
    assert.equal((await home.run(['status'])).code, 0)
    assert.deepEqual(stage.audit.filter(line => line.event === 'delegation').at(-1)?.act, ['nightly', 'cli'])
  })

  it('says that there is nothing to hand on when the session has ended', async t => {
    const home = await createSignedIn(t)
    const handle = (await home.run(['token'])).out.trim()
    await fetch(`${stage.gateway}/oauth/revoke`, { method: 'POST', body: new URLSearchParams({ token: handle }) })

    const ran = await home.run(['run', '--scope', 'orders.read', '--', 'true'])

    assert.equal(ran.code, 4, ran.err)
  })

  it('keeps two sign-ins apart by their profiles', async t => {
    const home = createHome(t)
    await signIn(home, ['--profile', 'one'])
    home.forgetBrowser()
    await signIn(home, ['--profile', 'two', '--scope', 'orders.read'])

    const handles = [await home.run(['token', '--profile', 'one']), await home.run(['token', '--profile', 'two'])]
    await home.run(['logout', '--profile', 'one'])
    const left = [await home.run(['status', '--profile', 'one']), await home.run(['status', '--profile', 'two'])]

    assert.notEqual(handles[0]?.out, handles[1]?.out)
    assert.deepEqual(
      left.map(({ code }) => code),
      [4, 0],
    )
  })

  it('gives kubectl the handle, good for as long as it lives unused', async t => {
    const home = await createSignedIn(t)

    const { status } = JSON.parse((await home.run(['exec-credential'])).out)

    assert.equal(status.token, (await home.run(['token'])).out.trim())
    assert.ok(Date.parse(status.expirationTimestamp) < Date.now() + 13 * 3_600_000)
  })
})
