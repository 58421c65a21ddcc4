import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it, type TestContext } from 'node:test'
import { run } from '../../src/cli/run.ts'
import { makeCertificate } from '../support/certificate.ts'
import { makeSecrets, providerConfig, sessionConfig } from '../support/gateway.ts'
import { type IdentityProvider, startIdentityProvider } from '../support/identity-provider.ts'
import { documentedUser } from '../support/redis-acl.ts'
import { startRedis } from '../support/redis-server.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'

let idp: IdentityProvider
let upstream: Upstream
let folder: string
before(async () => {
  idp = await startIdentityProvider()
  upstream = await startUpstream()
  folder = mkdtempSync(join(tmpdir(), 'sallyport-doctor-'))
})
after(async () => {
  await Promise.all([idp.close(), upstream.close()])
  rmSync(folder, { recursive: true })
})

interface Finding {
  readonly what: string
  readonly state: string
  readonly message: string
}

/** Runs `sallyport doctor --json` on a configuration. Gives the exit code, and what is not well. */
async function diagnose(changes: Readonly<Record<string, unknown>>, env: Readonly<Record<string, string>> = {}) {
  const config = {
    origins: ['http://localhost:9'],
    listen: { host: '127.0.0.1', port: 9 },
    identityProviders: { main: providerConfig(idp) },
    session: { ...sessionConfig(), cookie: { insecure: true } },
    routes: [{ path: '/', upstream: upstream.origin, access: 'anyone' }],
    ...changes,
  }
  const file = join(folder, 'gateway.yaml')
  writeFileSync(file, JSON.stringify(config))
  const out: string[] = []
  const code = await run(['doctor', '--json', '--config', file], {
    env: { CLIENT_SECRET: idp.clientSecret, ...makeSecrets(), ...env },
    print: text => void out.push(text),
    remark: () => {},
    strong: text => text,
  })
  const { findings = [] } = JSON.parse(out.join('') || '{}') as { findings?: readonly Finding[] }
  const about = (what: string) => findings.filter(found => found.what === what).map(({ state, message }) => `${state}: ${message}`)
  return { code, findings, about }
}

describe('sallyport doctor', () => {
  it('finds all well where it is, and names the redirect URIs', async () => {
    const { code, findings, about } = await diagnose({})

    assert.equal(code, 0)
    assert.deepEqual(about('provider main'), [
      'ok: can be reached, and its clock is ours',
      'ok: its metadata fits; it must know the redirect URIs http://localhost:9/auth/callback/main',
    ])
    assert.deepEqual(about(`upstream ${upstream.origin}`), ['ok: answers (200 to GET /)'])
    assert.deepEqual(
      findings.filter(({ state }) => state !== 'ok').map(({ what }) => what),
      ['store', 'origin http://localhost:9'],
    )
  })

  it('OPS-04 says when a provider’s clock and ours are apart', async t => {
    const server = createServer((_req, res) => {
      res.sendDate = false
      res.writeHead(404, { date: new Date(Date.now() - 300_000).toUTCString() }).end()
    })
    const port = await listenOn(t, server)

    const { code, about } = await diagnose({ identityProviders: { main: { ...providerConfig(idp), issuer: `http://127.0.0.1:${port}` } } })

    assert.equal(code, 1)
    assert.match(about('provider main').join('\n'), /^problem: its clock is 30\d s behind ours: tokens will be refused\. Set both by NTP$/m)
  })

  it('tells a name from a connection from a certificate', async t => {
    const certificate = makeCertificate()
    const port = await listenOn(
      t,
      createTlsServer(certificate, (_req, res) => res.end()),
    )
    const closed = await startUpstream()
    await closed.close()
    const main = { ...providerConfig(idp), issuer: `https://127.0.0.1:${port}` }
    const route = (path: string, address: string) => ({ path, upstream: address, access: 'anyone' })

    const { code, about } = await diagnose({
      identityProviders: { main },
      routes: [route('/a', closed.origin), route('/b', 'unix:/nowhere/app.sock'), route('/', 'http://no-such-name.invalid')],
    })

    assert.equal(code, 1)
    assert.match(about('provider main').join(), /^problem: the certificate is not believed \(DEPTH_ZERO_SELF_SIGNED_CERT\)/)
    assert.match(about(`upstream ${closed.origin}`).join(), /^warning: the connection is refused/)
    assert.match(about('upstream unix:/nowhere/app.sock').join(), /^warning: the socket cannot be opened \(ENOENT\)/)
    assert.match(about('upstream http://no-such-name.invalid').join(), /^warning: the name no-such-name\.invalid cannot be resolved/)
  })

  it('says what the store does not let us do, that it may drop sessions, and when it is not there', async t => {
    const [first = '', ...rights] = documentedUser('redis').split(' +')
    const narrow = [first, ...rights.filter(right => !right.startsWith('zadd'))].join(' +')
    const redis = await startRedis({
      acl: ['user default on nopass ~* &* +@all', narrow],
      args: ['--maxmemory', '100mb', '--maxmemory-policy', 'allkeys-lru'],
    })
    t.after(() => redis.stop())
    const login = new URL(redis.url)
    const [, user = '', password = ''] = /^user (\S+) .*?>(\S+)/.exec(narrow) ?? []
    Object.assign(login, { username: user, password })
    const session = { ...sessionConfig(), cookie: { insecure: true }, store: { kind: 'redis', url: { env: 'REDIS_URL' } } }

    const refused = await diagnose({ session }, { REDIS_URL: login.href })
    const evicting = await diagnose({ session }, { REDIS_URL: redis.url })
    const gone = await diagnose({ session }, { REDIS_URL: 'redis://127.0.0.1:9' })

    assert.equal(refused.code, 1)
    assert.match(
      refused.about('store').join(),
      /^problem: refuses to keep indexes: give the user what docs\/store\.md lists \(addToIndex: /,
    )
    assert.equal(refused.about('store').length, 1)
    assert.deepEqual(evicting.about('store'), [
      'ok: answers, and takes all that the gateway writes',
      'warning: its maxmemory-policy is allkeys-lru, which drops sessions when memory runs short: set noeviction',
    ])
    assert.match(gone.about('store').join(), /^problem: cannot be reached: .*ECONNREFUSED/)
  })

  it('says which secret everybody on the machine may read', async () => {
    const file = join(folder, 'cookie-key')
    writeFileSync(file, makeSecrets().COOKIE_KEY ?? '')
    chmodSync(file, 0o644)
    const session = { ...sessionConfig(), cookie: { insecure: true }, cookieKeys: [{ file }] }

    const open = await diagnose({ session })
    chmodSync(file, 0o640)
    const closed = await diagnose({ session })

    assert.deepEqual(open.about('session.cookieKeys[0]'), ['warning: its file may be read by everybody on this machine: chmod o-r'])
    assert.deepEqual(closed.about('files'), ['ok: no secret can be read by everybody on this machine'])
  })
})

async function listenOn(t: TestContext, server: ReturnType<typeof createServer>): Promise<number> {
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return (server.address() as AddressInfo).port
}
