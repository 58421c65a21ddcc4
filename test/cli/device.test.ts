import assert from 'node:assert/strict'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { discover } from '../../src/cli/native/authorization-server.ts'
import { beginDevice, type Clock, pollDevice } from '../../src/cli/native/device-flow.ts'
import { type Script, startAuthorizationServer } from '../support/authorization-server.ts'
import { createHome } from '../support/command-line.ts'
import { eventually } from '../support/eventually.ts'
import { navigate } from '../support/navigate.ts'

const issued = [200, { access_token: 'spt_by-device', token_type: 'Bearer', expires_in: 3600, scope: 'orders.read' }] as const
const pending = [400, { error: 'authorization_pending' }] as const
const elsewhere = { BROWSER: '', SSH_CONNECTION: '192.0.2.1 1 192.0.2.2 22' }

async function setUp(t: TestContext, script: Script = {}) {
  return { server: await startAuthorizationServer(t, script), home: createHome(t) }
}

/** Polls with a clock that only moves while it sleeps. @returns how long it slept each time, seconds, and what came of it */
async function poll(t: TestContext, script: Script) {
  const scripted = await startAuthorizationServer(t, script)
  const server = await discover(scripted.origin)
  const sleeps: number[] = []
  let at = 0
  const clock: Clock = {
    now: () => at,
    async sleep(ms) {
      sleeps.push(ms / 1000)
      at += ms
    },
  }
  const attempt = await beginDevice(server, { scope: undefined, now: at })
  const { signal } = new AbortController()
  const result = await pollDevice(server, attempt, clock, { settled: signal, cancelled: signal }).catch(error => error)
  return { sleeps, result }
}

describe('polling for a device code (RFC 8628 §3.5)', () => {
  it('waits as long as the gateway says, and 5 s longer each time it is told to slow down', async t => {
    const slow = [400, { error: 'slow_down' }] as const

    const { sleeps, result } = await poll(t, { interval: 3, device: [pending, slow, slow, pending, issued] })

    assert.deepEqual(sleeps, [3, 3, 8, 13, 13])
    assert.equal(result.handle, 'spt_by-device')
  })

  it('asks on, at longer intervals, while the gateway cannot be reached', async t => {
    const { sleeps, result } = await poll(t, { interval: 5, device: [[503, {}], [429, {}], pending, issued] })

    assert.deepEqual(sleeps, [5, 10, 20, 20])
    assert.equal(result.handle, 'spt_by-device')
  })

  it('gives up when the code has run out, by its own clock too', async t => {
    const [told, counted] = [await poll(t, { device: [[400, { error: 'expired_token' }]] }), await poll(t, { interval: 300 })]

    assert.deepEqual([told.result.exitCode, counted.result.exitCode], [5, 5])
    assert.deepEqual(counted.sleeps, [300, 300])
  })

  it('stops at once when the person said no', async t => {
    const { result } = await poll(t, { device: [[400, { error: 'access_denied' }]] })

    assert.equal(result.exitCode, 3)
  })
})

describe('sallyport login, with the browser elsewhere', () => {
  it('shows a code first, says why, and signs in by it', async t => {
    const { server, home } = await setUp(t, { device: [pending, issued] })

    const ran = await home.run(['login', '--gateway', server.origin], { env: elsewhere })

    assert.equal(ran.code, 0, ran.err)
    assert.match(
      ran.err,
      /This is an SSH session: your browser may be elsewhere\.\n {2}Open http:\S+\/device on any device and enter BCDF-GHJK\n/,
    )
    assert.match(ran.err, /ssh -L (\d+):127\.0\.0\.1:\1 /)
    assert.equal((await home.run(['token'])).out, 'spt_by-device\n')
  })

  it('takes the answer from a port that was forwarded, and in the address, so that it could be pasted', async t => {
    const { server, home } = await setUp(t)
    const login = home.start(['login', '--gateway', server.origin], { env: elsewhere })
    const [, address = ''] = await eventually(() => /Or open (\S+)/.exec(login.said()))

    const { redirectUri, params, isPosted } = server.approve(new URL(address))
    await navigate(`${redirectUri}?${params}`)

    assert.equal((await login.ended).code, 0)
    assert.equal(isPosted, false)
  })

  it('opens nothing but a code with --device', async t => {
    const { server, home } = await setUp(t, { device: [issued] })

    const ran = await home.run(['login', '--gateway', server.origin, '--device'])

    assert.equal(ran.code, 0, ran.err)
    assert.ok(!existsSync(join(home.folder, 'sent-to')))
    assert.ok(!server.calls.some(call => call.path === '/oauth/par'))
  })

  it('says that there are no codes where the gateway has none', async t => {
    const { server, home } = await setUp(t, { metadata: { device_authorization_endpoint: undefined } })

    const ran = await home.run(['login', '--gateway', server.origin, '--device'])

    assert.equal(ran.code, 1)
    assert.match(ran.err, /offers no codes for other devices/)
  })

  it('ends the second session when both ways succeed at once', async t => {
    const { server, home } = await setUp(t)
    const login = home.start(['login', '--gateway', server.origin])
    const { redirectUri, params } = server.approve(await home.sentTo())
    server.script.device = [issued]

    await navigate(redirectUri, { form: params })

    const ran = await login.ended
    const held = (await home.run(['token'])).out.trim()
    const revoked = server.calls.filter(call => call.path === '/oauth/revoke').map(call => call.form.get('token'))
    assert.equal(ran.code, 0, ran.err)
    assert.deepEqual(
      revoked.filter(handle => handle === held),
      [],
    )
    assert.equal(server.handles.length + (server.script.device?.length === 0 ? 1 : 0) - revoked.length, 1)
  })

  it('goes on by the browser when the code runs out', async t => {
    const { server, home } = await setUp(t, { device: [[400, { error: 'expired_token' }]] })
    const login = home.start(['login', '--gateway', server.origin])
    const { redirectUri, params } = server.approve(await home.sentTo())
    await eventually(() => server.script.device?.length === 0)

    await navigate(redirectUri, { form: params })

    assert.equal((await login.ended).code, 0)
  })
})

