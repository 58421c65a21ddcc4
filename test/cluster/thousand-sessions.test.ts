import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { Agent, request } from 'undici'
import { makeSecrets, providerConfig, sessionConfig } from '../support/gateway.ts'
import { type GatewayProcess, startGatewayProcess } from '../support/gateway-process.ts'
import { type LyingProvider, startLyingProvider } from '../support/lying-provider.ts'
import { type RedisServer, startRedis } from '../support/redis-server.ts'
import { makeSignIn } from '../support/sign-in.ts'
import { storeSessions } from '../support/stored-sessions.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'

const count = 1_000
const host = 'app.example.test'
const agent = new Agent({ connections: 250 })

let redis: RedisServer
let idp: LyingProvider
let upstream: Upstream
let gateways: readonly GatewayProcess[]
let env: Readonly<Record<string, string>>

// This provider tells the truth, but for ID tokens that nobody asks a refresh for. It is not the real one because
// nobody signs in a thousand times here, and a real one takes no refresh token that it has not given.
before(async () => {
  ;[redis, idp, upstream] = await Promise.all([startRedis(), startLyingProvider(), startUpstream()])
  idp.lies = { answer: ({ id_token: _left, ...answer }) => answer }
  env = { ...makeSecrets(), REDIS_URL: redis.url, CLIENT_SECRET: idp.clientSecret }
  const config = {
    origins: [`https://${host}`],
    listen: { host: '127.0.0.1', port: 0 },
    identityProviders: { main: { ...providerConfig(idp), timeout: '20s' } },
    session: sessionConfig({ store: { kind: 'redis', url: { env: 'REDIS_URL' } } }),
    routes: [{ path: '/api/home', upstream: upstream.origin, access: 'signed-in', token: 'access' }],
  }
  gateways = await Promise.all([0, 1].map(() => startGatewayProcess({ host, config, env })))
})

after(async () => {
  await agent.close()
  await Promise.all(gateways.map(gateway => gateway.stop()))
  await Promise.all([redis.stop(), idp.close(), upstream.close()])
})

const mostTries = 40

async function call({ port }: GatewayProcess, cookie: string): Promise<number> {
  const headers = { host, cookie: `__Host-Http-sallyport=${cookie}`, 'sec-fetch-site': 'same-origin', 'sec-fetch-mode': 'cors' }
  for (let tries = 1; ; tries += 1) {
    const { statusCode, body } = await request(`http://127.0.0.1:${port}/api/home`, { dispatcher: agent, headers })
    await body.dump()
    // Two thousand calls at once on a machine that is busy: an answer of the store may come too late. A client tries again.
    if (statusCode !== 503 || tries === mostTries) return statusCode
    await setTimeout(250)
  }
}

describe('a thousand sessions whose tokens have run out', () => {
  it('RTK-02 cost a thousand refresh grants, one each, when all call at both of two replicas at once', async () => {
    const over = Date.now() - 1_000
    const access = { token: 'spent', scopes: ['openid'], expiresAt: over, refreshedAt: over - 300_000 }
    const signIn = (index: number) => makeSignIn(Date.now(), { sub: `user-${index}`, refreshToken: `refresh-token-${index}`, access })
    const cookies = await storeSessions({ count, redisUrl: redis.url, secrets: env, signIn })

    const statuses = await Promise.all(cookies.flatMap(cookie => gateways.map(gateway => call(gateway, cookie))))

    const tally = Object.groupBy(statuses, String)
    assert.deepEqual(Object.keys(tally), ['200'])
    const shown = idp.requests.filter(({ path }) => path === '/token').map(({ body }) => body.get('refresh_token'))
    assert.deepEqual([shown.length, new Set(shown).size], [count, count])
    const tokens = new Set(upstream.requests.map(({ headers }) => headers.authorization))
    assert.deepEqual([upstream.requests.length, tokens.size, tokens.has('Bearer spent')], [2 * count, count, false])
  })
})
