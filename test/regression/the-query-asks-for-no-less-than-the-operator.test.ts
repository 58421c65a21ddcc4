import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { providerConfig, startGateway } from '../support/gateway.ts'
import { startIdentityProvider } from '../support/identity-provider.ts'
import { createVisitor } from '../support/visitor.ts'

// What happened: `authorizationParams` fixes max_age or prompt for every sign-in, and the query of /auth/login
// replaced them: a person could let an old session at the provider count that the operator had ruled out.
// What holds it now: the query can ask for a fresher sign-in, not for an older one, and not for another prompt.
describe('GET /auth/login at a provider with fixed parameters', () => {
  it('FLOW-04 keeps to the operator’s max_age and prompt, and lets the query ask for more', async t => {
    const idp = await startIdentityProvider()
    const fixed = { ...providerConfig(idp), authorizationParams: { max_age: '300', prompt: 'login' }, par: 'off' }
    const gateway = await startGateway({ idp, config: { identityProviders: { main: fixed } } })
    t.after(() => Promise.all([gateway.close(), idp.close()]))
    const ask = async (query: string) => {
      const { headers } = await createVisitor(gateway).visit(`/auth/login?${query}`)
      const { searchParams } = new URL(String(headers.location))
      return [searchParams.getAll('max_age'), searchParams.getAll('prompt')]
    }

    assert.deepEqual(await ask('max_age=999999&prompt=none'), [['300'], ['login']])
    assert.deepEqual(await ask('max_age=60'), [['60'], ['login']])
    assert.deepEqual(await ask(''), [['300'], ['login']])
  })
})
