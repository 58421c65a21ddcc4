import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { type Browser, type Cluster, startCluster } from '../support/cluster.ts'
import { eventually } from '../support/eventually.ts'
import { type SteadyCalls, startSteadyCalls } from '../support/steady-calls.ts'

// A session is written anew, under the first sealing key, once in a thirtieth of this: every two seconds.
const idleTimeout = '60s'

let cluster: Cluster
let traffic: SteadyCalls | undefined

before(async () => {
  cluster = await startCluster({ replicas: 2, session: { idleTimeout } })
})

after(async () => {
  await traffic?.stop().catch(() => undefined)
  await cluster.close()
})

const newKeys = { NEW_COOKIE_KEY: randomBytes(32).toString('base64url'), NEW_SEALING_KEY: randomBytes(32).toString('base64url') }
const [oldCookie, newCookie] = [{ env: 'COOKIE_KEY' }, { env: 'NEW_COOKIE_KEY' }]
const [oldSeal, newSeal] = [
  { id: 'k1', env: 'SEALING_KEY' },
  { id: 'k2', env: 'NEW_SEALING_KEY' },
]

/** Puts new replicas in the place of the old, one after the other, and has somebody arrive in between. Gives them. */
async function replace(these: readonly number[], session: Readonly<Record<string, unknown>>): Promise<readonly Browser[]> {
  const { replicas, start, arrive } = cluster
  // Nobody comes to them yet.
  const next = await Promise.all(these.map(async at => ({ at, replica: await start(session, newKeys) })))
  const arrived: Browser[] = []
  for (const { at, replica } of next) {
    assert.equal(await replicas[at]?.stop(), 0)
    replicas[at] = replica
    arrived.push(await arrive())
  }
  return arrived
}

let turn = 0

/** As a load balancer does it: to the next replica where this one takes no connections. */
async function callSomewhere(browser: Browser): ReturnType<ReturnType<Browser['at']>['call']> {
  for (;;) {
    try {
      turn += 1
      const answer = await browser.at(turn).call('/api/home', { headers: { connection: 'close' } })
      // A machine that is starved of CPU answers late: that is no sign-out, and a client tries again.
      if (answer.status !== 503) return answer
    } catch (error) {
      // Reset: it stood in the queue of a port that closed. supertest leaves only the words of the code.
      if (!/\bECONN(REFUSED|RESET)\b|socket hang up/.test(String(error))) throw error
    }
  }
}

describe('keys that are changed as docs/operations.md says, one replica after the other, under load', () => {
  it('RDS-04 SES-15 sign nobody out, and of the old ones nothing depends on them any more', async () => {
    const { idp, redis } = cluster
    // So that renewals, too, meet replicas that stop.
    idp.setAccessTokenSeconds(4)
    const first = await Promise.all([cluster.arrive(), cluster.arrive(), cluster.arrive()])
    traffic = startSteadyCalls(first.length, lane => callSomewhere(first[lane] as Browser))
    const cookies = first.map(browser => [...browser.at(0).jar])
    await traffic.eachGets(200, 5)

    const later = [
      ...(await replace([0, 1], { cookieKeys: [oldCookie, newCookie], sealingKeys: [oldSeal, newSeal] })),
      ...(await replace([0, 1], { cookieKeys: [newCookie, oldCookie], sealingKeys: [newSeal, oldSeal] })),
    ]
    const everybody = [...first, ...later]
    await traffic.eachGets(200, 5)
    await eventually(async () => {
      for (const browser of later) await callSomewhere(browser)
      const sessions = (await redis.dump()).filter(({ key }) => key.endsWith(':s:0'))
      return sessions.length === everybody.length && sessions.every(({ value }) => value.toString().startsWith('1.k2.'))
    })
    later.push(...(await replace([0], { cookieKeys: [newCookie, oldCookie], sealingKeys: [newSeal] })))
    await traffic.eachGets(200, 5)
    const answers = await traffic.stop()

    assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]))
    for (const browser of [...first, ...later]) {
      for (const replica of cluster.replicas.keys()) assert.equal((await browser.at(replica).call('/api/home')).status, 200)
    }
    assert.deepEqual(
      first.map(browser => [...browser.at(0).jar]),
      cookies,
      'no cookie was touched',
    )
    assert.deepEqual([...cluster.events('session_ended'), ...cluster.events('record_rejected')], [])
    assert.ok(idp.refreshes() > everybody.length)
    assert.equal(idp.reuses(), 0)

    // Too early, in place of after absoluteTimeout: who has a cookie under the old key signs in again, nobody else.
    await replace([1], { cookieKeys: [newCookie], sealingKeys: [newSeal] })
    const old = await Promise.all(first.map(browser => browser.at(1).call('/api/home')))
    assert.deepEqual(
      old.map(({ status, body }) => [status, body.code]),
      first.map(() => [401, 'not_signed_in']),
    )
    for (const browser of later.slice(-1)) assert.equal((await browser.at(1).call('/api/home')).status, 200)
    assert.equal((await first[0].at(0).call('/api/home')).status, 200)
  })
})
