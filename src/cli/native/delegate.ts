import type { AuthorizationServer } from './authorization-server.ts'
import { type Issued, requestToken } from './token-call.ts'

const accessToken = 'urn:ietf:params:oauth:token-type:access_token'

/**
 * Makes a child of a handle, which may do less and lives shorter, and ends with it (RFC 8693).
 *
 * @throws {CommandError} 3 when the gateway does not let this one delegate, or not that
 */
export function delegate(
  server: AuthorizationServer,
  handle: string,
  wish: { readonly scope: string; readonly ttlSeconds: number },
): Promise<Issued> {
  return requestToken(server, {
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    subject_token: handle,
    subject_token_type: accessToken,
    requested_token_type: accessToken,
    scope: wish.scope,
    requested_expires_in: String(wish.ttlSeconds),
  })
}
