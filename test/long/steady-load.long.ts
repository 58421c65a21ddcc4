import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Agent, type IncomingMessage, request } from 'node:http'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { after, before, describe, it } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { type Cluster, startCluster } from '../support/cluster.ts'
import { openEvents } from '../support/event-reader.ts'
import { eventually } from '../support/eventually.ts'
import { assertFlat, describeMemory, tell } from '../support/memory-growth.ts'
import { createVisitor, type Visitor } from '../support/visitor.ts'

/** Of the load itself, beside a fifth of it before as warm-up. LOAD_SECONDS=30 tries it out. */
const loadSeconds = Number(process.env.LOAD_SECONDS ?? 600)
const warmUpSeconds = Math.max(40, loadSeconds / 5)

// Renewed when half of it is over (src/tokens/freshness.ts): each session renews every 20 s, for three routes in turn.
const accessTokenSeconds = 40
const callers = 12
// Steady, and not all that the machine can: others need it, too.
const restMs = 20
// A leak of one small object for each request would be several times as much of heap; of what the process has, V8 gives little back.
const bounds = { heapMiB: 6, rssMiB: 64 }

let cluster: Cluster

before(async () => {
  // The provider ends the grant when a refresh token is used twice, as happens after an answer that came too late: a
  // machine that stands still for two seconds would cost a session, and that is not what is looked at here.
  cluster = await startCluster({ replicas: 1, isWatched: true, provider: () => ({ timeout: '30s' }) })
  cluster.idp.setAccessTokenSeconds(accessTokenSeconds)
})

after(() => cluster?.close())

describe(`${loadSeconds} s of steady load`, () => {
  const limit = { timeout: (loadSeconds + warmUpSeconds + 120) * 1000 }

  it('leave the memory as it was, without an error, while tokens are renewed and people come and go', limit, async () => {
    const gateway = cluster.at(0)
    const { idp } = cluster
    const agent = new Agent({ keepAlive: true, maxSockets: callers })
    const visitors = await Promise.all(Array.from({ length: callers }, () => cluster.arrive()))

    const counts: Record<string, number> = {}
    const note = (what: string) => {
      counts[what] = (counts[what] ?? 0) + 1
    }

    /** One request on a connection that is kept, its answer read to the end. */
    async function call(path: string, { jar }: Visitor, body?: Buffer): Promise<void> {
      const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ')
      const headers = { host: gateway.host, cookie, 'sec-fetch-site': 'same-origin', 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty' }
      const asked = request({ agent, host: '127.0.0.1', port: gateway.port, method: body ? 'POST' : 'GET', path, headers }).end(body)
      const [answer] = (await once(asked, 'response')) as [IncomingMessage]
      await once(answer.resume(), 'end')
      note([body ? 'POST' : 'GET', path, answer.headers['sallyport-error'] ?? answer.statusCode].join(' '))
    }

    const form = Buffer.alloc(16 * 1024, 'x')
    const turns = ['/api/home', '/api/orders', '/api/home', '/auth/session', '/api/billing', '/']
    async function callOn(caller: number, isOver: () => boolean): Promise<void> {
      const visitor = visitors[caller]?.at(0) ?? assert.fail()
      for (let turn = caller; !isOver(); turn += 1) {
        await call(turns[turn % turns.length] ?? '/', visitor)
        if (turn % 5 === 0) await call('/api/home', visitor, form)
        await wait(restMs)
      }
    }

    /** Somebody who comes, looks, and leaves, over and over, a stream open to the end. */
    async function comeAndGo(isOver: () => boolean): Promise<void> {
      while (!isOver()) {
        const visitor = createVisitor(gateway)
        note(`sign-in ${(await visitor.signIn(idp)).status}`)
        const events = await openEvents(gateway, visitor)
        await call('/api/orders', visitor)
        note(`sign-out ${(await visitor.call('/auth/logout', { method: 'POST' })).status}`)
        await events.until('session_ended')
        events.socket.destroy()
        await wait(restMs * 5)
      }
    }

    async function load(seconds: number): Promise<void> {
      const overAt = performance.now() + seconds * 1000
      const isOver = () => performance.now() > overAt
      const housekeeping = setInterval(() => {
        cluster.upstream.requests.length = 0
      }, 1000)
      try {
        await Promise.all([comeAndGo(isOver), ...visitors.map((_, caller) => callOn(caller, isOver))])
      } finally {
        clearInterval(housekeeping)
      }
    }

    async function settled() {
      // Requests that came to an end a moment ago still have their sockets and timers.
      await eventually(() => gateway.memory('look').then(({ handles }) => handles < 100), 15_000)
      return gateway.memory('settle')
    }

    // The provider is in this process: while that stands still, renewals wait.
    const pauses = monitorEventLoopDelay()
    pauses.enable()
    await load(warmUpSeconds)
    const beforeLoad = await settled()
    for (const what of Object.keys(counts)) delete counts[what]
    const [refreshesBefore, linesBefore] = [idp.refreshes(), gateway.lines.length]
    for (let part = 1; part <= 10; part += 1) {
      await load(loadSeconds / 10)
      tell(`after ${Math.round((loadSeconds * part) / 10)} s`, describeMemory(await gateway.memory('settle')))
    }
    const afterLoad = await settled()
    const refreshes = idp.refreshes() - refreshesBefore
    agent.destroy()

    tell('answers', JSON.stringify({ ...counts, refreshes, reuses: idp.reuses() }))
    tell('longest pause of the provider', `${Math.round(pauses.max / 1e6)} ms`)
    const since = gateway.lines.slice(linesBefore)
    assert.deepEqual(
      since.filter(({ level, event, outcome }) => level !== 'info' || event === 'session_ended' || outcome === 'failed'),
      [],
    )
    assert.deepEqual(
      Object.keys(counts).filter(what => !/ (200|303)$/.test(what)),
      [],
    )
    assert.ok(refreshes > callers, `${refreshes} renewals`)
    assert.equal(idp.reuses(), 0)
    assertFlat('steady load', beforeLoad, afterLoad, bounds)
    assert.ok(afterLoad.handles <= beforeLoad.handles + 16, `${afterLoad.handles} handles, ${beforeLoad.handles} before`)
  })
})
