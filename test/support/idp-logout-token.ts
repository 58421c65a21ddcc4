import { randomBytes } from 'node:crypto'
import type { IdpKey } from './idp-key.ts'

type Json = Readonly<Record<string, unknown>>

/** What a logout token says in place of what it should; members that are undefined are left out. */
export interface LogoutTokenChanges {
  readonly claims?: Json
  readonly header?: Json
  /** The claims as JSON text, for what no object can say. */
  readonly payload?: (truth: string) => string
}

export const logoutEvent = 'http://schemas.openid.net/event/backchannel-logout'

/** A logout token about alice's session `s1`, as oidc-provider would write it, signed with the provider's own key. */
export function forgeLogoutToken(
  key: IdpKey,
  { issuer, clientId }: { readonly issuer: string; readonly clientId: string },
  { claims = {}, header = {}, payload = text => text }: LogoutTokenChanges = {},
): string {
  const seconds = Math.floor(Date.now() / 1000)
  const jti = randomBytes(12).toString('base64url')
  const about = { sub: 'a1', sid: 's1', events: { [logoutEvent]: {} } }
  const truth = { iss: issuer, aud: clientId, iat: seconds, exp: seconds + 120, jti, ...about, ...claims }
  return key.sign({ alg: key.alg, typ: 'logout+jwt', kid: key.kid, ...header }, payload(JSON.stringify(truth)))
}
