import assert from 'node:assert/strict'
import { after, afterEach, before, describe, it } from 'node:test'
import { decodeJwt } from 'jose'
import { audiences, type Cluster, callBySocket, nextRequest, startCluster } from '../support/cluster.ts'
import { eventually } from '../support/eventually.ts'
import type { GatewayProcess } from '../support/gateway-process.ts'
import type { Visitor } from '../support/visitor.ts'

// Three gateway processes over one Redis. The provider rotates refresh tokens and takes the second use of one for
// theft: it ends the grant then, and whoever renews twice is signed out.

const [orders = '', billing = ''] = audiences

let cluster: Cluster

before(async () => {
  cluster = await startCluster({ replicas: 3 })
})

after(() => cluster.close())

afterEach(() => cluster.idp.setAccessTokenSeconds(300))

/** Resolves when tokens handed out by now have run out. */
async function outlive(seconds: number): Promise<void> {
  const overAt = Date.now() + seconds * 1000
  await eventually(() => Date.now() > overAt)
}

/** The tokens that a route's upstream has got. */
function tokensAt(path: string): readonly string[] {
  const seen = cluster.upstream.requests.filter(({ url }) => url === path).map(({ headers }) => headers.authorization ?? 'none')
  return [...new Set(seen)].map(header => header.replace('Bearer ', ''))
}

describe('access tokens for two audiences that run out', () => {
  it('RTK-02 A-062 are renewed once each for two hundred calls at three replicas, and none reaches the other audience', async () => {
    const { idp, upstream } = cluster
    idp.setAccessTokenSeconds(2)
    const visitors = await cluster.arrive()
    const at = (turn: number) => visitors[turn % visitors.length] as Visitor
    for (const [turn, path] of ['/api/orders', '/api/billing'].entries()) assert.equal((await at(turn).call(path)).status, 200)
    const old = [...tokensAt('/api/orders'), ...tokensAt('/api/billing')]
    const [asked, cookies] = [idp.tokenRequests.length, at(0).setCookies.length]
    upstream.requests.length = 0
    idp.setAccessTokenSeconds(300)
    await outlive(2)

    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, turn) => at(turn).call(turn % 2 === 0 ? '/api/orders' : '/api/billing')),
    )

    assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]))
    const renewals = idp.tokenRequests.slice(asked).map(({ params, status }) => [params.resource, status])
    assert.deepEqual(renewals.toSorted(), [
      [billing, 200],
      [orders, 200],
    ])
    assert.equal(idp.reuses(), 0)
    assert.equal(upstream.requests.length, 200)
    for (const [path, audience] of [
      ['/api/orders', orders],
      ['/api/billing', billing],
    ] as const) {
      const [token = '', ...others] = tokensAt(path)
      assert.deepEqual([decodeJwt(token).aud, others, old.includes(token)], [audience, [], false])
    }
    assert.equal(visitors.flatMap(visitor => visitor.setCookies).length, cookies)
  })
})

describe('a renewal', () => {
  it('RTK-02 goes on though the client that caused it leaves, and every replica has the new token', async () => {
    const { idp, replicas } = cluster
    idp.setAccessTokenSeconds(1)
    const [first, second, third] = (await cluster.arrive()) as [Visitor, Visitor, Visitor]
    const refreshes = idp.refreshes()
    idp.setAccessTokenSeconds(300)
    await outlive(1)
    const release = idp.troubles.hold('token')
    const isAsked = nextRequest(idp, 'token')
    const client = await callBySocket(replicas[0] as GatewayProcess, first, '/api/home')
    await isAsked()
    cluster.upstream.requests.length = 0

    client.destroy()
    release()
    await eventually(() => cluster.events('renewal').some(line => line.replica === 0 && line.outcome === 'ok'))

    assert.deepEqual([(await second.call('/api/home')).status, (await third.call('/api/home')).status], [200, 200])
    assert.equal(tokensAt('/api/home').length, 1)
    assert.equal(idp.refreshes() - refreshes, 1)
    assert.equal(idp.reuses(), 0)
  })
})
