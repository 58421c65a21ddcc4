import type { CustomFetch } from 'openid-client'
import type { ProviderConfig } from '../config/config.ts'
import { GatewayError } from '../errors.ts'
import type { LogFields } from '../ops/fields.ts'
import { findRefusal } from './allow.ts'
import { claimsElsewhere, mapClaims, type RawClaims } from './claims.ts'
import { fetchUserInfo, type UserInfoRequest } from './user-info.ts'

export interface PersonDeps {
  readonly config: ProviderConfig
  /** Names of further claims that the program uses. */
  readonly keepClaims: readonly string[]
  readonly wire: CustomFetch
  readonly now: () => number
  readonly log: (event: string, fields: LogFields) => void
}

/** What is at hand about a person after a token request. */
export interface Evidence extends UserInfoRequest {
  readonly idToken: RawClaims | null
}

/**
 * Gathers a person's claims, from UserInfo too where a configured claim comes from there, and applies the
 * `allow` rules.
 *
 * @throws {GatewayError} `access_denied` (`not_allowed`); `bad_request` or, at a refresh, `session_expired`
 *   (`userinfo_changed`) when UserInfo is about somebody else; `idp_unavailable` when it cannot be had
 */
export async function readPerson(deps: PersonDeps, evidence: Evidence): Promise<RawClaims> {
  const { config, keepClaims } = deps
  const sources = { id_token: evidence.idToken, userinfo: asksUserInfo(config) ? await fetchUserInfo(deps, evidence) : null }
  const ruled = config.allow === 'everyone' ? [] : Object.keys(config.allow.claims ?? {})
  const elsewhere = claimsElsewhere(config, sources, [...ruled, ...keepClaims])
  if (elsewhere.length > 0) {
    const error = `it keeps these claims elsewhere (_claim_names), too many for a token most often: ${elsewhere.join(', ')}; they count as missing`
    deps.log('provider_claims_elsewhere', { provider: config.id, error })
  }
  const refusal = findRefusal(config.allow, mapClaims(config, sources, ruled))
  if (refusal !== null) {
    throw new GatewayError('access_denied', `identityProviders.${config.id}.allow keeps this person out (${refusal}).`, {
      reason: 'not_allowed',
    })
  }
  return mapClaims(config, sources, keepClaims)
}

/** Whether any configured claim may come from UserInfo. */
export function asksUserInfo(config: ProviderConfig): boolean {
  return Object.values(config.claims).some(({ from }) => from.includes('userinfo'))
}
