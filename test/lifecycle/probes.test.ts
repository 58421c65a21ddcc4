import assert from 'node:assert/strict'
import { after, before, describe, it, type TestContext } from 'node:test'
import request from 'supertest'
import { eventually } from '../support/eventually.ts'
import { makeSecrets, providerConfig, sessionConfig } from '../support/gateway.ts'
import { startGatewayProcess } from '../support/gateway-process.ts'
import { type IdentityProvider, startIdentityProvider } from '../support/identity-provider.ts'
import { type RedisServer, startRedis } from '../support/redis-server.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'
import { createVisitor } from '../support/visitor.ts'

const host = 'app.example.test'

let idp: IdentityProvider
let upstream: Upstream
let redis: RedisServer
/** Answers the slow request; undefined until it has come. */
let release: (() => void) | undefined
before(async () => {
  idp = await startIdentityProvider({ redirectUris: [`https://${host}/auth/callback/main`] })
  upstream = await startUpstream((req, res) => {
    if (req.url !== '/slow') return void res.end('{}')
    release = () => res.end('late')
  })
  redis = await startRedis()
})
after(async () => {
  await Promise.all([idp.close(), upstream.close(), redis.stop()])
})

async function start(t: TestContext) {
  const config = {
    origins: [`https://${host}`],
    listen: { host: '127.0.0.1', port: 0 },
    probes: { host: '127.0.0.1', port: 0 },
    identityProviders: { main: providerConfig(idp) },
    session: { ...sessionConfig(), store: { kind: 'redis', url: { env: 'REDIS_URL' } } },
    routes: [
      { path: '/api', upstream: upstream.origin, access: 'signed-in', token: 'access' },
      { path: '/slow', upstream: upstream.origin, access: 'anyone', kind: 'api' },
      { path: '/gone', upstream: 'http://127.0.0.1:9', access: 'anyone', kind: 'api' },
    ],
  }
  const gateway = await startGatewayProcess({
    host,
    config,
    env: { CLIENT_SECRET: idp.clientSecret, REDIS_URL: redis.url, ...makeSecrets() },
  })
  t.after(() => gateway.kill())
  const port = Number(gateway.lines.find(line => line.event === 'probes_listening')?.port)
  return { gateway, probe: (path: string) => request(`http://127.0.0.1:${port}`).get(path) }
}

describe('the probes port', () => {
  it('OPS-03 is alive and ready, with Redis or without it, until the program is told to stop', async t => {
    const { gateway, probe } = await start(t)
    assert.deepEqual((await probe('/livez')).body, { status: 'alive' })
    assert.deepEqual((await probe('/readyz')).body, { status: 'ready', store: 'up', providers: {} })

    redis.freeze()
    const away = await eventually(async () => {
      const answer = await probe('/readyz')
      return answer.body.store === 'down' && answer
    })
    redis.thaw()
    assert.equal(away.status, 200)
    await eventually(async () => (await probe('/readyz')).body.store === 'up')

    const visitor = createVisitor(gateway)
    const slow = Promise.resolve(visitor.call('/slow').then(answer => answer.status))
    await eventually(() => release !== undefined)
    const stopped = gateway.stop()
    const leaving = await eventually(async () => {
      const answer = await probe('/readyz')
      return answer.status === 503 && answer
    })
    assert.equal(leaving.body.status, 'not_ready')
    assert.equal((await probe('/livez')).status, 200)
    release?.()
    assert.deepEqual([await slow, await stopped], [200, 0])
  })

  it('answers nothing else', async t => {
    const { probe } = await start(t)

    assert.deepEqual([(await probe('/')).status, (await probe('/auth/session')).status], [404, 404])
  })

  it('LOG-11 tells Prometheus what happened, by route and outcome', async t => {
    const { gateway, probe } = await start(t)
    const visitor = createVisitor(gateway)
    await visitor.signIn(idp)
    for (let call = 0; call < 3; call += 1) await visitor.call('/api')
    await visitor.call('/api', { site: 'same-site' })
    await visitor.call('/gone')
    await visitor.call('/nowhere?q=query-canary', { headers: { authorization: 'Bearer header-canary' } })
    await visitor.visit('/auth/logout', { method: 'POST' })

    const { text, headers } = await probe('/metrics')

    assert.match(String(headers['content-type']), /^text\/plain; version=0\.0\.4/)
    const has = (line: RegExp) => assert.match(text, line)
    has(/^sallyport_requests_total\{route="\/api",outcome="ok"\} 3$/m)
    has(/^sallyport_requests_total\{route="\/api",outcome="cross_site_refused"\} 1$/m)
    has(/^sallyport_requests_total\{route="\/gone",outcome="upstream_unreachable"\} 1$/m)
    has(/^sallyport_requests_total\{route="none",outcome="no_route"\} 1$/m)
    has(/^sallyport_request_added_seconds_count 4$/m)
    has(/^sallyport_upstream_seconds_bucket\{route="\/api",le="\+Inf"\} 3$/m)
    has(/^sallyport_sessions_created_total\{provider="main"\} 1$/m)
    has(/^sallyport_sessions_ended_total\{reason="logged_out"\} 1$/m)
    has(/^sallyport_provider_up\{provider="main"\} 1$/m)
    has(/^sallyport_store_up 1$/m)
    has(/^sallyport_build_info\{version="\d+\.\d+\.\d+"\} 1$/m)
    has(/^nodejs_eventloop_lag_seconds /m)
    assert.doesNotMatch(text, /alice|"a1"|session_id|canary|nowhere/)
  })
})
