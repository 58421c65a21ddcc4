import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it, type TestContext } from 'node:test'
import { connect, type TLSSocket } from 'node:tls'
import { makeCertificate } from '../support/certificate.ts'
import { eventually } from '../support/eventually.ts'
import { makeSecrets, providerConfig, sessionConfig } from '../support/gateway.ts'
import { type GatewayProcess, startGatewayProcess } from '../support/gateway-process.ts'
import { type IdentityProvider, startIdentityProvider } from '../support/identity-provider.ts'
import { call, getHandle } from '../support/native-client.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'
import { createVisitor } from '../support/visitor.ts'

const host = 'app.example.test'

let idp: IdentityProvider
let upstream: Upstream
before(async () => {
  idp = await startIdentityProvider({ redirectUris: [`https://${host}/auth/callback/main`], accessTokens: 'opaque' })
  upstream = await startUpstream()
})
after(async () => {
  await idp.close()
  await upstream.close()
})

const routes = () => [{ path: '/api', upstream: upstream.origin, access: 'signed-in' }]

function describeGateway(changes: Readonly<Record<string, unknown>> = {}) {
  return {
    origins: [`https://${host}`],
    listen: { host: '127.0.0.1', port: 0 },
    identityProviders: { main: providerConfig(idp) },
    session: sessionConfig(),
    routes: routes(),
    ...changes,
  }
}

async function start(t: TestContext, changes: Readonly<Record<string, unknown>> = {}, env: Readonly<Record<string, string>> = {}) {
  const gateway = await startGatewayProcess({
    host,
    config: describeGateway(changes),
    env: { CLIENT_SECRET: idp.clientSecret, ...makeSecrets(), ...env },
  })
  t.after(() => gateway.kill())
  return gateway
}

const count = ({ lines }: GatewayProcess, event: string) => lines.filter(line => line.event === event).length

/** Writes the configuration anew and waits until the program has made up its mind, by itself. */
async function rewrite(gateway: GatewayProcess, config: object | string): Promise<string> {
  const before = count(gateway, 'reloaded') + count(gateway, 'reload_refused')
  writeFileSync(gateway.file, typeof config === 'string' ? config : JSON.stringify(config))
  const verdict = await eventually(() => gateway.lines.filter(line => /^reload(ed|_refused)$/.test(line.event))[before])
  return verdict.event
}

