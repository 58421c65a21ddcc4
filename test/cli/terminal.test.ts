import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { startAuthorizationServer } from '../support/authorization-server.ts'
import { createHome } from '../support/command-line.ts'
import { eventually } from '../support/eventually.ts'
import { navigate } from '../support/navigate.ts'
import { createSignedInHome } from '../support/signed-in-home.ts'

describe('sallyport login, at a terminal', () => {
  it('takes the address that a browser elsewhere ended at, and nothing else', async t => {
    const [server, home] = [await startAuthorizationServer(t), createHome(t)]
    const login = home.startInTerminal(['login', '--gateway', server.origin, '--no-browser'])
    const [, address = ''] = await eventually(() => /Or open (\S+)\r\n.*paste here/s.exec(login.said()))
    const { redirectUri, params } = server.approve(new URL(address))
    const foreign = new URLSearchParams({ ...Object.fromEntries(params), state: 'another' })

    login.type('what?\n')
    await eventually(() => login.said().includes(`That is not the address: it begins with ${redirectUri}?`))
    login.type(`${redirectUri}?${foreign}\n`)
    await eventually(() => login.said().includes('That address belongs to another sign-in'))
    login.type(`${redirectUri}?${params}\n`)

    const ran = await login.ended
    assert.equal(ran.code, 0, ran.out)
    assert.match(ran.out, /Signed in to .+ as alice@example\.test/)
    assert.equal((await home.run(['token'])).out, `${server.handles[0]}\n`)
  })

  it('ends with 130 on Ctrl-C, and listens no more', async t => {
    const [server, home] = [await startAuthorizationServer(t), createHome(t)]
    const login = home.startInTerminal(['login', '--gateway', server.origin])
    const { redirectUri } = server.approve(await home.sentTo())

    login.type('\x03')

    const ran = await login.ended
    assert.equal(ran.code, 130)
    assert.match(ran.out, /sallyport: cancelled/)
    await assert.rejects(navigate(redirectUri), { code: 'ECONNREFUSED' })
  })

  it('emphasises, unless NO_COLOR is set', async t => {
    const { home } = await createSignedInHome(t)

    const [coloured, plain] = [
      await home.startInTerminal(['status'], { env: { TERM: 'xterm' } }).ended,
      await home.startInTerminal(['status'], { env: { TERM: 'xterm', NO_COLOR: '1' } }).ended,
    ]

    assert.ok(coloured.out.includes('\x1b[1mgateway'))
    assert.ok(!plain.out.includes('\x1b'))
  })
})

describe('sallyport run, at a terminal', () => {
  it('leaves Ctrl-C to the command, which gets it once', async t => {
    const { server, home } = await createSignedInHome(t)
    const script =
      'let heard = 0; process.on("SIGINT", () => (heard += 1) === 2 ? process.exit(40 + heard) : console.log("heard it")); console.log("ready"); setInterval(() => {}, 1000)'
    const running = home.startInTerminal(['run', '--scope', 'orders.read', '--', process.execPath, '-e', script])
    await eventually(() => running.said().includes('ready'))

    running.type('\x03')
    await eventually(() => running.said().includes('heard it'))
    const before = server.calls.filter(call => call.path === '/oauth/revoke').length
    running.type('\x03')

    assert.equal((await running.ended).code, 42)
    assert.deepEqual([before, server.calls.filter(call => call.path === '/oauth/revoke').length], [0, 1])
  })
})
