import assert from 'node:assert/strict'
import { it } from 'node:test'
import { GatewayError } from '../../src/errors.ts'
import { toOAuthError } from '../../src/native/answer-error.ts'

/*
 * What happened: the provider's logout between the approval and the redemption of its code was told to the program as
 * `invalid_request`, 401: a defect of its own, as it looks, and no reason to sign in again.
 *
 * What holds it now: it is what any code is that can no longer be redeemed (RFC 6749 §5.2).
 */
it('a sign-in that was logged out meanwhile is invalid_grant, 400', () => {
  const { error, status, reason } = toOAuthError(new GatewayError('session_revoked', 'over', { reason: 'logged_out_meanwhile' }))

  assert.deepEqual([error, status, reason], ['invalid_grant', 400, 'logged_out_meanwhile'])
})
