import assert from 'node:assert/strict'
import { it } from 'node:test'
import { startGateway } from '../support/gateway.ts'
import { startIdentityProvider } from '../support/identity-provider.ts'
import { createRun, nativeClients, reachApproval } from '../support/native-client.ts'
import { createVisitor } from '../support/visitor.ts'

/*
 * What happened: who pressed "another account" on the approval page was sent to the provider without the `max_age` and
 * `acr_values` that the program had asked for: the handle was too weak for what it was for, and the program asked again.
 *
 * What holds it now: the second sign-in asks for what the first did, and for another account.
 */
it('another account is asked for the same freshness and strength', async t => {
  const idp = await startIdentityProvider()
  const gateway = await startGateway({ idp, config: { native: { clients: nativeClients } } })
  t.after(() => Promise.all([gateway.close(), idp.close()]))
  const visitor = createVisitor(gateway)
  const { path } = await reachApproval(visitor, idp, createRun({ max_age: '300', acr_values: 'urn:mfa' }))

  const begun = await visitor.visit(`${path}/other-account`)

  const { searchParams } = new URL(String(begun.headers.location))
  assert.deepEqual(
    ['prompt', 'max_age', 'acr_values'].map(name => searchParams.get(name)),
    ['select_account', '300', 'urn:mfa'],
  )
})
