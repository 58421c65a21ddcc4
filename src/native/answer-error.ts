import type { Response } from 'express'
import { visitOf } from '../auth/respond.ts'
import { describeError, GatewayError } from '../errors.ts'
import type { Audit } from '../ops/audit.ts'
import { describeFailure, type Log } from '../ops/log.ts'
import { auditOf, trailFields } from '../ops/trail.ts'
import { OAuthError, type OAuthErrorName } from './oauth-error.ts'

/**
 * Answers a program's request with an OAuth error (RFC 6749 §5.2), whatever was thrown. What is broken on our side is
 * logged; who was refused is audited, but for a device that asks before its person has answered.
 */
export function createAnswerError({ audit, log }: { readonly audit: Audit; readonly log: Log }) {
  return function answerError(res: Response, thrown: unknown): void {
    const { trail } = visitOf(res)
    const error = toOAuthError(thrown)
    trail.outcome = error.error
    if (error.status >= 500) log.write('error', 'request_failed', { ...trailFields(trail), ...codeOf(thrown), ...describeFailure(thrown) })
    else if (error.error !== 'authorization_pending') {
      auditOf(audit, trail)('refusal', { code: error.error, status: error.status, outcome: 'refused', ...reasonOf(error) })
    }
    if (res.headersSent) return void res.destroy()
    res.status(error.status).set(error.headers).json({ error: error.error, error_description: error.message })
  }
}

/** What is wrong with a request of a person, and not of a program: they see a page of ours. */
export function toPageError(error: unknown): unknown {
  if (!(error instanceof OAuthError)) return error
  return new GatewayError('bad_request', error.message, reasonOf(error))
}

/** What of ours has another name for native clients. */
export function toOAuthError(error: unknown): OAuthError {
  if (error instanceof OAuthError) return error
  if (!(error instanceof GatewayError)) return new OAuthError('server_error', 'Something went wrong on our side.', { status: 500 })
  const { status, title, retryAfterSeconds } = describeError(error.code)
  // The sign-in that was approved is over: a program must begin anew, as after any code that cannot be redeemed.
  if (error.code === 'session_revoked') return new OAuthError('invalid_grant', title, reasonOf(error))
  const headers = { ...error.headers, ...(retryAfterSeconds === undefined ? {} : { 'retry-after': String(retryAfterSeconds) }) }
  return new OAuthError(nameOf(error), title, { status, headers, ...reasonOf(error) })
}

/** What a provider may say to a request that must not show a page (OpenID Connect Core §3.1.2.6). */
const silent: readonly string[] = ['login_required', 'interaction_required', 'consent_required', 'account_selection_required']

function nameOf({ code, reason = '' }: GatewayError): OAuthErrorName {
  if (code === 'store_unavailable' || code === 'idp_unavailable' || code === 'too_many_requests') return 'temporarily_unavailable'
  if (code === 'access_denied') return silent.includes(reason) ? (reason as OAuthErrorName) : 'access_denied'
  return describeError(code).status >= 500 ? 'server_error' : 'invalid_request'
}

function reasonOf({ reason }: { readonly reason: string | undefined }): { readonly reason?: string } {
  return reason === undefined ? {} : { reason }
}

function codeOf(error: unknown): { readonly code?: string } {
  return error instanceof GatewayError ? { code: error.code } : {}
}
