import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, it } from 'node:test'
import { createSealing } from '../../src/session/sealing.ts'
import { makeSecrets, sessionConfig, startGateway, type TestGateway } from '../support/gateway.ts'
import { type IdentityProvider, startIdentityProvider } from '../support/identity-provider.ts'
import { type RedisServer, startRedis } from '../support/redis-server.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'
import { createVisitor, type Visitor } from '../support/visitor.ts'

const sessionCookie = '__Host-Http-sallyport'

let redis: RedisServer
let idp: IdentityProvider
let upstream: Upstream

before(async () => {
  redis = await startRedis()
  idp = await startIdentityProvider()
  upstream = await startUpstream()
})

after(async () => {
  await redis.stop()
  await idp.close()
  await upstream.close()
})

const secrets: Record<string, string> = makeSecrets()

async function startOverRedis(session: Record<string, unknown> = {}): Promise<TestGateway> {
  const store = { kind: 'redis', url: { env: 'REDIS_URL' }, namespace: 'sp' }
  const gateway = await startGateway({
    idp,
    upstream: upstream.origin,
    secrets: { ...secrets, REDIS_URL: redis.url },
    config: { session: sessionConfig({ store, ...session }) },
  })
  await until(() => gateway.ready())
  return gateway
}

/** Asks again until it is so; at most for two seconds, which is how long a recovery may take. */
async function until(isSo: () => Promise<unknown>): Promise<void> {
  const deadline = Date.now() + 2_000
  for (;;) {
    try {
      await isSo()
      return
    } catch (error) {
      if (Date.now() > deadline) throw error
      await new Promise(resolve => setTimeout(resolve, 20))
    }
  }
}

async function dumpText(): Promise<string> {
  return JSON.stringify(await redis.dump())
}

describe('a dump of Redis with a live session', () => {
  for (const sealing of ['holder', 'gateway'] as const) {
    it(`RDS-01 RDS-02 A-067 holds no token, code, cookie or e-mail (${sealing})`, async () => {
      const gateway = await startOverRedis({ sealing })
      const visitor = createVisitor(gateway)
      await visitor.signIn(idp)
      const credential = decodeURIComponent(visitor.jar.get(sessionCookie) ?? '').slice(2)
      const [, , secret = ''] = credential.split('.')

      const dump = await dumpText()

      assert.equal((await visitor.call('/api/orders')).status, 200)
      for (const text of [...idp.issued, secret, 'alice', 'example.com', idp.clientSecret, 'eyJ', ...Object.values(secrets)]) {
        if (text !== '') assert.equal(dump.includes(text), false, text)
      }
      await gateway.close()
    })
  }

  it('RDS-02 opens no token and shows no e-mail even to who has the sealing key', async () => {
    const gateway = await startOverRedis()
    const visitor = createVisitor(gateway)
    await visitor.signIn(idp)
    const sealing = createSealing([{ id: 'k1', key: Buffer.from(secrets.SEALING_KEY ?? '', 'base64url') }])

    const opened: string[] = []
    for (const { key, value } of await redis.dump()) {
      const [, id = '', kind = '', member = ''] = /^sp:\{([^}]*)\}:(\w+):?(\w*)$/.exec(key) ?? []
      for (const type of ['session', 'wrap', 'vault', 'attempt', 'result'] as const) {
        for (const name of [id, `${id}.${member}`]) {
          const result = sealing.open({ type, key: name }, String(value))
          if (typeof result === 'object') opened.push(kind, result.plaintext)
        }
      }
    }

    assert.ok(opened.includes('s'), 'the session record itself opens: who, when and until when')
    const text = opened.join('\n')
    for (const hidden of [...idp.issued, 'alice@', 'example.com', 'Alice']) assert.equal(text.includes(hidden), false, hidden)
    await gateway.close()
  })

  it('NIST-06 SES-06 keeps nothing of the person once the session has ended, not even sealed', async () => {
    const gateway = await startOverRedis()
    const visitor = createVisitor(gateway)
    await visitor.signIn(idp)
    const id = (await visitor.session()).session.session_id

    await visitor.visit('/auth/logout', { method: 'POST' })

    const left = (await redis.dump()).filter(({ key }) => key.startsWith(`sp:{${id}}`) && !key.endsWith(':m'))
    assert.deepEqual(
      left.map(({ key, value }) => [key, value]),
      [[`sp:{${id}}:s:0`, '!logged_out']],
    )
    await gateway.close()
  })

  it('RDS-07 has a life for every key', async () => {
    for (const { key } of await redis.dump()) assert.ok(Number(await redis.send('PTTL', key)) > 0, key)
  })
})

