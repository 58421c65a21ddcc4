import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { startAuthorizationServer } from '../support/authorization-server.ts'
import { makeCertificate } from '../support/certificate.ts'
import { createHome } from '../support/command-line.ts'
import { eventually } from '../support/eventually.ts'

async function serve(t: TestContext, listener: RequestListener, tls?: { cert: string; key: string }): Promise<string> {
  const server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener)
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  server.listen(0, '127.0.0.1')
  await eventually(() => server.address())
  return `http${tls === undefined ? '' : 's'}://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** `sallyport login` at a gateway, with nobody who would sign in. */
const login = (t: TestContext, gateway: string, env: NodeJS.ProcessEnv = {}) =>
  createHome(t).run(['login', '--gateway', gateway, '--json', '--timeout', '30s'], { env })

describe('sallyport login, at a gateway that cannot be reached', () => {
  it('ends with 6 where nothing listens, and names what to look at', async t => {
    const gone = await startAuthorizationServer(t)
    await gone.close()
    const ran = await login(t, gone.origin)

    assert.equal(ran.code, 6)
    assert.match(
      ran.err,
      /http:\/\/127\.0\.0\.1:\d+ cannot be reached: nothing listens there; is the address right, and does the gateway run\? \(ECONNREFUSED\)/,
    )
    assert.equal(JSON.parse(ran.out).error, 'gateway_unreachable')
  })

  it('ends with 6 where a name cannot be found', async t => {
    const ran = await login(t, 'https://gateway.invalid')

    assert.equal(ran.code, 6)
    assert.match(ran.err, /\((ENOTFOUND|EAI_AGAIN)\)/)
  })

  it('ends with 6 where the connection breaks, or a server is in trouble', async t => {
    const [cut, broken] = [await serve(t, req => req.socket.destroy()), await serve(t, (_req, res) => res.writeHead(503).end())]

    const [first, second] = [await login(t, cut), await login(t, broken)]

    assert.deepEqual([first.code, second.code], [6, 6])
    assert.match(second.err, /cannot answer now \(503\): try again/)
  })

  it('believes only a certificate that it can check, and says how a private CA is named', async t => {
    const { cert, key } = makeCertificate()
    const gateway = await serve(t, (_req, res) => res.writeHead(404).end(), { cert, key })
    const home = createHome(t)
    writeFileSync(join(home.folder, 'ca.crt'), cert)

    const stranger = await home.run(['login', '--gateway', gateway])
    const known = await home.run(['login', '--gateway', gateway], { env: { NODE_EXTRA_CA_CERTS: join(home.folder, 'ca.crt') } })
    const blind = await home.run(['login', '--gateway', gateway], { env: { NODE_TLS_REJECT_UNAUTHORIZED: '0' } })

    assert.equal(stranger.code, 6)
    assert.match(
      stranger.err,
      /its certificate is not one that this machine trusts; an organisation's own CA is named in NODE_EXTRA_CA_CERTS/,
    )
    assert.equal(known.code, 1)
    assert.match(known.err, /offers no sign-in to programs/)
    assert.equal(blind.code, 2)
    assert.match(blind.err, /NODE_TLS_REJECT_UNAUTHORIZED=0 switches off the check of certificates/)
  })
})

describe('sallyport login, at what is no gateway or not this one', () => {
  it('ends with 1 where programs cannot sign in', async t => {
    const ran = await login(t, await serve(t, (_req, res) => res.writeHead(404).end('<h1>Not here</h1>')))

    assert.equal(ran.code, 1)
    assert.match(ran.err, /offers no sign-in to programs: is it the gateway's address, and is `native` in its configuration\?/)
  })

  it('goes to the authorization server that the gateway names as its own', async t => {
    const server = await startAuthorizationServer(t)
    const body = JSON.stringify({ resource: 'x', authorization_servers: [server.origin] })
    const apps = await serve(t, (req, res) => res.writeHead(req.url?.endsWith('protected-resource') ? 200 : 404).end(body))
    server.script.device = [[400, { error: 'access_denied' }]]

    const ran = await createHome(t).run(['login', '--gateway', apps, '--device'])

    assert.equal(ran.code, 3)
    assert.ok(server.calls.some(call => call.path === '/oauth/device_authorization'))
  })

  const misfits = [
    ['another issuer', { issuer: 'https://evil.test' }, /says that its issuer is https:\/\/evil\.test: stopped/],
    ['a token endpoint elsewhere', { token_endpoint: 'https://evil.test/token' }, /the token_endpoint of .+ is elsewhere: stopped/],
    ['a page elsewhere', { authorization_endpoint: 'http://127.0.0.1:9/authorize' }, /the authorization_endpoint of .+ is elsewhere/],
    ['a page that is a program', { authorization_endpoint: 'file:///bin/sh' }, /the authorization_endpoint of .+ is elsewhere/],
    ['no PKCE', { code_challenge_methods_supported: ['plain'] }, /does not offer PKCE with S256/],
    ['no endpoints', { token_endpoint: undefined }, /names no endpoints to sign in at/],
  ] as const
  for (const [what, metadata, sentence] of misfits) {
    it(`stops with 8 at ${what}, before anything is sent there`, async t => {
      const server = await startAuthorizationServer(t, { metadata })

      const ran = await login(t, server.origin)

      assert.equal(ran.code, 8)
      assert.match(ran.err, sentence)
      assert.equal(JSON.parse(ran.out).error, 'security_stop')
      assert.deepEqual(
        server.calls.map(call => call.path),
        ['/.well-known/oauth-protected-resource', '/.well-known/oauth-authorization-server'],
      )
    })
  }

  it('stops with 8 where the code is to be typed elsewhere', async t => {
    const server = await startAuthorizationServer(t)
    const ran = await createHome(t).run(['login', '--gateway', await relay(t, server.origin), '--device'])

    assert.equal(ran.code, 8)
    assert.match(ran.err, /sends people to another server: stopped/)
  })

  it('ends with 3 where the gateway does not know this program', async t => {
    const refused = [401, { error: 'invalid_client' }] as const
    const server = await startAuthorizationServer(t, { par: refused, metadata: { device_authorization_endpoint: undefined } })

    const ran = await login(t, server.origin)

    assert.equal(ran.code, 3)
    assert.match(ran.err, /`native\.clients\.cli` of its configuration decides \(invalid_client\)/)
  })
})

/** A server that calls itself by its own address, and sends people to another's page. */
function relay(t: TestContext, other: string): Promise<string> {
  const started = serve(t, async (req, res) => {
    const answer = await fetch(other + req.url, { method: req.method ?? 'GET', ...(req.method === 'POST' ? { body: '' } : {}) })
    const text = await answer.text()
    const own = await started
    // Only the metadata is its own.
    res.writeHead(answer.status).end(req.method === 'GET' ? text.replaceAll(other, own) : text)
  })
  return started
}
