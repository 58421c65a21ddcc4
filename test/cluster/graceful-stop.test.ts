import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type Browser, type Cluster, callBySocket, startCluster } from '../support/cluster.ts'
import { eventually } from '../support/eventually.ts'

let cluster: Cluster

// The first two are told to stop, the third carries on.
before(async () => {
  cluster = await startCluster({ replicas: 3, provider: () => ({ timeout: '10s' }) })
})

after(() => cluster.close())

/** A browser whose access token has run out. */
async function arriveLate(): Promise<Browser> {
  cluster.idp.setAccessTokenSeconds(1)
  const browser = await cluster.arrive({ at: 2 })
  const overAt = Date.now() + 1000
  cluster.idp.setAccessTokenSeconds(300)
  await eventually(() => Date.now() > overAt)
  return browser
}

/** Tells a replica to stop; resolves when it has begun to. */
async function beginStop(replica: number): Promise<{ readonly exitCode: Promise<number | null> }> {
  const { lines, stop } = cluster.at(replica)
  const exitCode = stop()
  await eventually(() => lines.some(({ event }) => event === 'stopping'))
  return { exitCode }
}

describe('a replica that is told to stop in the middle of a renewal', () => {
  it('RTK-03 stores the rotated refresh token and answers who waits, and another replica goes on with it', async () => {
    const { idp } = cluster
    const browser = await arriveLate()
    const release = idp.troubles.holdAnswers('token')
    const waiting = browser.at(0).call('/api/home')
    await eventually(() => idp.refreshes() === 1)

    const { exitCode } = await beginStop(0)
    release()

    assert.equal((await waiting).status, 200)
    assert.equal(await exitCode, 0)
    assert.equal((await browser.at(2).call('/api/home')).status, 200)
    assert.deepEqual([idp.refreshes(), idp.reuses()], [1, 0])
  })

  it('RTK-03 stores it though nobody waits for it any more', async () => {
    const { idp } = cluster
    const browser = await arriveLate()
    const refreshes = idp.refreshes()
    const release = idp.troubles.holdAnswers('token')
    const client = await callBySocket(cluster.at(1), browser.at(1), '/api/home')
    await eventually(() => idp.refreshes() > refreshes)
    client.destroy()

    const { exitCode } = await beginStop(1)
    release()

    assert.equal(await exitCode, 0)
    assert.equal((await browser.at(2).call('/api/home')).status, 200)
    assert.deepEqual([idp.refreshes() - refreshes, idp.reuses()], [1, 0])
  })
})
