import { authorizationCodeGrant, type CustomFetch } from 'openid-client'
import type { ProviderConfig } from '../config/config.ts'
import type { LogFields } from '../ops/fields.ts'
import type { SignIn } from '../session/session.ts'
import { checkCallback } from './callback-answer.ts'
import { idTokenRefused, tokenError } from './errors.ts'
import { checkIdToken, keptIdToken, readAuthentication, verifySignature } from './id-token.ts'
import type { Metadata } from './metadata.ts'
import { readPerson } from './person.ts'
import type { Callback } from './provider.ts'
import { readAccessToken, readGrantEnd } from './token-response.ts'

export interface RedeemDeps {
  readonly config: ProviderConfig
  readonly metadata: () => Promise<Metadata>
  readonly wire: CustomFetch
  readonly keepClaims: readonly string[]
  /** Whether anybody has use for the ID token itself. */
  readonly keepsIdToken: boolean
  /** Those that the authorization request named. */
  readonly audiences: readonly string[]
  readonly now: () => number
  readonly log: (event: string, fields: LogFields) => void
}

/**
 * Creates the step from a callback to a sign-in: the callback's checks, one token request, the ID token's
 * checks, the person's claims.
 *
 * @throws {GatewayError} as `Provider.redeem` says
 */
export function createRedeem(deps: RedeemDeps): (callback: Callback) => Promise<SignIn> {
  const { config, now } = deps

  return async function redeem(callback) {
    const metadata = await deps.metadata()
    const currentUrl = checkCallback(config, callback, metadata.server.authorization_response_iss_parameter_supported === true)
    const maxAge = callback.maxAge ?? configuredMaxAge(config)
    const sentAt = now()
    const answer = await askForTokens(metadata, currentUrl, callback, maxAge)
    const access = readAccessToken(config, answer, { scopes: config.scopes, sentAt, now: now() })
    const { id_token: idToken } = answer
    const claims = answer.claims()
    if (idToken === undefined || claims === undefined) throw idTokenRefused('authorization_code', 'missing', 'There is no ID token')
    const code = currentUrl.searchParams.get('code')
    checkIdToken(config, 'authorization_code', claims, { idToken, accessToken: answer.access_token, code })
    const authentication = readAuthentication(config, claims, now(), maxAge)
    await verifySignature(metadata, 'authorization_code', idToken)
    const evidence = { metadata, sub: claims.sub, idToken: claims, accessToken: answer.access_token, grant: 'authorization_code' } as const
    return {
      provider: config.id,
      sub: claims.sub,
      authTime: authentication.authTime ?? now(),
      acr: authentication.acr,
      amr: authentication.amr,
      sid: authentication.sid,
      idToken: deps.keepsIdToken ? keptIdToken(idToken, claims, now()) : null,
      refreshToken: answer.refresh_token ?? null,
      grantExpiresAt: answer.refresh_token === undefined ? null : readGrantEnd(answer, sentAt),
      audiences: config.audienceParameter === 'resource' ? deps.audiences : null,
      scopes: [...new Set([...config.scopes, ...access.scopes])],
      access,
      claims: await readPerson(deps, evidence),
    }
  }

  async function askForTokens(metadata: Metadata, currentUrl: URL, callback: Callback, maxAge: number | undefined) {
    try {
      return await authorizationCodeGrant(metadata.client, currentUrl, {
        expectedState: callback.state,
        expectedNonce: callback.nonce,
        pkceCodeVerifier: callback.verifier,
        idTokenExpected: true,
        ...(maxAge === undefined ? {} : { maxAge }),
      })
    } catch (error) {
      throw tokenError(config, 'authorization_code', error)
    }
  }
}

/** Seconds; what every authorization request asks for that does not say otherwise. */
function configuredMaxAge({ authorizationParams: { max_age: seconds } }: ProviderConfig): number | undefined {
  return seconds === undefined ? undefined : Number(seconds)
}
