import { ClientError, ResponseBodyError, WWWAuthenticateChallengeError } from 'openid-client'
import type { ProviderConfig } from '../config/config.ts'
import { GatewayError } from '../errors.ts'

// RFC 6749 §5.2, and what providers add to it. Anything else that an IdP writes there stays out of our words.
const tokenErrors = [
  'invalid_request',
  'invalid_client',
  'invalid_grant',
  'unauthorized_client',
  'unsupported_grant_type',
  'invalid_scope',
  'invalid_target',
  'server_error',
  'temporarily_unavailable',
]

const encrypted =
  'The ID token is encrypted, which is not supported: register the client there without ID token encryption (id_token_encrypted_response_alg)'

/** Which token request an answer belongs to. */
export type Grant = 'authorization_code' | 'refresh_token'

/**
 * An `idp_unavailable` about one provider.
 *
 * @param what follows `Provider "main"` in the operator's message
 * @param cause told in the message as far as it holds nobody's data
 */
export function idpUnavailable(config: ProviderConfig, reason: string, what: string, cause?: unknown): GatewayError {
  const detail = detailOf(cause)
  return new GatewayError('idp_unavailable', `Provider "${config.id}" ${what}${detail === null ? '' : ` (${detail})`}.`, {
    reason,
    ...(cause === undefined ? {} : { cause: scrub(cause) }),
  })
}

/** Our own error inside the library's wrapping, if it is one. */
export function ownError(error: unknown): GatewayError | null {
  if (error instanceof GatewayError) return error
  return error instanceof ClientError && error.cause instanceof GatewayError ? error.cause : null
}

/** Translates what a token request ended with: an error answer, an unusable one, or an ID token that fails the library's checks. */
export function tokenError(config: ProviderConfig, grant: Grant, error: unknown): GatewayError {
  if (error instanceof ResponseBodyError && error.error === 'invalid_grant') return grantRefused(grant, error)
  const refusal = requestError(config, 'token request', error)
  if (refusal !== null) return refusal
  const idTokenFault = idTokenFaultOf(error)
  if (idTokenFault === encrypted) return idTokenRefused(grant, 'form', encrypted, error)
  if (idTokenFault !== null) return idTokenRefused(grant, idTokenFault, 'The ID token does not stand the checks', error)
  return idpUnavailable(config, 'token_response_invalid', 'gave an answer to the token request that cannot be used', error)
}

/**
 * What went wrong with a request of ours before there was an answer worth reading; null when it is the answer.
 *
 * @param what the kind of request, for the operator
 */
export function requestError(config: ProviderConfig, what: string, error: unknown): GatewayError | null {
  const own = ownError(error)
  if (own !== null) return own
  if (error instanceof ResponseBodyError) {
    const name = tokenErrors.includes(error.error) ? error.error : 'unknown_error'
    return idpUnavailable(config, name, `refused the ${what} with ${name}`, error)
  }
  if (error instanceof WWWAuthenticateChallengeError) {
    return idpUnavailable(
      config,
      'invalid_client',
      `refused the ${what}: it does not take what we prove ourselves with (clientAuth)`,
      error,
    )
  }
  const code = codeOf(error) ?? ''
  if (['OAUTH_HTTP_REQUEST_FORBIDDEN', 'OAUTH_REQUEST_PROTOCOL_FORBIDDEN'].includes(code)) {
    return idpUnavailable(config, 'insecure_endpoint', 'has an endpoint that is not https', error)
  }
  if (['OAUTH_MISSING_SERVER_METADATA', 'OAUTH_INVALID_SERVER_METADATA'].includes(code)) {
    return idpUnavailable(config, 'metadata_invalid', `names no usable place for the ${what} in its metadata`, error)
  }
  return null
}

// What says something of the one token that was asked for. invalid_client says something of us, the rest is an outage.
const refusals = ['invalid_request', 'invalid_grant', 'unauthorized_client', 'unsupported_grant_type', 'invalid_scope', 'invalid_target']

