import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, describe, it } from 'node:test'
import { type BuiltProgram, buildProgram } from '../support/built-program.ts'
import { makeSecrets, providerConfig, sessionConfig } from '../support/gateway.ts'
import { startGatewayProcess } from '../support/gateway-process.ts'
import { startRedis } from '../support/redis-server.ts'

const host = 'app.example.test'

let built: BuiltProgram
before(async () => {
  built = await buildProgram()
})
after(() => built.remove())

/** MiB that the program has in memory once it serves, before anybody has asked it anything. */
async function residentAtRest(t: { after(run: () => unknown): void }, store: Readonly<Record<string, unknown>>, url: string) {
  const gateway = await startGatewayProcess({
    host,
    program: built.main,
    config: {
      origins: [`https://${host}`],
      listen: { host: '127.0.0.1', port: 0 },
      identityProviders: { main: providerConfig(undefined) },
      session: { ...sessionConfig(), store },
      routes: [{ path: '/', upstream: 'http://127.0.0.1:9', access: 'anyone' }],
    },
    env: { CLIENT_SECRET: 'a-secret-of-no-use', ...makeSecrets(), REDIS_URL: url },
  })
  t.after(() => gateway.stop())
  const status = readFileSync(`/proc/${gateway.pid}/status`, 'latin1')
  return Number(/^VmRSS:\s*(\d+) kB$/m.exec(status)?.[1]) / 1024
}

// Some 93 MiB, of which Node itself is 44; without what docs/decisions/018 tells of, 130. From the sources it is more.
describe('the built program at rest', () => {
  it('takes less than 100 MiB with sessions in memory', async t => {
    const resident = await residentAtRest(t, { kind: 'memory' }, '')

    assert.ok(resident < 100, `${resident.toFixed(1)} MiB`)
  })

  it('takes less than 100 MiB with sessions in Redis', async t => {
    const redis = await startRedis()
    t.after(() => redis.stop())

    const resident = await residentAtRest(t, { kind: 'redis', url: { env: 'REDIS_URL' } }, redis.url)

    assert.ok(resident < 100, `${resident.toFixed(1)} MiB`)
  })
})
