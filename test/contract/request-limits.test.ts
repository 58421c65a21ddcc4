import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, it, type TestContext } from 'node:test'
import { createMemoryStore } from '../../src/store/memory.ts'
import { brokenStore } from '../support/broken-store.ts'
import { openForwardAuth } from '../support/forward-auth.ts'
import { makeSecrets, startGateway, type TestGateway } from '../support/gateway.ts'
import { type IdentityProvider, startIdentityProvider } from '../support/identity-provider.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'
import { createVisitor } from '../support/visitor.ts'

let idp: IdentityProvider
let upstream: Upstream
before(async () => {
  idp = await startIdentityProvider()
  upstream = await startUpstream()
})
after(() => Promise.all([idp.close(), upstream.close()]))
beforeEach(() => {
  upstream.requests.length = 0
})

const proxied = { host: '127.0.0.1', port: 0, trustedProxies: ['127.0.0.1'] }
const from = (address: string) => ({ headers: { 'x-forwarded-for': address } })

interface Limited {
  readonly access?: 'signed-in' | 'optional' | 'anyone'
  readonly perMinute: unknown
}

/** A gateway with one limited route, `/limited`; its clock stands still unless a test moves it. */
async function start(t: TestContext, { access = 'signed-in', perMinute }: Limited, options: { isAway?: boolean } = {}) {
  const startedAt = Date.now()
  let aheadMs = 0
  const clock = {
    now: () => startedAt + aheadMs,
    advance(ms: number) {
      aheadMs += ms
    },
  }
  const state = { isAway: options.isAway ?? false }
  const memory = createMemoryStore(clock)
  const limited = { path: '/limited', kind: 'api', upstream: upstream.origin, access, limits: { perMinute } }
  const gateway = await startGateway({
    idp,
    clock,
    store: brokenStore(memory, state),
    config: { listen: proxied, routes: [limited, { path: '/free', upstream: upstream.origin, access: 'anyone' }] },
  })
  t.after(() => gateway.close())
  return { gateway, state }
}

async function signIn(gateway: TestGateway, user: 'alice' | 'bob' = 'alice') {
  const visitor = createVisitor(gateway)
  await visitor.signIn(idp, { user })
  return visitor
}

/** The answers to so many calls, one after the other. */
async function flood(call: () => Promise<{ status: number }>, times: number): Promise<number[]> {
  const statuses: number[] = []
  for (let turn = 0; turn < times; turn += 1) statuses.push((await call()).status)
  return statuses
}

describe('routes[].limits.perMinute: a number', () => {
  it('PXY-17 counts each session, wherever it comes from', async t => {
    const { gateway } = await start(t, { perMinute: 3 })
    const [one, other] = [await signIn(gateway), await signIn(gateway)]
    let turn = 0

    const statuses = await flood(() => one.call('/limited', from(`198.51.100.${turn++}`)), 4)

    assert.deepEqual(statuses, [200, 200, 200, 429])
    assert.equal((await other.call('/limited')).status, 200)
    assert.equal((await one.call('/free')).status, 200)
    assert.equal(upstream.requests.length, 5)
  })

  it('PXY-17 tells when to come again, and lets in who does', async t => {
    const { gateway } = await start(t, { perMinute: 4 })
    const visitor = await signIn(gateway)
    await flood(() => visitor.call('/limited'), 4)

    const refused = await visitor.call('/limited')

    assert.deepEqual(
      [refused.status, refused.body.code, refused.headers['sallyport-error']],
      [429, 'too_many_requests', 'too_many_requests'],
    )
    assert.match(String(refused.headers['content-type']), /^application\/problem\+json/)
    assert.equal(refused.headers['retry-after'], '15')
    gateway.clock.advance(15_000)
    assert.deepEqual(await flood(() => visitor.call('/limited'), 2), [200, 429])
    gateway.clock.advance(60_000)
    assert.deepEqual(await flood(() => visitor.call('/limited'), 5), [200, 200, 200, 200, 429])
  })

  it('PXY-17 counts each client address where there is no session, and believes no address that a client makes up', async t => {
    const { gateway } = await start(t, { access: 'anyone', perMinute: 2 })
    const visitor = createVisitor(gateway)
    // What the client wrote stands to the left of what the trusted proxy has seen.
    let turn = 0
    const spoofing = () => visitor.call('/limited', from(`203.0.113.${turn++}, 198.51.100.1`))

    assert.deepEqual(await flood(spoofing, 3), [200, 200, 429])
    assert.equal((await visitor.call('/limited', from('198.51.100.2'))).status, 200)
  })

  it('PXY-17 takes all addresses of one IPv6 network for one client', async t => {
    const { gateway } = await start(t, { access: 'anyone', perMinute: 2 })
    const visitor = createVisitor(gateway)
    const addresses = ['2001:db8::1', '2001:db8:0:0:9::', '2001:0DB8:0:0:ffff:1:2:3']
    let turn = 0

    assert.deepEqual(await flood(() => visitor.call('/limited', from(addresses[turn++] ?? '')), 3), [200, 200, 429])
    assert.equal((await visitor.call('/limited', from('2001:db8:0:1::1'))).status, 200)
  })

  it('is for people a page, and for who may be signed in too', async t => {
    const { gateway } = await start(t, { access: 'optional', perMinute: 1 })
    const visitor = createVisitor(gateway)
    await visitor.visit('/limited')

    const page = await visitor.visit('/limited')

    assert.equal(page.status, 429)
    assert.match(String(page.headers['content-type']), /^text\/html/)
    assert.match(String(page.headers['retry-after']), /^60$/)
    await visitor.signIn(idp)
    assert.deepEqual(await flood(() => visitor.call('/limited'), 2), [200, 429])
  })

  it('does not count what another site makes the browser ask', async t => {
    const { gateway } = await start(t, { perMinute: 1 })
    const visitor = await signIn(gateway)

    const foreign = await flood(() => visitor.call('/limited', { site: 'same-site' }), 3)

    assert.deepEqual(foreign, [403, 403, 403])
    assert.equal((await visitor.call('/limited')).status, 200)
  })
})

