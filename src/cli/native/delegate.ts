import type { AuthorizationServer } from './authorization-server.ts'
import { type Issued, requestToken } from './token-call.ts'

const accessToken = 'urn:ietf:params:oauth:token-type:access_token'

/** What an agent is held to; null where it is no less than its parent. */
export interface Delegation {
  readonly scope: string
  readonly ttlSeconds: number
  /** Stands in the person's list of sessions and in the audit. */
  readonly name: string
  /** Such as `GET /api/orders/*`. */
  readonly routes: readonly string[] | null
  readonly maxCalls: number | null
}

/**
 * Makes a child of a handle, which may do less, lives shorter, and ends with it (RFC 8693). What goes beyond scopes stands
 * in the gateway's own authorization details (RFC 9396, docs/native-clients.md).
 *
 * @throws {OAuthError} when the gateway does not let this one delegate, or not that
 */
export function delegate(
  server: AuthorizationServer,
  handle: string,
  { scope, ttlSeconds, name, routes, maxCalls }: Delegation,
): Promise<Issued> {
  const details = {
    type: 'sallyport_delegation',
    name,
    expires_in: ttlSeconds,
    ...(routes === null ? {} : { routes }),
    ...(maxCalls === null ? {} : { max_calls: maxCalls }),
  }
  return requestToken(server, {
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    subject_token: handle,
    subject_token_type: accessToken,
    requested_token_type: accessToken,
    scope,
    authorization_details: JSON.stringify([details]),
  })
}
