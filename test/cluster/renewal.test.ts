import assert from 'node:assert/strict'
import { after, afterEach, before, describe, it } from 'node:test'
import { decodeJwt } from 'jose'
import { audiences, type Cluster, callBySocket, nextRequest, startCluster } from '../support/cluster.ts'
import { eventually } from '../support/eventually.ts'

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
    const browser = await cluster.arrive()
    for (const [turn, path] of ['/api/orders', '/api/billing'].entries()) assert.equal((await browser.at(turn).call(path)).status, 200)
    const old = [...tokensAt('/api/orders'), ...tokensAt('/api/billing')]
    const [asked, cookies] = [idp.tokenRequests.length, browser.setCookies().length]
    upstream.requests.length = 0
    idp.setAccessTokenSeconds(300)
    await outlive(2)

    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, turn) => browser.at(turn).call(turn % 2 === 0 ? '/api/orders' : '/api/billing')),
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
    assert.equal(browser.setCookies().length, cookies)
  })
})

describe('a renewal', () => {
  it('RTK-02 goes on though the client that caused it leaves, and every replica has the new token', async () => {
    const { idp } = cluster
    idp.setAccessTokenSeconds(1)
    const browser = await cluster.arrive()
    const refreshes = idp.refreshes()
    idp.setAccessTokenSeconds(300)
    await outlive(1)
    const release = idp.troubles.hold('token')
    const isAsked = nextRequest(idp, 'token')
    const client = await callBySocket(cluster.at(0), browser.at(0), '/api/home')
    await isAsked()
    cluster.upstream.requests.length = 0

    client.destroy()
    release()
    await eventually(() => cluster.at(0).lines.some(({ event }) => event === 'renewal'))

    assert.deepEqual([(await browser.at(1).call('/api/home')).status, (await browser.at(2).call('/api/home')).status], [200, 200])
    assert.equal(tokensAt('/api/home').length, 1)
    assert.equal(idp.refreshes() - refreshes, 1)
    assert.equal(idp.reuses(), 0)
  })
})