/**
 * The provider's no to a token beside the sign-in's own; null when it is something else.
 *
 * @param names those that mean it; of a refresh only some do
 */
export function tokenRefusal(
  config: ProviderConfig,
  what: string,
  error: unknown,
  names: readonly string[] = refusals,
): GatewayError | null {
  if (!(error instanceof ResponseBodyError) || !names.includes(error.error)) return null
  return new GatewayError('insufficient_scope', `Provider "${config.id}" refused the ${what} with ${error.error}.`, {
    reason: error.error,
    cause: scrub(error),
  })
}

/** An ID token that was refused: at sign-in the sign-in fails, at a refresh the session ends (OpenID Connect Core §12.2). */
export function idTokenRefused(grant: Grant, claim: string, message: string, cause?: unknown): GatewayError {
  const options = cause === undefined ? {} : { cause: scrub(cause) }
  const detail = detailOf(cause)
  const text = `${message} (${claim}${detail === null ? '' : `: ${detail}`}).`
  if (grant === 'authorization_code') {
    return new GatewayError('bad_request', text, { ...options, reason: claim === 'nonce' ? 'nonce_mismatch' : 'id_token_invalid' })
  }
  const isOther = ['iss', 'aud', 'azp', 'sub'].includes(claim)
  return new GatewayError('session_expired', text, { ...options, reason: isOther ? 'id_token_changed' : 'id_token_invalid' })
}

/**
 * A copy of an error that holds its name, code and the place it was thrown, for it and its causes.
 *
 * The originals carry answers, tokens and codes as properties, and quote in their messages what they choked on.
 */
export function scrub(error: unknown, depth = 3): Error | undefined {
  if (!(error instanceof Error) || depth === 0) return undefined
  const code = codeOf(error)
  const copy = new Error(code ?? error.name, { cause: scrub(error.cause, depth - 1) })
  copy.name = error.name
  const frames = (error.stack ?? '').split('\n').filter(line => line.startsWith('    at '))
  copy.stack = [`${copy.name}: ${copy.message}`, ...frames].join('\n')
  return code === null ? copy : Object.assign(copy, { code })
}

/** What may be said of a cause: the status of an answer, the library's own words, which are fixed texts, or a code. */
function detailOf(cause: unknown): string | null {
  const inner = cause instanceof Error ? cause.cause : undefined
  if (inner instanceof Response) return `status ${inner.status}`
  if (inner instanceof Error && inner.name === 'OperationProcessingError') return inner.message
  return codeOf(cause)
}

function codeOf(error: unknown): string | null {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : null
}

function grantRefused(grant: Grant, error: ResponseBodyError): GatewayError {
  const options = { cause: scrub(error) }
  return grant === 'authorization_code'
    ? new GatewayError('bad_request', 'The provider refused the code.', { ...options, reason: 'code_refused' })
    : new GatewayError('session_expired', 'The provider refused the refresh token.', { ...options, reason: 'invalid_grant' })
}

/** The claim, or the part of the ID token, that the library objects to; null when it objects to something else. */
function idTokenFaultOf(error: unknown): string | null {
  if (!(error instanceof ClientError) || !(error.cause instanceof Error)) return null
  const details: unknown = error.cause.cause
  if (error.code === 'OAUTH_JWT_CLAIM_COMPARISON_FAILED' || error.code === 'OAUTH_JWT_TIMESTAMP_CHECK_FAILED') {
    return isObject(details) && typeof details.claim === 'string' ? details.claim : 'claim'
  }
  // The library says by `body` that the answer around the ID token is at fault.
  if (isObject(details) && 'body' in details) return null
  if (error.code === 'OAUTH_UNSUPPORTED_OPERATION' && typeof details === 'string' && details.split('.').length === 5) return encrypted
  const isAboutForm = ['OAUTH_INVALID_RESPONSE', 'OAUTH_UNSUPPORTED_OPERATION', 'OAUTH_PARSE_ERROR'].includes(error.code ?? '')
  return isAboutForm ? 'form, algorithm or signature' : null
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