describe('routes[].limits.perMinute: a map', () => {
  it('PXY-17 counts all sessions of a user together', async t => {
    const { gateway } = await start(t, { perMinute: { user: 2 } })
    const [phone, laptop, bob] = [await signIn(gateway), await signIn(gateway), await signIn(gateway, 'bob')]

    assert.deepEqual([(await phone.call('/limited')).status, (await laptop.call('/limited')).status], [200, 200])

    for (const visitor of [phone, laptop]) assert.equal((await visitor.call('/limited')).status, 429)
    assert.equal((await bob.call('/limited')).status, 200)
    const refusal = gateway.audit.find(line => line.code === 'too_many_requests')
    assert.deepEqual([refusal?.reason, refusal?.sub, refusal?.route], ['rate_user', (await phone.session()).user.sub, '/limited'])
  })

  it('PXY-17 counts everybody on a route together, and every limit that is set', async t => {
    const { gateway } = await start(t, { access: 'anyone', perMinute: { address: 2, route: 4 } })
    const visitor = createVisitor(gateway)

    // What one limit refuses has counted for the other, for both are asked at once; but only once, it is known then.
    assert.deepEqual(await flood(() => visitor.call('/limited', from('198.51.100.1')), 6), [200, 200, 429, 429, 429, 429])
    assert.deepEqual(await flood(() => visitor.call('/limited', from('198.51.100.2')), 2), [200, 429])
    const reasons = gateway.audit.filter(line => line.code === 'too_many_requests').map(line => line.reason)
    assert.deepEqual(reasons, ['rate_address', 'rate_route'])
  })

  it('counts each session and nothing else', async t => {
    const { gateway } = await start(t, { access: 'optional', perMinute: { session: 1 } })
    const [visitor, stranger] = [await signIn(gateway), createVisitor(gateway)]

    assert.deepEqual(await flood(() => visitor.call('/limited'), 2), [200, 429])
    assert.deepEqual(await flood(() => stranger.call('/limited'), 3), [200, 200, 200])
  })
})

describe('a flood', () => {
  it('LOG-08 is told to the audit once a minute, and each of its requests to the log', async t => {
    const { gateway } = await start(t, { access: 'anyone', perMinute: 1 })
    const visitor = createVisitor(gateway)
    const told = () => gateway.audit.filter(line => line.code === 'too_many_requests').length

    await flood(() => visitor.call('/limited', from('198.51.100.1')), 20)

    assert.equal(told(), 1)
    assert.equal(gateway.lines.filter(line => line.event === 'request' && line.status === 429).length, 19)
    gateway.clock.advance(60_000)
    await flood(() => visitor.call('/limited', from('198.51.100.1')), 20)
    assert.equal(told(), 2)
  })
})

describe('a limit while the store is away', () => {
  it('PXY-17 holds in this process, and refuses nobody for the outage', async t => {
    const { gateway, state } = await start(t, { access: 'anyone', perMinute: 2 }, { isAway: true })
    const visitor = createVisitor(gateway)

    assert.deepEqual(await flood(() => visitor.call('/limited', from('198.51.100.1')), 4), [200, 200, 429, 429])
    assert.equal((await visitor.call('/limited', from('198.51.100.2'))).status, 200)

    state.isAway = false
    gateway.clock.advance(60_000)
    assert.deepEqual(await flood(() => visitor.call('/limited', from('198.51.100.1')), 3), [200, 200, 429])
  })

  it('RDS-06 is no answer to who needs a session: 503, as without it', async t => {
    const { gateway, state } = await start(t, { perMinute: 3 })
    const visitor = await signIn(gateway)
    state.isAway = true

    const statuses = await flood(() => visitor.call('/limited'), 5)

    assert.deepEqual(statuses, [503, 503, 503, 429, 429])
  })
})

describe('forward-auth', () => {
  it('WEB-08 answers 403 in place of 429, with the code and when to ask again', async t => {
    const secrets = makeSecrets()
    const gateway = await startGateway({
      secrets,
      config: {
        listen: proxied,
        forwardAuth: { host: '127.0.0.1', port: 0, dialect: 'traefik' },
        routes: [{ path: '/', access: 'anyone', limits: { perMinute: 1 } }],
      },
    })
    const port = await openForwardAuth(gateway, 'traefik')
    t.after(() => port.close())
    t.after(() => gateway.close())

    const [first, second] = [await port.ask({ target: '/a' }), await port.ask({ target: '/b' })]

    assert.equal(first.status, 200)
    assert.deepEqual([second.status, second.header('sallyport-error'), second.header('retry-after')], [403, 'too_many_requests', '60'])
  })
})
