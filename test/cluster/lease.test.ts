import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type Browser, type Cluster, nextRequest, startCluster } from '../support/cluster.ts'
import { eventually } from '../support/eventually.ts'
import type { IdentityProvider } from '../support/identity-provider.ts'

// Whoever renews holds a lease of ten seconds on the grant (src/tokens/lease.ts). Each test has a provider of its own,
// and all run side by side: most of their time is that lease. The first two replicas die.

const leaseMs = 10_000

let cluster: Cluster
const browsers: Record<string, Browser> = {}

before(async () => {
  cluster = await startCluster({
    replicas: 4,
    providers: ['unheard', 'unanswered', 'slow'],
    provider: name => ({ timeout: name === 'slow' ? '25s' : '2s' }),
  })
  for (const [name, idp] of Object.entries(cluster.idps)) {
    idp.setAccessTokenSeconds(1)
    browsers[name] = await cluster.arrive({ provider: name })
    idp.setAccessTokenSeconds(300)
  }
  const overAt = Date.now() + 1000
  await eventually(() => Date.now() > overAt)
})

after(() => cluster.close())

function partsOf(provider: string): { readonly idp: IdentityProvider; readonly browser: Browser } {
  return { idp: cluster.idps[provider] as IdentityProvider, browser: browsers[provider] as Browser }
}

describe('the lease on a grant', { concurrency: true }, () => {
  it('RTK-02 RTK-03 of a process that dies before the provider heard of it runs out, and the next call renews', async () => {
    const { idp, browser } = partsOf('unheard')
    idp.troubles.set('token', 'hang')
    const isAsked = nextRequest(idp, 'token')
    const lost = assert.rejects(browser.at(0).call('/api/home'))
    await isAsked()

    await cluster.at(0).kill()
    await lost
    idp.troubles.clear()
    const answers = await Promise.all([browser.at(2).call('/api/home'), browser.at(3).call('/api/home')])

    assert.deepEqual(
      answers.map(({ status }) => status),
      [200, 200],
    )
    assert.deepEqual([idp.refreshes(), idp.reuses()], [1, 0])
  })

  it('RTK-03 of a process that dies before it has stored the answer ends in one clean sign-in, not in endless reuse', async () => {
    const { idp, browser } = partsOf('unanswered')
    const release = idp.troubles.holdAnswers('token')
    const lost = assert.rejects(browser.at(1).call('/api/home'))
    await eventually(() => idp.refreshes() === 1)

    await cluster.at(1).kill()
    await lost
    release()
    const cookies = browser.setCookies().length
    const first = await browser.at(2).call('/api/home')
    const asked = idp.tokenRequests.length
    const later = await Promise.all([2, 3, 2, 3].map(replica => browser.at(replica).call('/api/home')))

    assert.deepEqual([first.status, first.body.code], [401, 'session_expired'])
    for (const answer of later) assert.deepEqual([answer.status, answer.body.code], [401, 'session_expired'])
    assert.deepEqual([idp.reuses(), idp.tokenRequests.length], [1, asked], 'the spent refresh token was shown once')
    const ended = cluster.events('session_ended').filter(({ provider }) => provider === 'unanswered')
    assert.deepEqual(
      ended.map(({ reason }) => reason),
      ['grant_refused'],
    )
    // The cookie is what tells the page why.
    assert.equal(browser.setCookies().length, cookies)
    assert.deepEqual([(await browser.at(3).session()).authenticated, (await browser.at(3).session()).reason], [false, 'expired'])

    assert.equal((await browser.at(2).signIn(idp, { query: 'provider=unanswered' })).status, 303)
    assert.equal((await browser.at(3).call('/api/home')).status, 200)
    assert.equal(idp.reuses(), 1)
  })

  it('RTK-02 is kept for as long as the provider is slow: it is asked once, though another replica waits longer than a lease', async () => {
    const { idp, browser } = partsOf('slow')
    const lease = `sp:{${(await browser.at(2).session()).session.session_id}}:lease`
    const release = idp.troubles.hold('token')
    const isAsked = nextRequest(idp, 'token')
    const heldSince = performance.now()
    const calls = [browser.at(2).call('/api/home')]
    await isAsked()
    const holder = await cluster.redis.send('GET', lease)

    calls.push(browser.at(3).call('/api/home'), browser.at(2).call('/api/home'))
    await eventually(() => performance.now() - heldSince > leaseMs + 1_000)
    assert.equal(await cluster.redis.send('GET', lease), holder)
    release()

    assert.deepEqual(
      (await Promise.all(calls)).map(({ status }) => status),
      [200, 200, 200],
    )
    assert.deepEqual([idp.troubles.count('token'), idp.refreshes(), idp.reuses()], [2, 1, 0])
  })
})