// Most of their time they wait for the program to look.
describe('a configuration that changes while the program runs', { concurrency: 3 }, () => {
  it('counts from then on; who is signed in stays so, and requests end as they began', async t => {
    let release = () => {}
    const slow = await startUpstream((_req, res) => {
      release = () => res.end('late')
    })
    t.after(() => slow.close())
    const routesBefore = [...routes(), { path: '/slow', upstream: slow.origin, access: 'signed-in', kind: 'api' }]
    const gateway = await start(t, { routes: routesBefore })
    const visitor = createVisitor(gateway)
    await visitor.signIn(idp)
    const pending = visitor.call('/slow')
    const answered = Promise.resolve(pending.then(answer => answer.text))
    await eventually(() => slow.requests.length === 1)

    const verdict = await rewrite(
      gateway,
      describeGateway({ routes: [...routes(), { path: '/new', upstream: upstream.origin, access: 'anyone', kind: 'api' }] }),
    )

    assert.equal(verdict, 'reloaded')
    assert.deepEqual(
      [(await visitor.call('/new')).status, (await visitor.call('/api')).status, (await visitor.call('/slow')).status],
      [200, 200, 404],
    )
    release()
    assert.equal(await answered, 'late')
  })

  it('NHI-03 takes from handles what it takes out of their client, and says so where they are listed', async t => {
    const guarded = [{ path: '/api', upstream: upstream.origin, token: 'access', require: { scopes: ['email'] } }]
    const withScopes = (scopes: readonly string[]) => ({
      routes: guarded,
      native: { clients: { cli: { name: 'CLI', redirects: ['loopback'], scopes } } },
    })
    const gateway = await start(t, withScopes(['email', 'sessions']))
    const handle = await getHandle(gateway, idp, { scope: 'email sessions' })
    const status = async () => (await call(gateway, '/api', handle)).status
    const before = await status()

    const verdict = await rewrite(gateway, describeGateway(withScopes(['openid', 'sessions'])))

    assert.equal(verdict, 'reloaded')
    assert.deepEqual([before, await status()], [200, 403])
    assert.deepEqual((await call(gateway, '/auth/sessions', handle)).body.sessions[0].scopes, ['sessions'])
  })

  it('OPS-01 is refused whole when anything is wrong with it, with a line for each mistake, and may be mended', async t => {
    const gateway = await start(t)
    const broken = describeGateway({
      routes: [{ path: '/new', upstream: upstream.origin, access: 'anyone' }],
      logn: {},
      csrf: { mode: 'none' },
    })

    assert.equal(await rewrite(gateway, broken), 'reload_refused')
    await eventually(() => count(gateway, 'reload_refused') === 2)
    assert.match(String(gateway.lines.find(line => line.event === 'reload_refused')?.error), /gateway\.yaml:\d+:\d+ (logn|csrf\.mode): /)
    assert.equal(await rewrite(gateway, '{"origins": ['), 'reload_refused')
    const visitor = createVisitor(gateway)
    assert.deepEqual([(await visitor.call('/new')).status, (await visitor.call('/api')).status], [404, 401])

    assert.equal(
      await rewrite(gateway, describeGateway({ routes: [{ path: '/new', upstream: upstream.origin, access: 'anyone' }] })),
      'reloaded',
    )
    assert.equal((await visitor.call('/new')).status, 200)
  })

  it('cannot move the program to another port', async t => {
    const gateway = await start(t)

    assert.equal(await rewrite(gateway, describeGateway({ listen: { host: '127.0.0.1', port: 1 } })), 'reload_refused')

    const error = gateway.lines.find(line => line.event === 'reload_refused')?.error
    assert.equal(error, 'listen.port: has changed, which takes a restart: nothing of this configuration is in use')
    assert.equal((await createVisitor(gateway).call('/api')).status, 401)
  })
})

