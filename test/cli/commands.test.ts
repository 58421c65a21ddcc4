import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { createHome } from '../support/command-line.ts'
import { createSignedInHome } from '../support/signed-in-home.ts'

const nowhere = 'http://127.0.0.1:9'
const stored = (folder: string) => readdirSync(join(folder, 'state/sallyport/credentials'))

describe('sallyport token', () => {
  it('prints the handle and nothing else, and asks nobody', async t => {
    const { server, home, handle } = await createSignedInHome(t)

    const [plain, json] = [await home.run(['token']), await home.run(['token', '--json'])]

    assert.deepEqual(plain, { code: 0, out: `${handle}\n`, err: '' })
    const { expires_at: expiresAt, ...rest } = JSON.parse(json.out)
    assert.deepEqual(rest, { gateway: server.origin, token: handle, scope: 'orders.read sessions' })
    assert.match(expiresAt, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
    assert.deepEqual(server.calls, [])
  })

  it('ends with 4 when there is none, and says how to sign in', async t => {
    const home = createHome(t)

    const ran = await home.run(['token', '--gateway', nowhere, '--profile', 'work', '--json'])

    const message = `not signed in to ${nowhere}: run sallyport login --gateway ${nowhere} --profile work`
    assert.deepEqual(JSON.parse(ran.out), { error: 'login_required', message, exit_code: 4 })
    assert.deepEqual([ran.code, ran.err], [4, `sallyport: ${message}\n`])
  })

  it('ends with 4 when its time is up', async t => {
    const { home } = await createSignedInHome(t, { seconds: 0 })

    const ran = await home.run(['token'])

    assert.equal(ran.code, 4)
    assert.match(ran.err, /the sign-in to .+ has ended: run sallyport login/)
  })

  it('keeps profiles apart', async t => {
    const { home, server } = await createSignedInHome(t)

    const ran = await home.run(['token', '--profile', 'other', '--gateway', server.origin])

    assert.equal(ran.code, 4)
  })

  it('NHI-08 takes SALLYPORT_TOKEN for a gateway that was named with it only', async t => {
    const { home, server, handle } = await createSignedInHome(t)
    const env = { SALLYPORT_TOKEN: 'spt_from-elsewhere' }

    const [alone, named, malformed] = await Promise.all([
      home.run(['token'], { env }),
      home.run(['token'], { env: { ...env, SALLYPORT_GATEWAY: server.origin } }),
      home.run(['token', '--gateway', server.origin], { env: { SALLYPORT_TOKEN: 'two words' } }),
    ])

    assert.equal(alone.code, 2)
    assert.match(alone.err, /SALLYPORT_TOKEN is set, but not for which gateway/)
    assert.equal(named.out, 'spt_from-elsewhere\n')
    assert.equal(malformed.code, 2)
    assert.ok(!alone.out.includes(handle))
  })

  it('says what a gateway is called by', async t => {
    const home = createHome(t)
    const calls = [
      [['token'], /which gateway\? Give --gateway URL, or set SALLYPORT_GATEWAY/],
      [['token', '--gateway', 'http://app.example.test'], /must be https; http is only for this machine itself/],
      [['token', '--gateway', 'https://app.example.test/auth'], /is an origin alone/],
      [['token', '--gateway', 'https://me:secret@app.example.test'], /is an origin alone/],
      [['token', '--profile', '../x', '--gateway', nowhere], /--profile is a name/],
    ] as const

    for (const [args, sentence] of calls) {
      const ran = await home.run(args)
      assert.equal(ran.code, 2)
      assert.match(ran.err, sentence)
    }
  })
})

describe('sallyport status', () => {
  it('says who is signed in, what for, until when, and where the handle is', async t => {
    const { server, home, handle } = await createSignedInHome(t)

    const [plain, json] = [await home.run(['status']), await home.run(['status', '--json'])]

    assert.equal(plain.code, 0)
    assert.match(plain.out, /^user {6}alice@example\.test \(alice-1 at main\)$/m)
    assert.match(plain.out, /^may do {4}orders\.read sessions$/m)
    assert.match(plain.out, /^stored in .+credentials$/m)
    const answer = JSON.parse(json.out)
    assert.deepEqual([answer.gateway, answer.user.sub, answer.session_id], [server.origin, 'alice-1', 'a-session-id'])
    assert.ok(!(plain.out + json.out).includes(handle))
    assert.ok(!plain.out.includes('\x1b'))
    assert.deepEqual([...new Set(server.calls.map(call => `${call.path} ${call.authorization}`))], [`/auth/session Bearer ${handle}`])
  })

  it('says how many calls an agent has left, where it has a limit', async t => {
    const agent = { name: 'nightly', act: ['nightly', 'cli'], max_calls: 100, remaining_calls: 12, delegates: false }
    const session = { session_id: 'x.1', kind: 'agent', agent, idle_expires_in: 60, absolute_expires_in: 60 }
    const body = { authenticated: true, user: { provider: 'main', sub: 'alice-1' }, session }
    const { server, home } = await createSignedInHome(t, { script: { session: [200, body] } })

    const [plain, json] = [await home.run(['status']), await home.run(['status', '--json'])]
    delete server.script.session
    const [plainOfAll, jsonOfAll] = [await home.run(['status']), await home.run(['status', '--json'])]

    assert.match(plain.out, /^calls {5}12 of 100 left$/m)
    const { max_calls, remaining_calls } = JSON.parse(json.out)
    assert.deepEqual([max_calls, remaining_calls], [100, 12])
    assert.doesNotMatch(plainOfAll.out, /^calls/m)
    assert.doesNotMatch(jsonOfAll.out, /_calls/)
  })

  it('ends with 4 when the gateway does not know the handle any more', async t => {
    const { home } = await createSignedInHome(t, { script: { session: [401, { code: 'invalid_handle' }] } })

    const ran = await home.run(['status'])

    assert.equal(ran.code, 4)
    assert.match(ran.err, /the session at .+ has ended: run sallyport login/)
  })

  it("says when this machine's clock is wrong", async t => {
    const session = { session_id: 'x', idle_expires_in: 60, absolute_expires_in: 60 }
    const body = { authenticated: true, server_time: new Date(Date.now() + 600_000).toISOString(), user: { sub: 'alice' }, session }
    const { home } = await createSignedInHome(t, { script: { session: [200, body] } })

    const ran = await home.run(['status'])

    assert.equal(ran.code, 0)
    assert.match(ran.err, /This machine's clock is \d{3} s behind the gateway's: set it right\./)
  })

  it('shows names in every script, but no control characters that a gateway sends', async t => {
    const { home } = await createSignedInHome(t, {
      script: { session: [200, { authenticated: true, user: { name: 'Zoë 佐\x1b]0;title\x07\u202e' }, session: {} }] },
    })

    const ran = await home.run(['status'])

    assert.match(ran.out, /^user {6}Zoë 佐\?\]0;title\?\?/m)
  })
})

