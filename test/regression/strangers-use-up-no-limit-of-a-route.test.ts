import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { startGateway } from '../support/gateway.ts'
import { startIdentityProvider } from '../support/identity-provider.ts'
import { startUpstream } from '../support/upstream.ts'
import { createVisitor } from '../support/visitor.ts'

// What happened: requests without any session counted against `limits.perMinute.route` of a route that needs one. They
// never came to the upstream that the limit is for, but anybody at all could keep everybody out with them.
// What holds it now: where a session is needed, only requests that show one count for the route.
describe('a limit for a whole route that needs a session', () => {
  it('PXY-17 is not used up by requests that show none', async t => {
    const [idp, upstream] = [await startIdentityProvider(), await startUpstream()]
    const routes = [{ path: '/api', upstream: upstream.origin, access: 'signed-in', kind: 'api', limits: { perMinute: { route: 3 } } }]
    const gateway = await startGateway({ idp, config: { routes } })
    t.after(() => Promise.all([gateway.close(), upstream.close(), idp.close()]))
    const [alice, stranger] = [createVisitor(gateway), createVisitor(gateway)]
    await alice.signIn(idp)

    for (let call = 0; call < 5; call += 1) assert.equal((await stranger.call('/api')).status, 401)

    const statuses: number[] = []
    for (let call = 0; call < 4; call += 1) statuses.push((await alice.call('/api')).status)
    assert.deepEqual(statuses, [200, 200, 200, 429])
  })
})
