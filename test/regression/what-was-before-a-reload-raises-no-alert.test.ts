import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import request from 'supertest'
import { eventually } from '../support/eventually.ts'
import { makeSecrets, providerConfig, sessionConfig } from '../support/gateway.ts'
import { startGatewayProcess } from '../support/gateway-process.ts'
import { startRedis } from '../support/redis-server.ts'
import { createVisitor } from '../support/visitor.ts'

// What happened: the metrics outlive the gateways of a process, and kept what an earlier one had found. An upstream that
// was out when the configuration changed stayed `sallyport_upstream_up 0` for good, whether it came back or was no longer
// asked; likewise a provider; and a Redis that was switched off after a change to another one turned
// `sallyport_store_up` to 0. Each of them an alert that nothing ends but a restart.
// What holds it now: each gateway tells of what it finds around itself, and the newest alone is shown; of the stores the
// one in use.
const host = 'app.example.test'

describe('after a reload', () => {
  it('OPS-03 the metrics tell of what is in use, and of nothing that was', async t => {
    const [former, next] = [await startRedis(), await startRedis()]
    t.after(() => Promise.all([former.stop(), next.stop()]))
    const configOf = (url: string, routes: readonly object[]) => ({
      origins: [`https://${host}`],
      listen: { host: '127.0.0.1', port: 0 },
      probes: { host: '127.0.0.1', port: 0 },
      identityProviders: { main: providerConfig(undefined) },
      session: { ...sessionConfig(), store: { kind: 'redis', url: { env: url } } },
      routes,
    })
    const gone = { path: '/gone', upstream: 'http://127.0.0.1:9', access: 'anyone', kind: 'api' }
    const gateway = await startGatewayProcess({
      host,
      config: configOf('FORMER', [gone, { path: '/', upstream: 'http://127.0.0.1:9', access: 'signed-in' }]),
      env: { CLIENT_SECRET: 'of-no-use-to-anybody', FORMER: former.url, NEXT: next.url, ...makeSecrets() },
    })
    t.after(() => gateway.kill())
    const port = Number(gateway.lines.find(line => line.event === 'probes_listening')?.port)
    const metrics = async () => (await request(`http://127.0.0.1:${port}`).get('/metrics')).text
    const seen = (event: string) => gateway.lines.filter(line => line.event === event).length
    const visitor = createVisitor(gateway)
    for (let call = 0; call < 3; call += 1) await visitor.call('/gone')
    await visitor.visit('/auth/login')
    const before = await metrics()
    assert.match(before, /^sallyport_upstream_up\{upstream="http:\/\/127\.0\.0\.1:9"\} 0$/m)
    assert.match(before, /^sallyport_provider_up\{provider="main"\} 0$/m)

    writeFileSync(gateway.file, JSON.stringify(configOf('NEXT', [{ path: '/', upstream: 'http://127.0.0.1:9', access: 'signed-in' }])))
    gateway.hangUp()
    await eventually(() => seen('reloaded') === 1 && seen('store_up') === 2)
    await former.kill()
    await eventually(() => seen('store_down') === 1)

    const text = await metrics()
    assert.match(text, /^sallyport_store_up 1$/m)
    assert.doesNotMatch(text, /^sallyport_(upstream|provider)_up\{.*\} 0$/m)
    assert.match(text, /^sallyport_provider_seconds_count\{provider="main"\} [1-9]/m)
  })
})
