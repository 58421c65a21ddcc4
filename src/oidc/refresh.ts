import { type CustomFetch, type IDToken, refreshTokenGrant } from 'openid-client'
import type { ProviderConfig } from '../config/config.ts'
import { GatewayError } from '../errors.ts'
import type { LogFields } from '../ops/fields.ts'
import { idTokenRefused, tokenError, tokenRefusal } from './errors.ts'
import { checkIdToken, keptIdToken, verifySignature } from './id-token.ts'
import type { Metadata } from './metadata.ts'
import { asksUserInfo, readPerson } from './person.ts'
import { audienceParam, type Provider, type Refreshed, type RefreshRequest } from './provider.ts'
import { readAccessToken, readGrantEnd } from './token-response.ts'

// The others say something of the refresh token, or of us.
const audienceRefusals = ['invalid_target', 'invalid_scope', 'unauthorized_client']

export interface RefreshDeps {
  readonly config: ProviderConfig
  readonly metadata: () => Promise<Metadata>
  readonly wire: CustomFetch
  readonly keepClaims: readonly string[]
  /** Whether anybody has use for the ID token itself. */
  readonly keepsIdToken: boolean
  readonly now: () => number
  readonly log: (event: string, fields: LogFields) => void
}

/**
 * Creates the refresh grant. It asks for no scope that was not granted (RTK-06), and for none unless it is told to.
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
    const asked = grantedOf(request)
    const params = { ...audienceParam(config, request.audience), ...(asked.length === 0 ? {} : { scope: asked.join(' ') }) }
    const answer = await refreshTokenGrant(metadata.client, request.refreshToken, params).catch((error: unknown) => {
      const refusal = request.audience === undefined ? null : tokenRefusal(config, 'refresh for an audience', error, audienceRefusals)
      throw refusal ?? tokenError(config, 'refresh_token', error)
    })
    const access = readAccessToken(config, answer, { scopes: asked.length === 0 ? request.scopes : asked, sentAt, now: now() })
    const idToken = answer.claims() ?? null
    if (idToken !== null) checkSamePerson(idToken, answer.id_token ?? '', answer.access_token, request.sub)
    const isVerified = answer.id_token !== undefined && (await verifySignature(metadata, 'refresh_token', answer.id_token))
    if (answer.id_token !== undefined && !isVerified) deps.log('provider_keys_unavailable', { provider: config.id })
    const verified = isVerified ? idToken : null
    return {
      refreshToken: answer.refresh_token ?? request.refreshToken,
      grantExpiresAt: readGrantEnd(answer, sentAt),
      access,
      claims: canMap(verified, isForUserInfo(request)) ? await claimsOrNull(metadata, verified, answer.access_token, request.sub) : null,
      idToken: verified !== null && deps.keepsIdToken ? keptIdToken(answer.id_token ?? '', verified, now()) : null,
    }
  }

  function checkSamePerson(claims: IDToken, idToken: string, accessToken: string, sub: string): void {
    checkIdToken(config, 'refresh_token', claims, { idToken, accessToken, code: null })
    if (claims.sub !== sub) throw idTokenRefused('refresh_token', 'sub', 'The ID token of a refresh is about somebody else')
  }

  /** A token for an API is not one for UserInfo, and would only be shown around there. */
  function isForUserInfo(request: RefreshRequest): boolean {
    return Object.keys(audienceParam(config, request.audience)).length === 0
  }

  /**
   * Half a picture is worse than the old one: UserInfo must be to be had where a claim may come from there, and
   * without an ID token it alone must be able to give every configured claim.
   */
  function canMap(verified: IDToken | null, isForUserInfo: boolean): boolean {
    if (asksUserInfo(config) && !isForUserInfo) return false
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

/** The scopes to ask for: a provider refuses the whole refresh for one that was not granted (RFC 6749 §6). */
function grantedOf({ requestScopes = [], granted = [] }: RefreshRequest): readonly string[] {
  return requestScopes.filter(scope => granted.includes(scope))
}
