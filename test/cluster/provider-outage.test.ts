import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type Cluster, startCluster } from '../support/cluster.ts'
import { eventually } from '../support/eventually.ts'
import type { IdentityProvider } from '../support/identity-provider.ts'
import { startSteadyCalls } from '../support/steady-calls.ts'

// After a failure a replica leaves the provider alone for so long (src/tokens/renew.ts).
const coolDownMs = 5_000

/** Of the token that is to be used to its end; long enough for a slow machine to use it. */
const lifeSeconds = 4
const replicas = 2
let cluster: Cluster

// A provider for each test: they run side by side, because most of their time is a cool-down.
before(async () => {
  cluster = await startCluster({ replicas, providers: ['gone', 'failing', 'misled', 'silent'], provider: () => ({ timeout: '1s' }) })
})

after(() => cluster.close())

const outages = {
  gone: { what: 'is gone', begin: (idp: IdentityProvider) => idp.stop(), end: (idp: IdentityProvider) => idp.start() },
  failing: { what: 'answers 500', ...troubled('error') },
  misled: { what: 'answers 200 with a page', ...troubled('html') },
  silent: { what: 'never answers', ...troubled('hang') },
}

function troubled(trouble: 'error' | 'html' | 'hang') {
  return {
    begin: async (idp: IdentityProvider) => idp.troubles.set('token', trouble),
    end: async (idp: IdentityProvider) => idp.troubles.clear(),
  }
}

describe('while the provider', { concurrency: true }, () => {
  for (const [name, { what, begin, end }] of Object.entries(outages)) {
    it(`RTK-05 ${what}, valid tokens are used to their end, then there is 503, no session ends, and all goes on when it is back`, async () => {
      const idp = cluster.idps[name] as IdentityProvider
      // The replicas know the provider: each has drawn a token from it.
      const browser = await cluster.arrive({ provider: name })
      for (const path of ['/api/orders', '/api/billing']) assert.equal((await browser.at(1).call(path)).status, 200)
      idp.setAccessTokenSeconds(lifeSeconds)
      const visitor = await cluster.arrive({ provider: name })
      const [signedInAt, cookies] = [performance.now(), visitor.setCookies().length]
      await begin(idp)
      const asked = idp.troubles.count('token')

      const calls = startSteadyCalls(replicas, replica => visitor.at(replica).call('/api/home'))
      // Until both replicas have refused for longer than a cool-down.
      await eventually(() => performance.now() - signedInAt > lifeSeconds * 1000 + coolDownMs + 2_000)
      const answers = await calls.stop()
      const tookMs = performance.now() - signedInAt
      const attempts = idp.troubles.count('token') - asked
      const failures = cluster.events('renewal').filter(({ provider, outcome }) => provider === name && outcome === 'failed')
      const session = await visitor.at(1).session()
      idp.setAccessTokenSeconds(300)
      await end(idp)
      await eventually(async () => (await visitor.at(0).call('/api/home')).status === 200)
      await eventually(async () => (await visitor.at(1).call('/api/home')).status === 200)

      const firstRefusal = answers.findIndex(({ status }) => status !== 200)
      assert.ok(firstRefusal > 0, 'the valid token was used')
      for (const { status, headers } of answers) {
        if (status === 200) continue
        assert.deepEqual([status, headers['sallyport-error']], [503, 'idp_unavailable'])
        assert.ok(Number(headers['retry-after']) > 0)
      }
      assert.equal(visitor.setCookies().length, cookies)
      assert.equal(session.authenticated, true)
      const mostAttempts = replicas * Math.ceil(1 + tookMs / coolDownMs)
      assert.ok(failures.length > 0 && failures.length <= mostAttempts, `${failures.length} attempts in ${tookMs} ms`)
      assert.ok(attempts <= mostAttempts, `${attempts} requests in ${tookMs} ms`)
      assert.equal(idp.reuses(), 0)
    })
  }
})
