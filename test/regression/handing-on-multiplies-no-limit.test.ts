import assert from 'node:assert/strict'
import { it } from 'node:test'
import { startGateway } from '../support/gateway.ts'
import { startIdentityProvider } from '../support/identity-provider.ts'
import { call, getHandle, nativeClients, post } from '../support/native-client.ts'
import { startUpstream } from '../support/upstream.ts'

/*
 * What happened: `limits.perMinute.session` counted each agent by itself, so that a session had its limit once more for
 * each of the twenty that it can hand on to.
 *
 * What holds it now: a session counts together with all that it has handed on to, and they with it.
 */
it('a session and its agents have the limit of one session', async t => {
  const [idp, upstream] = [await startIdentityProvider(), await startUpstream()]
  const route = { path: '/api/orders', upstream: upstream.origin, token: 'access', limits: { perMinute: { session: 4 } } }
  const startedAt = Date.now()
  // It stands still: the limit fills up with time.
  const clock = { now: () => startedAt, advance: () => assert.fail('it stands still') }
  const gateway = await startGateway({ idp, clock, config: { native: { clients: nativeClients }, routes: [route] } })
  t.after(() => Promise.all([idp.close(), upstream.close(), gateway.close()]))
  const [root, stranger] = [await getHandle(gateway, idp), await getHandle(gateway, idp)]
  const handOn = async (subject: string) => {
    const { body } = await post(gateway, '/oauth/token', {
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      client_id: 'cli',
      subject_token: subject,
      subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      authorization_details: JSON.stringify([{ type: 'sallyport_delegation', delegate: true }]),
    })
    return String(body.access_token)
  }
  const one = await handOn(root)
  const [other, behind] = [await handOn(root), await handOn(one)]

  const statuses: number[] = []
  for (const handle of [one, other, behind, root, one, other, behind, root, stranger]) {
    statuses.push((await call(gateway, '/api/orders', handle)).status)
  }

  assert.deepEqual(statuses, [200, 200, 200, 200, 429, 429, 429, 429, 200])
})