describe('records that somebody changed', () => {
  let gateway: TestGateway
  let visitor: Visitor
  let id: string

  beforeEach(async () => {
    await redis.send('FLUSHALL')
    gateway = await startOverRedis()
    visitor = createVisitor(gateway)
    await visitor.signIn(idp)
    id = (await visitor.session()).session.session_id
    ;(gateway.audit as unknown[]).length = 0
  })

  for (const [what, change] of Object.entries({
    flipped: (value: string) => value.slice(0, -9) + (value.at(-9) === 'A' ? 'B' : 'A') + value.slice(-8),
    cut: (value: string) => value.slice(0, -10),
    'replaced by JSON': () => '{"sub":"admin","groups":["ops"]}',
    'of another format': (value: string) => `9${value.slice(1)}`,
  })) {
    for (const part of ['s:0', 'v']) {
      it(`RDS-03 A-065 are no session: ${part} ${what}`, async () => {
        const key = `sp:{${id}}:${part}`
        const value = String(await redis.send('GET', key))
        await redis.send('SET', key, change(value), 'KEEPTTL')

        const answer = await visitor.call('/api/orders')

        assert.equal(answer.status, 401)
        assert.deepEqual(
          gateway.events().filter(event => event === 'record_rejected'),
          ['record_rejected'],
        )
        await until(async () => assert.equal(await redis.send('EXISTS', `sp:{${id}}:v`), 0))
        await gateway.close()
      })
    }
  }

  it('RDS-02 are no session under the key of another', async () => {
    const other = createVisitor(gateway)
    await other.signIn(idp, { user: 'bob' })
    const otherId = (await other.session()).session.session_id
    for (const part of ['s:0', 'v']) await redis.send('COPY', `sp:{${id}}:${part}`, `sp:{${otherId}}:${part}`, 'REPLACE')

    assert.equal((await other.call('/api/orders')).status, 401)
    assert.equal((await visitor.call('/api/orders')).status, 200)
    await gateway.close()
  })
})

describe('while Redis is', () => {
  async function assertOutage(gateway: TestGateway, visitor: Visitor): Promise<void> {
    const cookies = visitor.setCookies.length
    const startedAt = performance.now()
    const [call, page, session, logout] = await Promise.all([
      visitor.call('/api/orders'),
      visitor.visit('/reports'),
      visitor.call('/auth/session'),
      visitor.visit('/auth/logout', { method: 'POST' }),
    ])

    for (const answer of [call, page, session, logout]) {
      assert.equal(answer.status, 503)
      assert.equal(answer.headers['sallyport-error'], 'store_unavailable')
      assert.ok(Number(answer.headers['retry-after']) > 0)
    }
    assert.equal(visitor.setCookies.length, cookies, 'no cookie is cleared')
    assert.ok(performance.now() - startedAt < 5_000, 'nothing hangs')
    assert.equal((await visitor.call('/')).status, 200, 'public pages outlive it')
    assert.deepEqual(
      upstream.requests.map(request => request.url),
      ['/'],
      'nothing passes unchecked',
    )
    assert.ok(gateway.lines.some(line => line.event === 'store_down'))
  }

  let gateway: TestGateway
  let visitor: Visitor

  beforeEach(async () => {
    gateway = await startOverRedis()
    visitor = createVisitor(gateway)
    await visitor.signIn(idp)
    upstream.requests.length = 0
  })

  it('RDS-06 frozen: 503, the cookie is kept, and all goes on by itself', async () => {
    redis.freeze()
    await assertOutage(gateway, visitor)
    redis.thaw()

    await until(async () => assert.equal((await visitor.call('/api/orders')).status, 200))
    await gateway.close()
  })

  it('RDS-06 killed: 503, the cookie is kept; back and empty, the session is gone and a new one begins', async () => {
    await redis.kill()
    await assertOutage(gateway, visitor)
    await redis.restart()

    await until(async () => assert.equal((await visitor.call('/api/orders')).status, 401))
    await visitor.signIn(idp)
    assert.equal((await visitor.call('/api/orders')).status, 200)
    await gateway.close()
  })

  it('RDS-06 not there at the start: the gateway starts, and serves once it is', async () => {
    await redis.kill()
    const early = await startGateway({
      idp,
      upstream: upstream.origin,
      secrets: { ...secrets, REDIS_URL: redis.url },
      config: { session: sessionConfig({ store: { kind: 'redis', url: { env: 'REDIS_URL' } } }) },
    })
    const arrival = createVisitor(early)
    assert.equal((await arrival.visit('/auth/login')).status, 503)
    assert.equal(arrival.jar.size, 0)

    await redis.restart()

    await until(async () => assert.equal((await arrival.visit('/auth/login')).status, 302))
    await early.close()
    await gateway.close()
  })
})

describe('two gateways over one Redis', () => {
  it('RDS-09 A-053 see a sign-out of the other at once', async () => {
    const [first, second] = [await startOverRedis(), await startOverRedis()]
    const here = createVisitor(first)
    await here.signIn(idp)
    const there = createVisitor(second, here.jar)
    assert.equal((await there.call('/api/orders')).status, 200)
    const kept = new Map(here.jar)

    await here.visit('/auth/logout', { method: 'POST' })

    assert.equal((await createVisitor(second, kept).call('/api/orders')).status, 401)
    await first.close()
    await second.close()
  })

  it('A-137 NHI-08 of two environments share nothing', async () => {
    const production = await startOverRedis()
    const visitor = createVisitor(production)
    await visitor.signIn(idp)
    const staging = await startGateway({
      idp,
      upstream: upstream.origin,
      secrets: { ...makeSecrets(), REDIS_URL: redis.url },
      config: { session: sessionConfig({ store: { kind: 'redis', url: { env: 'REDIS_URL' }, namespace: 'sp' } }) },
    })
    await until(() => staging.ready())

    assert.equal((await createVisitor(staging, visitor.jar).call('/api/orders')).status, 401)
    assert.equal((await visitor.call('/api/orders')).status, 200)
    await production.close()
    await staging.close()
  })
})
