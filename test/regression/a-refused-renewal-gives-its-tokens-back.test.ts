import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, it } from 'node:test'
import { GatewayError } from '../../src/errors.ts'
import type { Provider } from '../../src/oidc/provider.ts'
import { createCredential, randomToken } from '../../src/session/credential.ts'
import { createSealing } from '../../src/session/sealing.ts'
import { createMemoryStore } from '../../src/store/memory.ts'
import { createWithLease } from '../../src/tokens/lease.ts'
import { createRenew } from '../../src/tokens/renew.ts'
import { createRevoke } from '../../src/tokens/revoke.ts'
import { beginning, makeFamilies } from '../support/families.ts'
import { makeSignIn } from '../support/sign-in.ts'

/*
 * What happened: a renewal whose answer the gateway refuses (the `allow` rules keep the person out now, the ID token is
 * about somebody else) ended the session and dropped its tokens. The provider had refused nothing: the grant lived on
 * there, with access tokens that upstreams take, although the one who renews holds the credential.
 *
 * What holds it now: whatever a renewal ends is given back.
 */
describe('A session that ends because its renewal was refused', () => {
  for (const [code, reason] of [
    ['access_denied', 'not_allowed'],
    ['session_expired', 'id_token_changed'],
    ['session_expired', 'invalid_grant'],
  ] as const) {
    it(`REV-01 gives its tokens back to the provider (${reason})`, async () => {
      const now = () => Date.UTC(2026, 10, 22, 12)
      const store = createMemoryStore({ now })
      const families = makeFamilies({ store, sealing: createSealing([{ id: 'k1', key: Buffer.alloc(32, 7) }]), now })
      const revoked: string[] = []
      const provider = {
        config: { timeoutMs: 5_000 },
        async revoke({ token }: { token: string }) {
          revoked.push(token)
          return 'done'
        },
        refresh: () => Promise.reject(new GatewayError(code, 'Refused.', { reason })),
      } as unknown as Provider
      const providers = new Map([['main', provider]])
      const audit = () => undefined
      const pause = () => new Promise<void>(resolve => setImmediate(resolve))
      const revoke = createRevoke({ providers, audit, pause })
      const withLease = createWithLease({ store, nextHolder: () => randomToken(randomBytes, 16), now, pause })
      const renew = createRenew({ families, providers, withLease, revoke, audit, now, pause })
      const credential = createCredential(randomBytes)
      await families.create(credential, makeSignIn(now()), beginning)
      const seen = await families.read(credential)
      assert.ok(seen.state === 'live')

      await assert.rejects(renew(seen.signedIn, { slot: '', audience: null, scopes: [] }), GatewayError)
      await revoke.settle(1_000)

      assert.equal((await families.read(credential)).state, 'ended')
      assert.deepEqual(revoked, ['refresh-token-canary', 'access-token-canary'])
    })
  }
})
