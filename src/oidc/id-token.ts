import { createHash } from 'node:crypto'
import { decodeProtectedHeader } from 'jose'
import type { IDToken } from 'openid-client'
import type { ProviderConfig } from '../config/config.ts'
import { GatewayError } from '../errors.ts'
import type { KeptToken } from '../session/session.ts'
import { type Grant, idTokenRefused } from './errors.ts'
import { jwtFault } from './jwt-form.ts'
import type { Metadata } from './metadata.ts'
import { judgeSignature } from './signature.ts'

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

/** An ID token and what it came with. */
export interface TokenSet {
  readonly idToken: string
  readonly accessToken: string
  /** Null at a refresh. */
  readonly code: string | null
}

/**
 * The checks on every ID token that the library leaves out. It has compared `iss`, looked for us in `aud`
 * and for the times; here: that it is an ID token, whose it is, that it is for us alone, and for this access
 * token and code.
 *
 * @throws {GatewayError} `bad_request` at sign-in, `session_expired` at a refresh
 */
export function checkIdToken(config: ProviderConfig, grant: Grant, claims: IDToken, { idToken, accessToken, code }: TokenSet): void {
  const refuse = (claim: string) => idTokenRefused(grant, claim, 'The ID token does not stand the checks')
  const fault = jwtFault(idToken)
  if (fault !== null) throw refuse(fault)
  // Strings by type, but what came is whatever the provider signed (IDT-16).
  const { sub, aud, azp, exp, at_hash: tokenHash, c_hash: codeHash }: Record<string, unknown> = claims
  if (typeof sub !== 'string' || sub === '' || sub.length > longestSub) throw refuse('sub')
  // NIST SP 800-63C §2.3 wants one audience; Core leaves it to us to trust others, and we trust none.
  const audiences = [aud].flat()
  if (audiences.length === 0 || audiences.some(audience => audience !== config.clientId)) throw refuse('aud')
  if (azp !== undefined && azp !== config.clientId) throw refuse('azp')
  // JSON can write a number that is read as infinity: a token without an end.
  if (!Number.isFinite(exp)) throw refuse('exp')
  if (tokenHash !== undefined && tokenHash !== halfHash(idToken, accessToken)) throw refuse('at_hash')
  if (code !== null && codeHash !== undefined && codeHash !== halfHash(idToken, code)) throw refuse('c_hash')
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
 * Checks the signature of an ID token.
 *
 * @returns false, at a refresh alone, when the keys cannot be had or the right one is not among them yet: the
 *   caller does without the token's claims, for the refresh token is spent and what it bought must not be lost
 * @throws {GatewayError} `bad_request` at sign-in, `session_expired` at a refresh (`id_token_invalid`) when the
 *   signature is wrong; at sign-in `idp_unavailable` when the keys cannot be had
 */
export async function verifySignature(metadata: Metadata, grant: Grant, idToken: string): Promise<boolean> {
  const isSignIn = grant === 'authorization_code'
  const verdict = await judgeSignature(metadata.keys, idToken, metadata.server.id_token_signing_alg_values_supported).catch(
    (error: unknown) => {
      if (isSignIn || !(error instanceof GatewayError)) throw error
      return 'key_missing' as const
    },
  )
  if (verdict === 'good') return true
  if (verdict === 'key_missing' && !isSignIn) return false
  throw idTokenRefused(grant, verdict === 'key_missing' ? 'key' : 'signature', 'The ID token is not signed by the provider')
}

/** An ID token that has stood the checks, to be used again until it runs out. */
export function keptIdToken(idToken: string, { exp }: IDToken, now: number): KeptToken {
  return { token: idToken, expiresAt: exp * 1000, refreshedAt: now }
}

/** The left half of the hash that goes with the token's algorithm (OpenID Connect Core §3.1.3.6); null for one we do not know. */
function halfHash(idToken: string, value: string): string | null {
  const { alg = '' } = decodeProtectedHeader(idToken)
  const bits = /^Ed/.test(alg) ? '512' : /^[A-Z]{2}(256|384|512)$/.exec(alg)?.[1]
  if (bits === undefined) return null
  const hash = createHash(`sha${bits}`).update(value, 'ascii').digest()
  return hash.subarray(0, hash.length / 2).toString('base64url')
}
