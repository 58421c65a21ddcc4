import { type CustomFetch, type IDToken, refreshTokenGrant } from 'openid-client'
import type { ProviderConfig } from '../config/config.ts'
import { GatewayError } from '../errors.ts'
import type { LogFields } from '../ops/fields.ts'
import { idTokenRefused, tokenError } from './errors.ts'
import { checkIdToken, verifySignature } from './id-token.ts'
import type { Metadata } from './metadata.ts'
import { asksUserInfo, readPerson } from './person.ts'
import type { Provider, Refreshed } from './provider.ts'
import { readAccessToken } from './token-response.ts'

export interface RefreshDeps {
  readonly config: ProviderConfig
  readonly metadata: () => Promise<Metadata>
  readonly wire: CustomFetch
  readonly keepClaims: readonly string[]
  readonly now: () => number
  readonly log: (event: string, fields: LogFields) => void
}

/**
 * Creates the refresh grant. It asks for no scope, so for no more than was granted (RTK-06).
 *
 * Once the IdP has answered, the old refresh token may be spent. From there on, what cannot be had (keys,
 * UserInfo) costs the new claims and not the tokens; only an answer about somebody else is thrown away.
 *
 * @throws {GatewayError} as `Provider.refresh` says
 */
export function createRefresh(deps: RefreshDeps): Provider['refresh'] {
  const { config, now } = deps

  return async function refresh(request): Promise<Refreshed> {
    const metadata = await deps.metadata()
    const sentAt = now()
    const answer = await refreshTokenGrant(metadata.client, request.refreshToken).catch((error: unknown) => {
      throw tokenError(config, 'refresh_token', error)
    })
    const access = readAccessToken(config, answer, { scopes: request.scopes, sentAt, now: now() })
    const idToken = answer.claims() ?? null
    if (idToken !== null) checkSamePerson(idToken, answer.id_token ?? '', answer.access_token, request.sub)
    const isVerified = answer.id_token !== undefined && (await verifySignature(metadata, 'refresh_token', answer.id_token))
    if (answer.id_token !== undefined && !isVerified) deps.log('provider_keys_unavailable', { provider: config.id })
    const verified = isVerified ? idToken : null
    return {
      refreshToken: answer.refresh_token ?? request.refreshToken,
      access,
      claims: canMap(verified) ? await claimsOrNull(metadata, verified, answer.access_token, request.sub) : null,
      idToken: isVerified && config.logout.hint === 'id_token_hint' ? (answer.id_token ?? null) : null,
    }
  }

  function checkSamePerson(claims: IDToken, idToken: string, accessToken: string, sub: string): void {
    checkIdToken(config, 'refresh_token', claims, { idToken, accessToken, code: null })
    if (claims.sub !== sub) throw idTokenRefused('refresh_token', 'sub', 'The ID token of a refresh is about somebody else')
  }

  /** Without an ID token, UserInfo alone must be able to give every configured claim: half a picture is worse than the old one. */
  function canMap(verified: IDToken | null): boolean {
    return verified !== null || (asksUserInfo(config) && Object.values(config.claims).every(({ from }) => from.includes('userinfo')))
  }

  async function claimsOrNull(metadata: Metadata, idToken: IDToken | null, accessToken: string, sub: string) {
    try {
      return await readPerson(deps, { grant: 'refresh_token', metadata, sub, idToken, accessToken })
    } catch (error) {
      if (!(error instanceof GatewayError) || error.code !== 'idp_unavailable') throw error
      deps.log('provider_userinfo_failed', {
        provider: config.id,
        error: error.message,
        ...(error.reason === undefined ? {} : { reason: error.reason }),
      })
      return null
    }
  }
}
