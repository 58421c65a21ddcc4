// A gateway whose answers had no end filled the memory of the command line; one that named an interval of years was asked
// without a pause, as timers take no such number; times beyond the calendar ended the program with a stack; a gateway that
// was too busy to say who signs people in "offers no sign-in"; and what `--no-wait` printed could steer the terminal, as
// could JSON.

import assert from 'node:assert/strict'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, it, type TestContext } from 'node:test'
import { startAuthorizationServer } from '../support/authorization-server.ts'
import { createHome } from '../support/command-line.ts'
import { createSignedInHome } from '../support/signed-in-home.ts'

async function listen(t: TestContext, server: Server): Promise<string> {
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

describe('a gateway that answers rubbish', () => {
  it('is not read without end', async t => {
    let sent = 0
    const chunk = Buffer.alloc(64 * 1024, ' ')
    const server = createServer((_req, res) => {
      const pour = () => {
        do sent += chunk.length
        while (!res.destroyed && sent < 2 ** 30 && res.write(chunk))
        if (sent >= 2 ** 30) res.end()
      }
      res.on('drain', pour)
      pour()
    })
    const gateway = await listen(t, server)

    const ran = await createHome(t).run(['login', '--device', '--gateway', gateway])

    assert.equal(ran.code, 6, ran.err)
    assert.match(ran.err, /answers with more than 4 MiB/)
    assert.ok(sent < 2 ** 26, `it took ${sent} bytes`)
  })

  it('is asked with a pause, whatever interval it names', async t => {
    const [server, home] = [await startAuthorizationServer(t, { interval: 3_000_000 }), createHome(t)]

    const ran = await home.run(['login', '--device', '--gateway', server.origin, '--timeout', '2s'])

    assert.equal(ran.code, 5, ran.err)
    assert.doesNotMatch(ran.err, /Warning/)
    assert.ok(!server.calls.some(call => call.path === '/oauth/token'))
  })

  for (const seconds of [1e300, -1]) {
    it(`gives no handle that lives for ${seconds} seconds`, async t => {
      const [server, home] = [await startAuthorizationServer(t), createHome(t)]
      server.script.device = [[200, { access_token: 'spt_it', token_type: 'Bearer', expires_in: seconds }]]

      const ran = await home.run(['login', '--device', '--gateway', server.origin])

      assert.equal(ran.code, 1)
      assert.match(ran.err, /sallyport: \S+ answers with something that is no handle\n$/)
      assert.equal((await home.run(['token', '--gateway', server.origin])).code, 4)
    })
  }

  it('names no time beyond the calendar', async t => {
    const session = { session_id: 'x', idle_expires_in: 1e300, absolute_expires_in: 3600 }
    const { home } = await createSignedInHome(t, { script: { session: [200, { authenticated: true, session }] } })

    assert.equal((await home.run(['status', '--json'])).code, 0)
  })

  for (const path of ['/.well-known/oauth-protected-resource', '/.well-known/oauth-authorization-server']) {
    for (const status of [429, 503]) {
      it(`ends with 6 where it is too busy: ${status} at ${path}`, async t => {
        const gateway = await listen(
          t,
          createServer((req, res) => res.writeHead(req.url === path ? status : 404).end()),
        )

        const ran = await createHome(t).run(['login', '--device', '--gateway', gateway])

        assert.equal(ran.code, 6, ran.err)
        assert.match(ran.err, new RegExp(`cannot answer now \\(${status}\\): try again`))
      })
    }
  }

  it('steers no terminal by what it calls its codes and its people', async t => {
    const { server, home } = await createSignedInHome(t)
    const controls = '\u001b[2J\u009b2J\u202e'
    const [device, user] = [
      { device_code: 'd', user_code: `BCDF${controls}`, verification_uri: `${server.origin}/${controls}` },
      { provider: 'main', sub: 'alice', name: controls },
    ]
    server.script.deviceAuthorization = [200, device]
    server.script.session = [200, { authenticated: true, user, session: {} }]

    const [begun, json, status] = [
      await home.run(['login', '--no-wait']),
      await home.run(['login', '--no-wait', '--json']),
      await home.run(['status', '--json']),
    ]

    for (const { out } of [begun, json, status]) assert.doesNotMatch(out.replaceAll('\n', ''), /[\p{Cc}\p{Cf}]/u)
    assert.equal(JSON.parse(json.out).user_code, device.user_code)
    assert.equal(JSON.parse(status.out).user.name, controls)
  })
})
