import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { jwtVerify } from 'jose'
import type { ForwardAuthDialect } from '../../src/config/config.ts'
import { dialects } from '../../src/request/dialects.ts'
import { createMemoryStore } from '../../src/store/memory.ts'
import { makeAssertionKey, publishedKeys } from '../support/assertions.ts'
import { openForwardAuth } from '../support/forward-auth.ts'
import { makeSecrets, startGateway } from '../support/gateway.ts'
import { type IdentityProvider, startIdentityProvider } from '../support/identity-provider.ts'
import { createVisitor } from '../support/visitor.ts'

const audience = 'https://orders.example'
const script = ['Sec-Fetch-Site: same-origin', 'Sec-Fetch-Mode: cors', 'Sec-Fetch-Dest: empty']
const secrets = { ...makeSecrets(), ASSERTION_KEY: makeAssertionKey() }
const store = createMemoryStore({ now: Date.now })
let idp: IdentityProvider
let cookie: string

before(async () => {
  idp = await startIdentityProvider()
  const gateway = await startGateway({ idp, store, secrets })
  const alice = createVisitor(gateway)
  await alice.signIn(idp)
  cookie = `Cookie: ${Array.from(alice.jar, pair => pair.join('=')).join('; ')}`
  await gateway.close()
})

after(() => idp.close())

for (const dialect of Object.keys(dialects) as ForwardAuthDialect[]) {
  describe(`a question of ${dialect}`, () => {
    it('HDR-16 HDR-02 is always answered with the assertion, and with an empty one where there is none to make', async t => {
      const routes = [
        { path: '/signed', assertion: { audience } },
        { path: '/shop', access: 'optional', assertion: { audience } },
        { path: '/plain' },
        { path: '/', access: 'anyone' },
      ]
      const assertionKeys = [{ id: 'a1', env: 'ASSERTION_KEY' }]
      const gateway = await startGateway({ store, secrets, config: { routes, assertionKeys, forwardAuth: { dialect } } })
      const port = await openForwardAuth(gateway, dialect)
      t.after(async () => {
        await port.close()
        await gateway.close()
      })
      const ask = async (target: string, ...who: string[]) => {
        const answer = await port.ask({ target, headers: [...who, ...script, 'X-Auth-Assertion: a.b.c'] })
        assert.equal(answer.status, 200, target)
        return answer.all('x-auth-assertion')
      }

      const [assertion = '', ...more] = await ask('/signed/7', cookie)
      const { payload } = await jwtVerify(assertion, publishedKeys(gateway), { issuer: gateway.origin, audience })
      const others = [await ask('/plain', cookie), await ask('/shop'), await ask('/welcome', cookie), await ask('/welcome')]

      assert.deepEqual([more, payload.sub, payload.provider], [[], 'a1', 'main'])
      assert.deepEqual(others, [[''], [''], [''], ['']])
    })
  })
}
