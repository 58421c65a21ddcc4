import { createHash } from 'node:crypto'
import { compactVerify, decodeProtectedHeader, errors } from 'jose'
import type { IDToken } from 'openid-client'
import type { ProviderConfig } from '../config/config.ts'
import { type Grant, idTokenRefused } from './errors.ts'
import type { Metadata } from './metadata.ts'

// A code lives at most ten minutes (RFC 6749 §4.1.2), and the ID token is made when it is redeemed.
const oldestMs = 10 * 60_000
// OpenID Connect Core §2.
const longestSub = 255

/** What an ID token says about the sign-in itself. */
export interface Authentication {
  /** Epoch ms; null when the token does not tell. */
  readonly authTime: number | null
  readonly acr: string | null
  readonly amr: readonly string[]
  readonly sid: string | null
}

/**
 * The checks on every ID token that the library leaves out. It has compared `iss`, looked for us in `aud`
 * and for the times; here: whose token it is, that it is for us alone, and for this access token.
 *
 * @throws {GatewayError} `bad_request` at sign-in, `session_expired` at a refresh
 */
export function checkIdToken(config: ProviderConfig, grant: Grant, claims: IDToken, idToken: string, accessToken: string): void {
  const refuse = (claim: string) => idTokenRefused(grant, claim, 'The ID token does not stand the checks')
  // Strings by type, but what came is whatever the provider signed (IDT-16).
  const { sub, aud, azp, exp, at_hash: hash }: Record<string, unknown> = claims
  if (typeof sub !== 'string' || sub === '' || sub.length > longestSub) throw refuse('sub')
  // NIST SP 800-63C §2.3 wants one audience; Core leaves it to us to trust others, and we trust none.
  const audiences = [aud].flat()
  if (audiences.length === 0 || audiences.some(audience => audience !== config.clientId)) throw refuse('aud')
  if (azp !== undefined && azp !== config.clientId) throw refuse('azp')
  // JSON can write a number that is read as infinity: a token without an end.
  if (!Number.isFinite(exp)) throw refuse('exp')
  if (hash !== undefined && hash !== accessTokenHash(idToken, accessToken)) throw refuse('at_hash')
}

/**
 * Reads when and how the person authenticated, from a sign-in's ID token that has stood all other checks.
 *
 * @param maxAge seconds, when the authorization request asked for it; the library has compared `auth_time`
 * @throws {GatewayError} `bad_request`, reason `id_token_invalid`
 */
export function readAuthentication(config: ProviderConfig, claims: IDToken, now: number, maxAge: number | undefined): Authentication {
  const refuse = (claim: string) => idTokenRefused('authorization_code', claim, 'The ID token does not stand the checks')
  const { iat, auth_time: authTime, acr, amr, sid }: Record<string, unknown> = claims
  const latestMs = now + config.clockToleranceMs
  const issuedAt = Number(iat) * 1000
  if (!(issuedAt <= latestMs && issuedAt >= now - oldestMs - config.clockToleranceMs)) throw refuse('iat')
  if (authTime !== undefined && !(typeof authTime === 'number' && authTime * 1000 <= latestMs)) throw refuse('auth_time')
  if (maxAge !== undefined && !Number.isInteger(authTime)) throw refuse('auth_time')
  if (acr !== undefined && typeof acr !== 'string') throw refuse('acr')
  if (amr !== undefined && !(Array.isArray(amr) && amr.every(method => typeof method === 'string'))) throw refuse('amr')
  if (sid !== undefined && (typeof sid !== 'string' || sid === '' || sid.length > longestSub)) throw refuse('sid')
  return {
    authTime: typeof authTime === 'number' ? Math.floor(authTime * 1000) : null,
    acr: acr ?? null,
    amr: amr ?? [],
    sid: sid ?? null,
  }
}

/**
 * Checks the signature of an ID token that came with a refresh.
 *
 * @returns false when the keys cannot be had, or the right one is not among them yet: the caller does
 *   without the token's claims, for the refresh token is spent and what it bought must not be lost
 * @throws {GatewayError} `session_expired`, reason `id_token_invalid`, when the signature is wrong
 */
export async function verifySignature(metadata: Metadata, idToken: string): Promise<boolean> {
  const announced: unknown = metadata.server.id_token_signing_alg_values_supported
  // Without a word on it, OpenID Connect Core §2 means RS256. Never `none`, never a shared secret.
  const algorithms = Array.isArray(announced) ? announced.filter(alg => /^(RS|PS|ES)\d{3}$|^Ed/.test(String(alg))) : ['RS256']
  try {
    await compactVerify(idToken, metadata.keys, { algorithms })
    return true
  } catch (error) {
    const isWrong =
      error instanceof errors.JWSSignatureVerificationFailed ||
      error instanceof errors.JWSInvalid ||
      error instanceof errors.JOSEAlgNotAllowed
    if (isWrong) throw idTokenRefused('refresh_token', 'signature', 'The ID token of a refresh is not signed by the provider', error)
    return false
  }
}

/** The left half of the hash that goes with the token's algorithm (OpenID Connect Core §3.1.3.6); null for one we do not know. */
function accessTokenHash(idToken: string, accessToken: string): string | null {
  const { alg = '' } = decodeProtectedHeader(idToken)
  const bits = /^Ed/.test(alg) ? '512' : /^[A-Z]{2}(256|384|512)$/.exec(alg)?.[1]
  if (bits === undefined) return null
  const hash = createHash(`sha${bits}`).update(accessToken, 'ascii').digest()
  return hash.subarray(0, hash.length / 2).toString('base64url')
}
