/** The error names that native clients are told, from the registries of their RFCs (6749, 7009, 8628, 8693, 8707, 9126, 9396). */
export type OAuthErrorName =
  | 'invalid_request'
  | 'invalid_client'
  | 'invalid_grant'
  | 'unauthorized_client'
  | 'unsupported_grant_type'
  | 'unsupported_response_type'
  | 'unsupported_token_type'
  | 'invalid_scope'
  | 'invalid_target'
  | 'invalid_authorization_details'
  | 'access_denied'
  | 'login_required'
  | 'interaction_required'
  | 'consent_required'
  | 'account_selection_required'
  | 'authorization_pending'
  | 'slow_down'
  | 'expired_token'
  | 'temporarily_unavailable'
  | 'server_error'

export interface OAuthErrorOptions {
  /** A stable word for the audit; the client is never told. */
  readonly reason?: string
  /** The HTTP status where it is told in an answer of its own; 400 by default (RFC 6749 §5.2). */
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
}

/**
 * What a native client is told, by its redirect URI or as JSON. The message goes with it as `error_description`: it says
 * what a developer has to change, and never which of several secrets did not fit (NAT-29).
 */
export class OAuthError extends Error {
  override name = 'OAuthError'
  readonly error: OAuthErrorName
  readonly reason: string | undefined
  readonly status: number
  readonly headers: Readonly<Record<string, string>>

  constructor(error: OAuthErrorName, description: string, { reason, status = 400, headers = {} }: OAuthErrorOptions = {}) {
    super(description)
    this.error = error
    this.reason = reason
    this.status = status
    this.headers = headers
  }
}
