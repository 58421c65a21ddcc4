import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, before, describe, it } from 'node:test'
import { eventually } from '../support/eventually.ts'
import { makeSecrets, providerConfig, sessionConfig } from '../support/gateway.ts'
import { startGatewayProcess } from '../support/gateway-process.ts'
import { startIdentityProvider } from '../support/identity-provider.ts'
import { projectRoot } from '../support/project-files.ts'
import { findFreePort, startRedis } from '../support/redis-server.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'
import { createVisitor } from '../support/visitor.ts'

const host = 'app.example.test'

let upstream: Upstream
let folder: string
before(async () => {
  upstream = await startUpstream()
  folder = mkdtempSync(join(tmpdir(), 'sallyport-start-'))
})
after(async () => {
  await upstream.close()
  rmSync(folder, { recursive: true })
})

const secrets = { CLIENT_SECRET: 'a-secret-of-no-use', ...makeSecrets() }

function describeGateway(changes: Readonly<Record<string, unknown>> = {}) {
  return {
    origins: [`https://${host}`],
    listen: { host: '127.0.0.1', port: 0 },
    identityProviders: { main: providerConfig(undefined) },
    session: sessionConfig(),
    routes: [
      { path: '/api', upstream: upstream.origin, access: 'signed-in' },
      { path: '/', upstream: upstream.origin, access: 'anyone', kind: 'api' },
    ],
    ...changes,
  }
}

/** Runs the program on a configuration with which it cannot start. */
async function fail(changes: Readonly<Record<string, unknown>>) {
  const file = join(folder, 'gateway.yaml')
  writeFileSync(file, JSON.stringify(describeGateway(changes)))
  const args = [join(projectRoot, 'src/cli/main.ts'), 'serve', '--config', file]
  const child = spawn(process.execPath, args, { env: { NODE_ENV: 'production', ...secrets }, stdio: ['ignore', 'pipe', 'pipe'] })
  const [said, [code]] = await Promise.all([text(child.stderr), once(child, 'exit')])
  return { code, said }
}

describe('the start of the program', () => {
  it('needs neither Redis nor the provider: what needs them gets 503, and works when they are there', async t => {
    const [port, idp] = [await findFreePort(), await startIdentityProvider({ redirectUris: [`https://${host}/auth/callback/main`] })]
    await idp.stop()
    const gateway = await startGatewayProcess({
      host,
      config: describeGateway({
        identityProviders: { main: providerConfig(idp) },
        session: { ...sessionConfig(), store: { kind: 'redis', url: { env: 'REDIS_URL' } } },
      }),
      env: { ...secrets, CLIENT_SECRET: idp.clientSecret, REDIS_URL: `redis://127.0.0.1:${port}` },
      waitsForStore: false,
    })
    t.after(() => Promise.all([gateway.kill(), idp.close()]))
    const visitor = createVisitor(gateway)

    assert.equal((await visitor.call('/')).status, 200)
    const refused = await visitor.visit('/auth/login')
    assert.deepEqual([refused.status, refused.headers['sallyport-error']], [503, 'store_unavailable'])
    assert.ok(Number(refused.headers['retry-after']) > 0)

    const redis = await startRedis({ port })
    t.after(() => redis.stop())
    await eventually(async () => (await visitor.visit('/auth/login')).headers['sallyport-error'] === 'idp_unavailable')
    await idp.start()
    await eventually(async () => (await visitor.visit('/auth/login')).status === 302)
    assert.equal((await visitor.signIn(idp)).status, 303)
  })

  it('OPS-01 is refused where a port is taken, with what to do, and 2', async () => {
    const { port } = new URL(upstream.origin)

    const { code, said } = await fail({ listen: { host: '127.0.0.1', port: Number(port) } })

    assert.equal(code, 2)
    assert.match(
      said,
      new RegExp(`listen\\.port: 127\\.0\\.0\\.1:${port} is taken: stop the program that listens there, or choose another port`),
    )
    assert.doesNotMatch(said, /\n {4}at /)
  })

  it('OPS-01 is refused where an address is not ours', async () => {
    const { code, said } = await fail({ probes: { host: '192.0.2.1', port: 0 } })

    assert.equal(code, 2)
    assert.match(said, /probes\.port: 192\.0\.2\.1:0 is no address of this machine/)
  })

  it('OPS-01 is refused where the audit cannot be written', async () => {
    const { code, said } = await fail({ audit: { output: { file: folder } } })

    assert.equal(code, 2)
    assert.match(said, /audit\.output\.file: cannot be written \(EISDIR\): name a file that this user may write/)
  })
})