describe('sallyport login --no-wait', () => {
  it('says as JSON what a person has to do, ends, and is gone on with by --resume', async t => {
    const { server, home } = await setUp(t, { device: [pending, issued] })

    const begun = await home.run(['login', '--gateway', server.origin, '--no-wait', '--json'])
    const ask = JSON.parse(begun.out)
    const held = join(home.folder, 'state/sallyport/pending', ask.login_id)
    const mode = statSync(held).mode & 0o777
    const resumed = await home.run(['login', '--resume', ask.login_id, '--json'])

    assert.equal(begun.code, 0)
    assert.deepEqual(
      { ...ask, login_id: undefined, expires_at: undefined },
      {
        status: 'action_required',
        verification_uri: `${server.origin}/device`,
        user_code: 'BCDF-GHJK',
        login_id: undefined,
        expires_at: undefined,
        next: `sallyport login --resume ${ask.login_id}`,
      },
    )
    assert.ok(!(begun.out + begun.err).includes('the-device-code'))
    assert.equal(mode, 0o600)
    assert.equal(resumed.code, 0, resumed.err)
    assert.equal(JSON.parse(resumed.out).user.email, 'alice@example.test')
    assert.deepEqual(readdirSync(join(home.folder, 'state/sallyport/pending')), [])
    assert.equal((await home.run(['login', '--resume', ask.login_id])).code, 2)
  })

  it('can be resumed again when nobody came in time', async t => {
    const { server, home } = await setUp(t)
    const { login_id: id } = JSON.parse((await home.run(['login', '--gateway', server.origin, '--no-wait', '--json'])).out)

    const early = await home.run(['login', '--resume', id, '--timeout', '1s'])
    server.script.device = [issued]
    const late = await home.run(['login', '--resume', id])

    assert.deepEqual([early.code, late.code], [5, 0])
  })

  it('without codes gives an address, and takes on stdin the one that it ends at', async t => {
    const { server, home } = await setUp(t, { metadata: { device_authorization_endpoint: undefined } })
    const ask = JSON.parse((await home.run(['login', '--gateway', server.origin, '--no-wait', '--json'])).out)
    const { redirectUri, params } = server.approve(new URL(ask.verification_uri))

    const wrong = await home.run(['login', '--resume', ask.login_id], { input: 'http://127.0.0.1:1/callback?code=x\n' })
    const resumed = await home.run(['login', '--resume', ask.login_id], { input: `${redirectUri}?${params}\n` })

    assert.deepEqual([wrong.code, resumed.code], [2, 0], resumed.err)
    assert.match(wrong.err, /on stdin, give the address that the browser ended at: it begins with http:\/\/127\.0\.0\.1:\d+\/callback\?/)
    assert.equal((await home.run(['token'])).out, `${server.handles[0]}\n`)
  })

  it('without codes, and without an address to paste, says where to sign in', async t => {
    const refused = [400, { error: 'unauthorized_client' }] as const
    const { server, home } = await setUp(t, { metadata: { device_authorization_endpoint: undefined } })
    server.script.par = form => (form.get('response_mode') === 'form_post' ? null : refused)

    const ran = await home.run(['login', '--gateway', server.origin, '--no-wait'])

    assert.equal(ran.code, 3)
    assert.match(ran.err, /neither codes for other devices nor an address to paste: run sallyport login, without --no-wait, where/)
  })

  it('takes no name of a file for one of a sign-in', async t => {
    const { home } = await setUp(t)

    const ran = await home.run(['login', '--resume', '../credentials/x'])

    assert.equal(ran.code, 2)
    assert.match(ran.err, /there is no sign-in of this name under way/)
  })
})
