import type { TokenEndpointResponse } from 'openid-client'
import type { ProviderConfig } from '../config/config.ts'
import type { AccessToken } from '../session/session.ts'
import { idpUnavailable } from './errors.ts'

// RFC 6749 §5.1 lets the life unsaid. Five minutes is what careful providers give; a token that lives longer
// is renewed early, one that lives shorter is found out by the upstream's 401.
const unsaidSeconds = 300
// A number that is no time any more would break what reckons with it.
const longestSeconds = 365 * 86_400

// RFC 6749 §A.12: visible characters. The token goes into a header as it stands.
const tokenForm = /^[\x21-\x7e]+$/

/**
 * Reads the access token of a token response whose types the library has checked.
 *
 * `expires_in` may be a number or, as some providers write it, a text that starts with one; negative or
 * not a number is no answer of the protocol. A missing `scope` means the scopes that were asked for.
 *
 * @param sentAt when the request left; the token's life is reckoned from there, on the safe side
 * @throws {GatewayError} `idp_unavailable`, reason `token_response_invalid`
 */
export function readAccessToken(
  config: ProviderConfig,
  answer: TokenEndpointResponse,
  request: { readonly scopes: readonly string[]; readonly sentAt: number; readonly now: number },
): AccessToken {
  // The library compares without case, and would take DPoP too, which we did not ask for.
  if (answer.token_type !== 'bearer' || !tokenForm.test(answer.access_token)) {
    throw idpUnavailable(config, 'token_response_invalid', 'gave an access token that is not of type Bearer or not fit for a header')
  }
  const lifeSeconds = Math.min(answer.expires_in ?? unsaidSeconds, longestSeconds)
  return {
    token: answer.access_token,
    scopes: answer.scope === undefined ? request.scopes : [...new Set(answer.scope.split(' ').filter(scope => scope !== ''))],
    expiresAt: request.sentAt + lifeSeconds * 1000,
    refreshedAt: request.now,
  }
}

/**
 * Reads how long the refresh token lives, where the provider says so: `refresh_expires_in` as Keycloak writes it,
 * `refresh_token_expires_in` as others do, as a number or as text.
 *
 * @returns epoch ms; null when nothing is said, when it has no end (0, from Keycloak), and for what is no time
 */
export function readGrantEnd(answer: TokenEndpointResponse, sentAt: number): number | null {
  const said: readonly unknown[] = [answer.refresh_expires_in, answer.refresh_token_expires_in]
  const seconds = said
    .filter(isNumeric)
    .map(Number)
    .filter(value => value > 0)
  return seconds.length === 0 ? null : sentAt + Math.floor(Math.min(...seconds, longestSeconds) * 1000)
}

function isNumeric(value: unknown): value is number | string {
  return Number.isFinite(value) || (typeof value === 'string' && /^\d{1,15}$/.test(value))
}
