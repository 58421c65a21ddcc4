import { ClientError, fetchUserInfo } from 'openid-client'
import type { ProviderConfig } from '../config/config.ts'
import { GatewayError } from '../errors.ts'
import { findRefusal } from './allow.ts'
import { mapClaims, type RawClaims } from './claims.ts'
import { type Grant, idpUnavailable, ownError, scrub } from './errors.ts'
import type { Metadata } from './metadata.ts'

export interface PersonDeps {
  readonly config: ProviderConfig
  /** Names of further claims that the program uses. */
  readonly keepClaims: readonly string[]
}

/** What is at hand about a person after a token request. */
export interface Evidence {
  readonly grant: Grant
  readonly metadata: Metadata
  readonly sub: string
  readonly idToken: RawClaims | null
  readonly accessToken: string
}

/**
 * Gathers a person's claims, from UserInfo too where a configured claim comes from there, and applies the
 * `allow` rules.
 *
 * @throws {GatewayError} `access_denied` (`not_allowed`); `bad_request` or, at a refresh, `session_expired`
 *   (`userinfo_changed`) when UserInfo is about somebody else; `idp_unavailable` when it cannot be had
 */
export async function readPerson({ config, keepClaims }: PersonDeps, evidence: Evidence): Promise<RawClaims> {
  const sources = { id_token: evidence.idToken, userinfo: asksUserInfo(config) ? await userInfoOf(config, evidence) : null }
  const ruled = config.allow === 'everyone' ? [] : Object.keys(config.allow.claims ?? {})
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

async function userInfoOf(config: ProviderConfig, { grant, metadata, sub, accessToken }: Evidence): Promise<RawClaims> {
  try {
    return await fetchUserInfo(metadata.signIn, accessToken, sub)
  } catch (error) {
    const own = ownError(error)
    if (own !== null) throw own
    // Two subjects in one sign-in: somebody swaps tokens (OpenID Connect Core §5.3.2).
    if (error instanceof ClientError && error.code === 'OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED') {
      const code = grant === 'authorization_code' ? 'bad_request' : 'session_expired'
      throw new GatewayError(code, 'UserInfo is about somebody else than the ID token.', {
        reason: 'userinfo_changed',
        cause: scrub(error),
      })
    }
    throw idpUnavailable(config, 'userinfo_invalid', 'gave no usable UserInfo', error)
  }
}
