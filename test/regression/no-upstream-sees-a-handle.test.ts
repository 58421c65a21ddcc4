import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { startGateway } from '../support/gateway.ts'
import { startIdentityProvider } from '../support/identity-provider.ts'
import { call, getHandle, nativeClients } from '../support/native-client.ts'
import { startUpstream } from '../support/upstream.ts'

/*
 * What happened: a route with `token: passthrough` passed a handle on to its upstream where it came under another scheme
 * than Bearer, under none, in quotes, or behind a tab: a program's slip gave a third party the person's session.
 *
 * What holds it now: what looks like a handle stays here, however it is written.
 */
describe('A route that passes Authorization through', () => {
  it('passes on no handle, however it is written, and everything else', async t => {
    const [idp, upstream] = [await startIdentityProvider(), await startUpstream()]
    const routes = [{ path: '/', upstream: upstream.origin, access: 'anyone', token: 'passthrough' }]
    const gateway = await startGateway({ idp, config: { native: { clients: nativeClients }, routes } })
    t.after(() => Promise.all([gateway.close(), upstream.close(), idp.close()]))
    const handle = await getHandle(gateway, idp)
    const seen = async (authorization: string) => {
      await call(gateway, '/x', handle, { authorization })
      return upstream.requests.at(-1)?.headers.authorization
    }

    for (const before of ['Bearer ', 'bearer  ', 'Bearer\t', 'DPoP ', 'Bearer "', 'Token token=', 'Bearer x, Bearer ', '']) {
      assert.equal(await seen(before + handle), undefined, before)
    }
    for (const own of ['Bearer aspt_b.c', 'Bearer x-spt_y.spt_z', 'Basic c3B0Xw==']) assert.equal(await seen(own), own)
  })
})
