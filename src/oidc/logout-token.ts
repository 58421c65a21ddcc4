import type { ProviderConfig } from '../config/config.ts'
import { GatewayError } from '../errors.ts'
import { type JwtParts, readJwt } from './jwt-form.ts'
import type { Metadata } from './metadata.ts'
import type { LogoutToken, Provider } from './provider.ts'
import { isSignatureAlgorithm, judgeSignature } from './signature.ts'

// Providers' have about 1 KiB.
const limitBytes = 16 * 1024
// It tells of something that just happened (Back-Channel Logout §4 wants two minutes of life). One that has waited
// longer may be about a session that the person has begun anew since.
const oldestMs = 10 * 60_000
// `sub`: OpenID Connect Core §2; `sid` as in ID tokens.
const longestName = 255
const longestId = 512

const logoutEvent = 'http://schemas.openid.net/event/backchannel-logout'

export interface LogoutTokenDeps {
  readonly config: ProviderConfig
  readonly metadata: () => Promise<Metadata>
  readonly now: () => number
}

/**
 * Creates the check of logout tokens (OpenID Connect Back-Channel Logout 1.0 with errata set 1, §2.4 and §2.6).
 *
 * Anybody can post one. What can be seen without the provider is looked at first, so that junk causes neither a
 * request to it nor the reckoning of a signature (BCL-12).
 *
 * @throws {GatewayError} as `Provider.verifyLogoutToken` says
 */
export function createVerifyLogoutToken({ config, metadata, now }: LogoutTokenDeps): Provider['verifyLogoutToken'] {
  return async function verifyLogoutToken(jwt) {
    const parts = jwt.length > limitBytes ? null : readJwt(jwt)
    if (parts === null) throw refused('logout_token_form', 'is no signed JWT, too long, or can be read in two ways')
    checkKind(parts)
    const token = readClaims(config, parts.payload, now())

    const { keys, server } = await metadata()
    const verdict = await judgeSignature(keys, jwt, server.id_token_signing_alg_values_supported)
    if (verdict !== 'good') throw refused('logout_token_signature', `is not signed by the provider (${verdict})`)
    return token
  }
}

/**
 * That it is a logout token and nothing else that the provider signs for us: with an ID token nobody can be signed
 * out, and the other way round (RFC 8725 §3.11). A `typ` of its own came late; Keycloak's say JWT, and some say nothing.
 */
function checkKind({ header, payload }: JwtParts): void {
  const { typ, alg, crit } = header
  // We know none of the extensions that must be understood (RFC 7515 §4.1.11).
  if (crit !== undefined) throw refused('logout_token_form', 'wants something to be understood that is not (crit)')
  const isOfKind = typ === undefined || (typeof typ === 'string' && /^(application\/)?(logout\+)?jwt$/i.test(typ))
  if (!isOfKind) throw refused('logout_token_type', 'is another kind of token (typ)')
  if (!isSignatureAlgorithm(alg)) throw refused('logout_token_signature', 'is not signed in a way that is taken (alg)')
  const { events, nonce } = payload
  if (!isObject(events) || !isObject(events[logoutEvent])) throw refused('logout_token_type', 'tells of no logout (events)')
  if (nonce !== undefined) throw refused('logout_token_type', 'is an ID token (nonce)')
}

/**
 * From whom, for whom, when, and who is signed out. `exp` must be there, at every provider (BCL-03): a token
 * without an end would have to be remembered without one.
 */
function readClaims(config: ProviderConfig, payload: JwtParts['payload'], now: number): LogoutToken {
  const refuse = (claim: string) => refused('logout_token_claims', `does not stand the checks (${claim})`)
  const { iss, aud, iat, exp, nbf = 0, jti, sub, sid } = payload
  const { clientId, clockToleranceMs } = config
  if (iss !== config.issuer) throw refuse('iss')
  if (![aud].flat().includes(clientId)) throw refuse('aud')
  const oldestAt = now - oldestMs - clockToleranceMs
  const latestAt = now + clockToleranceMs
  if (!(isNumber(iat) && iat * 1000 <= latestAt && iat * 1000 > oldestAt)) throw refuse('iat')
  if (!(isNumber(exp) && exp * 1000 > now - clockToleranceMs)) throw refuse('exp')
  if (!(isNumber(nbf) && nbf * 1000 <= latestAt)) throw refuse('nbf')
  if (!isName(jti, longestId)) throw refuse('jti')
  if (sub !== undefined && !isName(sub, longestName)) throw refuse('sub')
  if (sid !== undefined && !isName(sid, longestName)) throw refuse('sid')
  if (sub === undefined && sid === undefined) throw refuse('neither sub nor sid')
  const endsAt = Math.min(exp * 1000, iat * 1000 + oldestMs) + clockToleranceMs
  return { sub: sub ?? null, sid: sid ?? null, jti, issuedAt: Math.floor(iat * 1000), expiresAt: Math.ceil(endsAt) }
}

function refused(reason: string, what: string): GatewayError {
  return new GatewayError('bad_request', `The logout token ${what}.`, { reason })
}

function isName(value: unknown, longest: number): value is string {
  return typeof value === 'string' && value !== '' && value.length <= longest
}

/** JSON can write a number that is read as infinity. */
function isNumber(value: unknown): value is number {
  return Number.isFinite(value)
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
