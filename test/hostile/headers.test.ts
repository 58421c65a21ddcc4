import assert from 'node:assert/strict'
import { type AddressInfo, connect, createServer } from 'node:net'
import { describe, it } from 'node:test'
import { GatewayError } from '../../src/errors.ts'
import { exchangeRaw } from '../support/raw-http.ts'
import { host, type RequestPathOptions, sessionCookie, signedInAs, startRequestPath } from '../support/request-path.ts'
import { startUpstream } from '../support/upstream.ts'

type Test = { after(run: () => unknown): void }

/** A request path with one protected and one public route, and what its upstream saw. */
async function start(t: Test, config: RequestPathOptions['config'] = {}) {
  const upstream = await startUpstream()
  const path = await startRequestPath({
    signedIn: signedInAs({ claims: { name: 'Zoë\r\nX-Admin: 1' } }),
    routes: [
      { path: '/api', upstream: upstream.origin, token: 'access', identityHeaders: { 'X-Auth-User': 'sub', 'X-Auth-Name': 'name' } },
      { path: '/public', upstream: upstream.origin, access: 'anyone' },
    ],
    config,
  })
  t.after(async () => {
    await path.close()
    await upstream.close()
  })
  const send = (target: string, headers: string) =>
    exchangeRaw(path.port, `GET ${target} HTTP/1.1\r\nHost: ${host}${headers === '' ? '' : `\r\n${headers}`}`)
  return { upstream, path, send, seen: () => upstream.requests.at(-1) }
}

describe('what a client says of itself', () => {
  it('A-104 HDR-02 HDR-03 reaches no upstream, on protected and public routes', async t => {
    const { send, seen } = await start(t)
    const names = [
      'X-Auth-User',
      'x_auth_user',
      'X_AUTH-USER',
      'X.Auth.User',
      'X-User-Id',
      'X-Forwarded-User',
      'X-Forwarded-Email',
      'X-Forwarded-Groups',
      'Remote-User',
      'X-Remote-User',
      'x-auth-name',
    ]
    const spoofed = names.map(name => `${name}: mallory`).join('\r\n')

    await send('/api', spoofed)
    assert.deepEqual(seen()?.all('x-auth-user'), ['alice'])
    assert.ok(!seen()?.rawHeaders.includes('mallory'))

    await send('/public', spoofed)
    assert.ok(!seen()?.rawHeaders.includes('mallory'))
    assert.deepEqual(seen()?.all('x-auth-user'), [])
  })

  it('A-106 HDR-01 HDR-10 in Authorization does not either, and twice is refused', async t => {
    const { send, seen, upstream } = await start(t)

    for (const value of ['Bearer stolen', 'Basic eDp5', 'Negotiate x']) {
      await send('/api', `Authorization: ${value}`)
      assert.deepEqual(seen()?.all('authorization'), ['Bearer access-token-of-alice'])
    }
    const count = upstream.requests.length
    const response = await send('/api', 'Authorization: Bearer a\r\nauthorization: Bearer b')
    assert.equal(response.status, 400)
    assert.equal(upstream.requests.length, count)
  })

  it('A-107 HDR-04 HDR-05 in Connection takes its own headers away and none of ours', async t => {
    const { send, seen } = await start(t)

    await send(
      '/api',
      'Connection: Authorization, X-Auth-User, Forwarded, X-Secret\r\nX-Secret: s\r\nX-Fine: y\r\nKeep-Alive: timeout=9\r\nTE: trailers\r\nProxy-Connection: x',
    )

    assert.deepEqual(seen()?.all('authorization'), ['Bearer access-token-of-alice'])
    assert.deepEqual(seen()?.all('x-auth-user'), ['alice'])
    assert.equal(seen()?.all('forwarded').length, 1)
    assert.deepEqual(seen()?.all('x-fine'), ['y'])
    for (const name of ['x-secret', 'te', 'proxy-connection', 'keep-alive']) assert.deepEqual(seen()?.all(name), [], name)
    assert.deepEqual(seen()?.all('connection'), ['keep-alive'])
  })

  it('A-109 HDR-12 A-049 CSRF-08 cannot make it another request', async t => {
    const { send, seen } = await start(t)
    const names = [
      'X-Original-URL',
      'X-Rewrite-URL',
      'X-Forwarded-Uri',
      'X-Forwarded-Prefix',
      'X-Forwarded-Method',
      'X-HTTP-Method-Override',
      'X-Method-Override',
    ]

    await send('/api?_method=DELETE', names.map(name => `${name}: /public`).join('\r\n'))

    assert.equal(seen()?.method, 'GET')
    for (const name of names) assert.deepEqual(seen()?.all(name), [], name)
  })

  it('CKE-12 our cookie does not go on, others do', async t => {
    const { send, seen } = await start(t)

    await send('/api', `Sec-Fetch-Site: same-origin\r\nCookie: theme=dark; ${sessionCookie}\r\nCookie: lang=en`)

    assert.deepEqual(seen()?.all('cookie'), ['theme=dark; lang=en'])
  })
})