describe('secrets that change while the program runs', { concurrency: 3 }, () => {
  // As Kubernetes writes them: the files are links through `..data`, and that link is swapped.
  it('are read when the mount is swapped, and kept as they were when the new ones are no good', async t => {
    const old = makeSecrets()
    const [fresh, third] = [makeSecrets(), makeSecrets()]
    const mount = createMount(t)
    mount.swap({ cookie: `${old.COOKIE_KEY}`, 'cookie-next': `${third.COOKIE_KEY}`, client: 'not-what-the-provider-has' })
    const config = describeGateway({
      identityProviders: { main: { ...providerConfig(idp), clientAuth: { secret: { file: join(mount.folder, 'client') } } } },
      session: { ...sessionConfig(), cookieKeys: [{ file: join(mount.folder, 'cookie') }, { file: join(mount.folder, 'cookie-next') }] },
    })
    const gateway = await start(t, config)
    const visitor = createVisitor(gateway)
    assert.notEqual((await visitor.signIn(idp)).status, 303, 'the provider takes the wrong secret')

    mount.swap({ cookie: `${old.COOKIE_KEY}`, 'cookie-next': `${third.COOKIE_KEY}`, client: idp.clientSecret })
    await eventually(() => count(gateway, 'reloaded') === 1)
    assert.equal((await visitor.signIn(idp)).status, 303)

    mount.swap({ cookie: 'half', 'cookie-next': `${third.COOKIE_KEY}`, client: idp.clientSecret })
    await eventually(() => count(gateway, 'reload_refused') === 1)
    assert.equal((await visitor.call('/api')).status, 200)

    mount.swap({ cookie: `${fresh.COOKIE_KEY}`, 'cookie-next': `${old.COOKIE_KEY}`, client: idp.clientSecret })
    await eventually(() => count(gateway, 'reloaded') === 2)
    assert.equal((await visitor.call('/api')).status, 200)
    const told = JSON.stringify(gateway.lines)
    for (const secret of [old.COOKIE_KEY, fresh.COOKIE_KEY, third.COOKIE_KEY, idp.clientSecret]) assert.ok(!told.includes(String(secret)))
  })

  it('let a new certificate be shown from the next connection on, and leave those that stand', async t => {
    const [first, second] = [makeCertificate([host]), makeCertificate([host])]
    const mount = createMount(t)
    mount.swap({ 'tls.crt': first.cert, 'tls.key': first.key })
    const tls = { cert: { file: join(mount.folder, 'tls.crt') }, key: { file: join(mount.folder, 'tls.key') } }
    const gateway = await start(t, { listen: { host: '127.0.0.1', port: 0, tls } })
    const standing = await openTls(gateway.port, first.cert)
    t.after(() => standing.destroy())

    mount.swap({ 'tls.crt': second.cert, 'tls.key': first.key })
    await eventually(() => count(gateway, 'reload_refused') === 1)
    mount.swap({ 'tls.crt': second.cert, 'tls.key': second.key })
    await eventually(() => count(gateway, 'reloaded') === 1)

    await assert.rejects(openTls(gateway.port, first.cert), /DEPTH_ZERO_SELF_SIGNED_CERT|self.signed/i)
    ;(await openTls(gateway.port, second.cert)).destroy()
    standing.write(`GET /api HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
    let text = ''
    standing.on('data', chunk => {
      text += chunk
    })
    await eventually(() => text.startsWith('HTTP/1.1 401'))
  })
})

describe('SIGHUP', () => {
  it('LOG-08 opens the audit’s file anew, for who rotates it by renaming', async t => {
    const mount = createMount(t)
    mkdirSync(mount.folder, { recursive: true })
    const file = join(mount.folder, 'audit.log')
    const gateway = await start(t, { audit: { output: { file } } })
    const refused = async () => createVisitor(gateway).call('/api', { site: 'cross-site', headers: { cookie: '__Host-Http-sallyport=x' } })
    await refused()
    await eventually(() => existsSync(file) && readFileSync(file, 'utf8').includes('cross_site_refused'))

    renameSync(file, `${file}.1`)
    gateway.hangUp()
    await eventually(() => count(gateway, 'reloaded') === 1)
    await refused()

    await eventually(() => existsSync(file) && readFileSync(file, 'utf8').includes('cross_site_refused'))
    assert.equal(readFileSync(`${file}.1`, 'utf8').match(/cross_site_refused/g)?.length, 1)
  })
})

/** A folder as Kubernetes mounts a secret. */
function createMount(t: TestContext) {
  const folder = join(process.env.TMPDIR ?? '/tmp', `sallyport-mount-${process.pid}-${Math.random().toString(36).slice(2)}`)
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  let version = 0
  return {
    folder,
    swap(files: Readonly<Record<string, string>>) {
      version += 1
      const data = join(folder, `..${version}`)
      mkdirSync(data, { recursive: true })
      for (const [name, text] of Object.entries(files)) writeFileSync(join(data, name), text)
      symlinkSync(`..${version}`, join(folder, '..data.tmp'))
      renameSync(join(folder, '..data.tmp'), join(folder, '..data'))
      for (const name of Object.keys(files)) {
        if (!existsSync(join(folder, name))) symlinkSync(join('..data', name), join(folder, name))
      }
    },
  }
}

function openTls(port: number, ca: string): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, servername: host, ca, ALPNProtocols: ['http/1.1'] }, () => resolve(socket))
    socket.once('error', reject)
  })
}
