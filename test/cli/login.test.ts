import assert from 'node:assert/strict'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { type Script, type ScriptedServer, startAuthorizationServer } from '../support/authorization-server.ts'
import { createHome, type Home } from '../support/command-line.ts'
import { eventually } from '../support/eventually.ts'
import { navigate, type Visited } from '../support/navigate.ts'

async function setUp(t: TestContext, script: Script = {}) {
  return { server: await startAuthorizationServer(t, script), home: createHome(t) }
}

/** What the browser does after an approval. @param changes over the answer's parameters; null leaves one out */
async function approve(server: ScriptedServer, home: Home, changes: Readonly<Record<string, string | null>> = {}): Promise<Visited> {
  const { redirectUri, params, isPosted } = server.approve(await home.sentTo())
  for (const [name, value] of Object.entries(changes)) value === null ? params.delete(name) : params.set(name, value)
  return isPosted ? navigate(redirectUri, { form: params }) : navigate(`${redirectUri}?${params}`)
}

/** All files under a folder, with what they hold. */
function filesIn(folder: string): { readonly file: string; readonly text: string; readonly mode: number }[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name))
    .map(file => ({ file, text: readFileSync(file, 'utf8'), mode: statSync(file).mode & 0o777 }))
}

describe('sallyport login, with a browser on this machine', () => {
  it('signs in, says as whom, and keeps the handle', async t => {
    const { server, home } = await setUp(t)
    const login = home.start(['login', '--gateway', server.origin])

    const page = await approve(server, home)

    const ran = await login.ended
    assert.equal(ran.code, 0, ran.err)
    assert.match(
      ran.out,
      /^Signed in to http:\/\/127\.0\.0\.1:\d+ as alice@example\.test until \d{4}-\d\d-\d\d \d\d:\d\d\. Stored in: .+\n$/,
    )
    assert.match(page.body, /You are signed in/)
    assert.equal((await home.run(['token'])).out, `${server.handles[0]}\n`)
  })

  it('sends the request ahead, takes the answer by a form, and shows the address without secrets (NAT-35)', async t => {
    const { server, home } = await setUp(t)
    const login = home.start(['login', '--gateway', server.origin, '--json', '--scope', 'orders.read sessions'])
    const at = await home.sentTo()
    await approve(server, home)
    const ran = await login.ended

    const pushed = server.calls.find(call => call.path === '/oauth/par')?.form
    assert.deepEqual([...at.searchParams.keys()], ['client_id', 'request_uri'])
    assert.equal(pushed?.get('response_mode'), 'form_post')
    assert.equal(pushed?.get('code_challenge_method'), 'S256')
    assert.equal(pushed?.get('scope'), 'orders.read sessions')
    assert.match(pushed?.get('state') ?? '', /^[\w-]{43}$/)
    assert.ok(ran.err.includes(at.href))
    const exchanged = server.calls.find(call => call.path === '/oauth/token' && call.form.has('code'))?.form
    for (const secret of [exchanged?.get('code_verifier'), pushed?.get('state'), exchanged?.get('code'), ...server.handles])
      assert.ok(secret && !(ran.err + ran.out + at.href).includes(secret))
    assert.equal(JSON.parse(ran.out).scope, 'orders.read sessions')
  })

  it('does without both where the gateway offers neither', async t => {
    const { server, home } = await setUp(t, {
      metadata: {
        pushed_authorization_request_endpoint: undefined,
        response_modes_supported: ['query'],
        device_authorization_endpoint: undefined,
      },
    })
    const login = home.start(['login', '--gateway', server.origin])

    const at = await home.sentTo()
    const page = await approve(server, home)

    assert.equal((await login.ended).code, 0)
    assert.ok(!at.search.includes('verifier') && !at.searchParams.has('response_mode'))
    assert.ok(!page.url.includes('code='))
  })

  it('shows the letters of the approval page', async t => {
    const { server, home } = await setUp(t)
    const login = home.start(['login', '--gateway', server.origin])
    await approve(server, home)

    const { err } = await login.ended

    assert.match(err, /It must show the letters [BCDFGHJKLMNPQRSTVWXZ]{2}-[BCDFGHJKLMNPQRSTVWXZ]{2}, else say no there\./)
  })

  it('says when no browser opens, and goes on waiting', async t => {
    const { server, home } = await setUp(t)
    home.addProgram('browser', 'exit 3')
    const login = home.start(['login', '--gateway', server.origin])
    await eventually(() => /No browser could be opened: open the address above yourself\./.test(login.said()))

    const [, address = ''] = /Opening (\S+) in your browser/.exec(login.said()) ?? []
    const { redirectUri, params } = server.approve(new URL(address))
    await navigate(redirectUri, { form: params })

    assert.equal((await login.ended).code, 0)
  })

  it('listens where --port says, and ends with 1 when that is taken', async t => {
    const { server, home } = await setUp(t)
    const taken = createServer().listen(0, '127.0.0.1')
    t.after(() => taken.close())
    await eventually(() => taken.address())
    const { port } = taken.address() as AddressInfo

    const ran = await home.run(['login', '--gateway', server.origin, '--port', String(port)])

    assert.equal(ran.code, 1)
    assert.match(ran.err, new RegExp(`^sallyport: port ${port} of this machine is taken: leave --port out`, 'm'))
  })

  const ends = [
    [
      'denied by the person',
      { error: 'access_denied', code: null },
      3,
      /the sign-in was denied \(access_denied\)/,
      /The sign-in was denied/,
    ],
    [
      'an answer of another server',
      { iss: 'https://evil.test' },
      8,
      /the answer is from https:\/\/evil\.test, not from/,
      /Something went wrong/,
    ],
    ['an answer that does not say whose it is', { iss: null }, 8, /does not say which server it is from/, /Something went wrong/],
    [
      'a code that the gateway does not take',
      { code: 'forged' },
      4,
      /run `sallyport login` again \(invalid_grant\)/,
      /Something went wrong/,
    ],
    ['an error of the gateway', { error: 'server_error', code: null }, 6, /the gateway failed/, /Something went wrong/],
  ] as const
  for (const [what, changes, code, sentence, words] of ends) {
    it(`ends with ${code} for ${what}, and tells both terminal and browser`, async t => {
      const { server, home } = await setUp(t)
      const login = home.start(['login', '--gateway', server.origin, '--json'])

      const page = await approve(server, home, changes)

      const ran = await login.ended
      assert.equal(ran.code, code, ran.err)
      assert.match(ran.err, sentence)
      assert.equal(JSON.parse(ran.out).exit_code, code)
      assert.match(page.body, words)
      assert.equal((await home.run(['token'])).code, 2)
    })
  }

  it('never sends a code twice: the second use would end what the first one got', async t => {
    const { server, home } = await setUp(t, { token: [503, {}] })
    const login = home.start(['login', '--gateway', server.origin])
    await approve(server, home)

    assert.equal((await login.ended).code, 6)
    assert.equal(server.calls.filter(call => call.form.get('grant_type') === 'authorization_code').length, 1)
  })

  it('is not ended by what others send to its port (NAT-34)', async t => {
    const { server, home } = await setUp(t)
    const login = home.start(['login', '--gateway', server.origin])
    const { redirectUri } = server.approve(await home.sentTo())

    const forged = await navigate(`${redirectUri}?error=access_denied&state=guessed`)
    await approve(server, home)

    assert.equal(forged.status, 400)
    assert.equal((await login.ended).code, 0)
  })

  it('ends with 5 when nobody comes, and leaves nothing behind', async t => {
    const { server, home } = await setUp(t)

    const ran = await home.run(['login', '--gateway', server.origin, '--timeout', '1s'])

    assert.equal(ran.code, 5)
    assert.match(ran.err, /nobody signed in in time: run it again/)
    assert.deepEqual(filesIn(join(home.folder, 'state')), [])
  })

  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    it(`ends with ${code} on ${signal}, listens no more, and leaves nothing behind`, async t => {
      const { server, home } = await setUp(t)
      const login = home.start(['login', '--gateway', server.origin])
      const { redirectUri } = server.approve(await home.sentTo())

      login.child.kill(signal)

      const ran = await login.ended
      assert.equal(ran.code, code)
      assert.match(ran.err, /sallyport: cancelled\n$/)
      await assert.rejects(navigate(redirectUri), { code: 'ECONNREFUSED' })
      assert.deepEqual(filesIn(join(home.folder, 'state')), [])
    })
  }

  it('ends the session that it replaces', async t => {
    const { server, home } = await setUp(t)
    for (const _ of [1, 2]) {
      const login = home.start(['login', '--gateway', server.origin])
      await approve(server, home)
      assert.equal((await login.ended).code, 0)
      home.forgetBrowser()
    }

    const revoked = server.calls.filter(call => call.path === '/oauth/revoke').map(call => call.form.get('token'))
    assert.deepEqual(revoked, [server.handles[0]])
  })

  it('NHI-02 writes the handle into one file, which only its owner may read', async t => {
    const { server, home } = await setUp(t)
    const login = home.start(['login', '--gateway', server.origin])
    await approve(server, home)
    const ran = await login.ended

    const holding = filesIn(home.folder).filter(
      ({ text }) => Buffer.from(text, 'base64').includes(server.handles[0] ?? '') || text.includes('spt_'),
    )
    assert.equal(holding.length, 1)
    assert.equal(holding[0]?.mode, 0o600)
    assert.equal(statSync(join(home.folder, 'state/sallyport/credentials')).mode & 0o777, 0o700)
    assert.match(
      ran.err,
      /No keychain here \(no keyring answers on the session bus\): the credential goes into a file that only you can read/,
    )
  })
})