describe('what the gateway says of a request', () => {
  it('HDR-06 HDR-08 HDR-09 is where it came from, by the socket and the configuration', async t => {
    const { send, seen, upstream } = await start(t)

    await send(
      '/public',
      'X-Forwarded-For: 198.51.100.66\r\nForwarded: for=198.51.100.66\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: evil.test',
    )

    assert.deepEqual(seen()?.all('x-forwarded-for'), ['127.0.0.1'])
    assert.deepEqual(seen()?.all('x-forwarded-host'), [host])
    assert.deepEqual(seen()?.all('x-forwarded-proto'), ['https'])
    assert.deepEqual(seen()?.all('forwarded'), [`for=127.0.0.1;host="${host}";proto=https`])
    assert.deepEqual(seen()?.all('via'), ['1.1 sallyport'])
    assert.deepEqual(seen()?.all('host'), [upstream.origin.slice('http://'.length)])
  })

  it('HDR-08 is the address that a trusted proxy tells, and no further', async t => {
    const { send, seen } = await start(t, { listen: { host: '127.0.0.1', port: 0, trustedProxies: ['127.0.0.1', '10.0.0.0/8'] } })

    await send('/public', 'X-Forwarded-For: 198.51.100.66, 203.0.113.5, 10.0.0.9')

    assert.deepEqual(seen()?.all('x-forwarded-for'), ['203.0.113.5'])
  })

  it('HDR-11 A-104 is safe to read, whatever a claim holds', async t => {
    const { send, seen } = await start(t)

    await send('/api', '')

    assert.deepEqual(seen()?.all('x-auth-name'), ['Zo%C3%AB%0D%0AX-Admin:%201'])
    assert.deepEqual(seen()?.all('x-admin'), [])
  })

  it('HDR-15 is an id of its own where the client sends none that will do', async t => {
    const { send, seen } = await start(t)

    const kept = await send('/public', 'X-Request-Id: from-the-client-1')
    assert.equal(kept.header('x-request-id'), 'from-the-client-1')
    assert.deepEqual(seen()?.all('x-request-id'), ['from-the-client-1'])
    for (const bad of ['a b', 'x'.repeat(5000), '<script>']) {
      const made = await send('/public', `X-Request-Id: ${bad}`)
      assert.match(made.header('x-request-id') ?? '', /^[0-9a-f-]{36}$/)
      assert.deepEqual(seen()?.all('x-request-id'), made.all('x-request-id'))
    }
  })
})

describe('a route that leads back to the gateway', () => {
  it('HDR-07 ends after a few rounds', async t => {
    // The configuration refuses its own origin as an upstream; a way round outside of it is not for it to see.
    const circle = createServer()
    await new Promise<void>(resolve => circle.listen(0, '127.0.0.1', resolve))
    const { port } = circle.address() as AddressInfo
    const path = await startRequestPath({
      routes: [{ path: '/', upstream: `http://127.0.0.1:${port}`, access: 'anyone', preserveHost: true }],
    })
    let rounds = 0
    circle.on('connection', socket => {
      rounds++
      const back = connect(path.port, '127.0.0.1')
      back.on('error', () => socket.destroy())
      socket.on('error', () => back.destroy())
      socket.pipe(back).pipe(socket)
    })
    t.after(async () => {
      await path.close()
      circle.close()
    })

    const response = await exchangeRaw(path.port, `GET / HTTP/1.1\r\nHost: ${host}`)

    assert.equal(response.status, 502)
    assert.ok(path.errors.some(error => error instanceof GatewayError && error.reason === 'loop'))
    assert.ok(rounds <= 3, `${rounds} rounds`)
  })
})

describe('requests from other sites', () => {
  it('CSRF-06 A-050 preflights are answered here, and tell other sites nothing', async t => {
    const sibling = 'https://console.example.test'
    const { path, upstream } = await start(t, { csrf: { allowedOrigins: [sibling] } })
    const preflight = (origin: string) =>
      exchangeRaw(
        path.port,
        `OPTIONS /api HTTP/1.1\r\nHost: ${host}\r\nOrigin: ${origin}\r\nAccess-Control-Request-Method: PUT\r\nCookie: ${sessionCookie}`,
      )

    const [evil, friend] = [await preflight('https://evil.test'), await preflight(sibling)]

    assert.equal(evil.status, 403)
    assert.deepEqual(
      evil.lines.filter(([name]) => name.toLowerCase().startsWith('access-control-')),
      [],
    )
    assert.equal(friend.status, 204)
    assert.equal(friend.header('access-control-allow-origin'), sibling)
    assert.equal(upstream.requests.length, 0)
  })
})
