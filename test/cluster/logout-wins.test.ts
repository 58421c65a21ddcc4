import assert from 'node:assert/strict'
import { after, afterEach, before, describe, it } from 'node:test'
import { request } from 'undici'
import { lastSid, postLogout } from '../support/back-channel.ts'
import { type Browser, type Cluster, nextRequest, startCluster } from '../support/cluster.ts'
import { eventually } from '../support/eventually.ts'
import type { Visitor } from '../support/visitor.ts'

let cluster: Cluster

// With this idle timeout the first call after a second writes the session record, too.
before(async () => {
  cluster = await startCluster({ replicas: 3, session: { idleTimeout: '30s' }, idp: { backChannelUri: 'http://127.0.0.1:9/nobody' } })
})

after(() => cluster.close())

afterEach(() => {
  cluster.idp.setAccessTokenSeconds(300)
  cluster.idp.troubles.clear()
})

/** A browser whose access token has run out, and what it looks like to somebody who keeps its cookie. */
async function arriveLate(): Promise<{ readonly browser: Browser; readonly copy: Browser; readonly id: string }> {
  const { idp } = cluster
  idp.setAccessTokenSeconds(1)
  const browser = await cluster.arrive()
  const overAt = Date.now() + 1000
  idp.setAccessTokenSeconds(300)
  const { session } = await browser.at(0).session()
  await eventually(() => Date.now() > overAt)
  return { browser, copy: browser.copy(), id: session.session_id }
}

async function assertDeadEverywhere(copy: Browser): Promise<void> {
  const replicas = [...cluster.replicas.keys()]
  const answers = await Promise.all(replicas.map(replica => copy.at(replica).call('/api/home')))
  const sessions = await Promise.all(replicas.map(replica => copy.at(replica).session()))
  for (const { status } of answers) assert.equal(status, 401)
  for (const { authenticated } of sessions) assert.equal(authenticated, false)
}

/** Nothing of the family is left but its tombstone, and nothing at all for ever. */
async function assertNothingLeft(id: string): Promise<void> {
  await eventually(async () => (await cluster.redis.dump()).filter(({ key }) => key.startsWith(`sp:{${id}}`)).length === 1)
  const entries = await cluster.redis.dump()
  for (const { key, ttlMs } of entries) assert.ok(ttlMs > 0, `${key} stays for ever`)
  const [tombstone] = entries.filter(({ key }) => key.startsWith(`sp:{${id}}`))
  assert.match(String(tombstone?.value), /^!\w+$/)
}

/** With the credential at hand the grant is given back; the provider has it back before this resolves. */
async function logOut(visitor: Visitor): Promise<void> {
  const before = cluster.idp.revocations.length
  assert.equal((await visitor.call('/auth/logout', { method: 'POST' })).status, 200)
  await eventually(() => cluster.idp.revocations.length > before)
}

async function endAsAdministrator(_visitor: Visitor, id: string): Promise<void> {
  const answer = await request(`http://127.0.0.1:${cluster.at(1).adminPort}/admin/sessions/${id}`, {
    method: 'DELETE',
    headers: { authorization: `Bearer ${cluster.adminToken}` },
  })
  assert.equal(answer.statusCode, 204)
}

/** By a logout token, to this replica and no other. */
async function logOutByProvider(): Promise<void> {
  const { idp } = cluster
  assert.equal((await postLogout(cluster.at(1), await idp.logoutToken({ claims: { sid: lastSid(idp) } }))).status, 200)
}

const early = { when: 'before the provider has heard of the renewal', hold: 'hold', refreshed: 0 } as const
const late = { when: 'after the provider has given new tokens', hold: 'holdAnswers', refreshed: 1 } as const

describe('a session that ends at one replica while another renews its tokens', () => {
  for (const { who, end, when, hold, refreshed, given } of [
    { who: 'a logout', end: logOut, ...early, given: 0 },
    { who: 'a logout', end: logOut, ...late, given: 2 },
    { who: 'an administrator', end: endAsAdministrator, ...early, given: 2 },
    { who: 'an administrator', end: endAsAdministrator, ...late, given: 2 },
    { who: 'a back-channel logout', end: logOutByProvider, ...early, given: 2 },
    { who: 'a back-channel logout', end: logOutByProvider, ...late, given: 2 },
  ]) {
    it(`RTK-08 RDS-07 RDS-09 SES-15 A-064 is dead at once and stays it everywhere: by ${who}, ${when}`, async () => {
      const { idp, upstream } = cluster
      const { browser, copy, id } = await arriveLate()
      const [refreshes, known] = [idp.refreshes(), new Set(idp.issued)]
      const release = idp.troubles[hold]('token')
      const isAsked = nextRequest(idp, 'token')
      const waiting = browser.at(0).call('/api/home')
      await isAsked()
      await eventually(() => idp.refreshes() - refreshes === refreshed)

      await end(browser.at(1), id)
      await assertDeadEverywhere(copy)
      release()

      assert.equal((await waiting).status, 401)
      await assertDeadEverywhere(copy)
      await assertNothingLeft(id)
      // What the provider gave all the same, it gets back: a refresh token and an access token.
      const tokens = [...idp.issued].filter(token => !known.has(token) && !token.includes('.'))
      assert.equal(tokens.length, given)
      await eventually(() => tokens.every(token => idp.revocations.some(revoked => revoked.token === token)))
      assert.equal(upstream.requests.length, 0)
    })
  }

  it('RTK-08 SES-15 is dead though a hundred calls renewed and touched it at three replicas', async () => {
    const { idp, upstream } = cluster
    const { browser, copy, id } = await arriveLate()
    const calls = Array.from({ length: 100 }, (_, turn) => browser.at(turn).call(turn % 2 === 0 ? '/api/home' : '/api/orders'))
    await eventually(() => upstream.requests.length > 0)
    await logOut(browser.at(1))
    await assertDeadEverywhere(copy)

    for (const { status, text } of await Promise.all(calls)) assert.ok([200, 401].includes(status), `${status} ${text}`)

    await assertDeadEverywhere(copy)
    await assertNothingLeft(id)
    assert.equal(idp.reuses(), 0)
    upstream.requests.length = 0
  })
})