describe('sallyport logout', () => {
  it('ends the session at the gateway, and forgets the handle', async t => {
    const { server, home, handle } = await createSignedInHome(t)

    const [first, second] = [await home.run(['logout']), await home.run(['logout'])]

    assert.deepEqual([first.code, first.out], [0, `Signed out of ${server.origin}.\n`])
    const revoked = server.calls.find(call => call.path === '/oauth/revoke')?.form
    assert.deepEqual([revoked?.get('token'), revoked?.get('client_id')], [handle, 'cli'])
    assert.deepEqual([second.code, second.out], [0, `Not signed in to ${server.origin}.\n`])
    assert.deepEqual(stored(home.folder), [])
  })

  it('forgets the handle when the gateway is away, says so, and ends with 6', async t => {
    const { server, home } = await createSignedInHome(t)
    await server.close()

    const ran = await home.run(['logout', '--json'])

    assert.equal(ran.code, 6)
    assert.match(
      ran.err,
      /the handle is gone from this machine, but its session lives on at the gateway, until .+ at most: .+cannot be reached/,
    )
    assert.equal(JSON.parse(ran.out).error, 'gateway_unreachable')
    assert.deepEqual(stored(home.folder), [])
  })

  it('says that a variable is still set', async t => {
    const { server, home } = await createSignedInHome(t)

    const ran = await home.run(['logout'], { env: { SALLYPORT_TOKEN: 'spt_x', SALLYPORT_GATEWAY: server.origin } })

    assert.equal(ran.code, 0)
    assert.match(ran.err, /SALLYPORT_TOKEN is still set: what it holds is not ended/)
  })
})

describe('sallyport exec-credential', () => {
  it('prints what kubectl wants, good until the handle would lapse unused', async t => {
    const { home, handle } = await createSignedInHome(t)

    const [v1, v1beta1] = await Promise.all([
      home.run(['exec-credential']),
      home.run(['exec-credential'], {
        env: {
          KUBERNETES_EXEC_INFO:
            '{"apiVersion":"client.authentication.k8s.io/v1beta1","kind":"ExecCredential","spec":{"interactive":false}}',
        },
      }),
    ])

    const credential = JSON.parse(v1.out)
    const lifeMs = Date.parse(credential.status.expirationTimestamp) - Date.now()
    assert.deepEqual(
      { ...credential, status: Object.keys(credential.status) },
      { apiVersion: 'client.authentication.k8s.io/v1', kind: 'ExecCredential', status: ['token', 'expirationTimestamp'] },
    )
    assert.equal(credential.status.token, handle)
    assert.ok(lifeMs > 0 && lifeMs <= 1_800_000)
    assert.equal(JSON.parse(v1beta1.out).apiVersion, 'client.authentication.k8s.io/v1beta1')
  })

  it('never asks anybody to sign in: it ends with 4', async t => {
    const { home } = await createSignedInHome(t, { script: { session: [200, { authenticated: false }] } })

    const [ended, none] = [await home.run(['exec-credential']), await createHome(t).run(['exec-credential', '--gateway', nowhere])]

    assert.deepEqual([ended.code, ended.out, none.code, none.out], [4, '', 4, ''])
  })

  it('refuses a version that it does not know', async t => {
    const { home } = await createSignedInHome(t)

    const ran = await home.run(['exec-credential'], { env: { KUBERNETES_EXEC_INFO: '{"apiVersion":"client.authentication.k8s.io/v9"}' } })

    assert.equal(ran.code, 2)
  })
})
