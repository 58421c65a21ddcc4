import type { CustomFetch } from 'openid-client'
import type { ProviderConfig } from '../config/config.ts'
import { GatewayError } from '../errors.ts'
import type { RawClaims } from './claims.ts'
import { type Grant, idpUnavailable } from './errors.ts'
import { jwtFault, payloadOf } from './jwt-form.ts'
import type { Metadata } from './metadata.ts'
import { judgeSignature } from './signature.ts'

/** Who is asked about, with what, and where. */
export interface UserInfoRequest {
  readonly grant: Grant
  readonly metadata: Metadata
  readonly sub: string
  readonly accessToken: string
}

/**
 * Asks UserInfo about the person of an access token, by one request. A signed answer must be signed by the
 * issuer, name it, and be for us (OpenID Connect Core §5.3.2); a plain one has come by TLS from an address that
 * the issuer's metadata names.
 *
 * @throws {GatewayError} `idp_unavailable` (`userinfo_invalid`); `bad_request` or, at a refresh,
 *   `session_expired` (`userinfo_changed`) when the answer is about somebody else
 */
export async function fetchUserInfo(
  deps: { readonly config: ProviderConfig; readonly wire: CustomFetch; readonly now: () => number },
  request: UserInfoRequest,
): Promise<RawClaims> {
  const { config, wire, now } = deps
  const { grant, metadata, sub, accessToken } = request
  const headers = { accept: 'application/json, application/jwt', authorization: `Bearer ${accessToken}` }
  const response = await wire(userInfoAddress(config, metadata), { method: 'GET', headers, body: null, redirect: 'manual' })
  if (response.status !== 200) throw invalid(config, `answered the UserInfo request with status ${response.status}`)

  const isSigned = /^application\/jwt\b/i.test(response.headers.get('content-type') ?? '')
  const claims = isSigned ? await readSigned(config, metadata, await response.text(), now()) : await response.json()
  if (!isObject(claims) || typeof claims.sub !== 'string' || claims.sub === '')
    throw invalid(config, 'gave UserInfo that says nothing about whom')
  // Two subjects in one sign-in: somebody swaps tokens.
  if (claims.sub !== sub) {
    const code = grant === 'authorization_code' ? 'bad_request' : 'session_expired'
    throw new GatewayError(code, 'UserInfo is about somebody else than the ID token.', { reason: 'userinfo_changed' })
  }
  return claims
}

function userInfoAddress(config: ProviderConfig, { server }: Metadata): string {
  const aliases: unknown = config.clientAuth.method === 'tls_client_auth' ? server.mtls_endpoint_aliases : undefined
  const address = isObject(aliases) && 'userinfo_endpoint' in aliases ? aliases.userinfo_endpoint : server.userinfo_endpoint
  if (typeof address === 'string' && URL.canParse(address)) return address
  throw invalid(config, 'names no usable UserInfo endpoint in its metadata (userinfo_endpoint), although claims come from there')
}

async function readSigned(config: ProviderConfig, { server, keys }: Metadata, jwt: string, now: number): Promise<unknown> {
  const refuse = (what: string) => invalid(config, `gave signed UserInfo that does not stand the checks (${what})`)
  const claims = payloadOf(jwt)
  const fault = jwtFault(jwt)
  if (fault !== null || !isObject(claims)) throw refuse(fault ?? 'form')
  // Nothing is taken for granted here as it is for ID tokens: providers that list no algorithm mostly sign both alike.
  const announced: unknown = server.userinfo_signing_alg_values_supported ?? server.id_token_signing_alg_values_supported
  if ((await judgeSignature(keys, jwt, announced)) !== 'good') throw refuse('signature')
  if (claims.iss !== config.issuer) throw refuse('iss')
  const audiences = [claims.aud].flat()
  if (audiences.length === 0 || audiences.some(audience => audience !== config.clientId)) throw refuse('aud')
  // Optional here, but whoever writes them means them (RFC 7519 §4.1.4, §4.1.5).
  const { exp = Number.MAX_VALUE, nbf = 0 } = claims
  if (!(isNumber(exp) && exp * 1000 > now - config.clockToleranceMs)) throw refuse('exp')
  if (!(isNumber(nbf) && nbf * 1000 <= now + config.clockToleranceMs)) throw refuse('nbf')
  return claims
}

/** JSON can write a number that is read as infinity. */
function isNumber(value: unknown): value is number {
  return Number.isFinite(value)
}

function invalid(config: ProviderConfig, what: string): GatewayError {
  return idpUnavailable(config, 'userinfo_invalid', what)
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
