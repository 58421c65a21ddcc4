/** One row of the error table: what the caller sees, and how loudly the operator hears of it. */
interface ErrorEntry {
  /** The HTTP status code of the answer. */
  readonly status: number
  /** What a person reads; says what to do, never what went wrong inside. */
  readonly title: string
  /** How the request that ended this way is logged. */
  readonly log: 'debug' | 'info' | 'warn' | 'error'
  /** Seconds for a Retry-After header. */
  readonly retryAfterSeconds?: number
}

const table = {
  bad_request: { status: 400, log: 'info', title: 'The request could not be understood' },
  ambiguous_path: { status: 400, log: 'warn', title: 'The address has more than one reading' },
  navigation_required: { status: 400, log: 'info', title: 'Open this address in the browser itself' },
  attempt_unknown: { status: 400, log: 'info', title: 'This sign-in is no longer open. Please start again' },
  attempt_replayed: { status: 400, log: 'warn', title: 'This sign-in was already used. Please start again' },
  two_credentials: { status: 400, log: 'info', title: 'Send either the session cookie or the access token, not both' },
  not_signed_in: { status: 401, log: 'debug', title: 'Please sign in' },
  session_idle: { status: 401, log: 'debug', title: 'Please sign in again: the session was not used for too long' },
  session_expired: { status: 401, log: 'debug', title: 'Please sign in again: the session has expired' },
  session_revoked: { status: 401, log: 'info', title: 'Please sign in again: the session was ended' },
  invalid_handle: { status: 401, log: 'info', title: 'Please sign in again with this program' },
  step_up_required: { status: 401, log: 'info', title: 'Please confirm who you are to go on' },
  cross_site_refused: { status: 403, log: 'warn', title: 'Requests from other sites are refused' },
  access_denied: { status: 403, log: 'warn', title: 'You may not sign in here' },
  insufficient_scope: { status: 403, log: 'info', title: 'This needs a permission that you do not have' },
  claim_missing: { status: 403, log: 'info', title: 'This needs a role or group that you do not have' },
  no_route: { status: 404, log: 'debug', title: 'There is nothing at this address' },
  method_not_allowed: { status: 405, log: 'info', title: 'This method is not allowed here' },
  request_timeout: { status: 408, log: 'info', title: 'The request took too long to arrive' },
  body_too_large: { status: 413, log: 'info', title: 'The request is too large' },
  uri_too_long: { status: 414, log: 'info', title: 'The address is too long' },
  wrong_authority: { status: 421, log: 'warn', title: 'This host name is not served here' },
  too_many_requests: { status: 429, log: 'warn', title: 'Too many requests. Please try again in a moment', retryAfterSeconds: 1 },
  headers_too_large: { status: 431, log: 'info', title: 'The request headers are too large' },
  upstream_unreachable: { status: 502, log: 'error', title: 'The service behind this address cannot be reached' },
  upstream_invalid_response: { status: 502, log: 'error', title: 'The service behind this address gave no usable answer' },
  store_unavailable: {
    status: 503,
    log: 'error',
    title: 'Sessions cannot be checked at the moment. Nothing is lost, please try again',
    retryAfterSeconds: 2,
  },
  idp_unavailable: { status: 503, log: 'error', title: 'Signing in is unavailable at the moment. Please try again', retryAfterSeconds: 5 },
  upstream_busy: { status: 503, log: 'warn', title: 'The service behind this address is busy. Please try again', retryAfterSeconds: 2 },
  upstream_timeout: { status: 504, log: 'error', title: 'The service behind this address took too long to answer' },
} as const satisfies Record<string, ErrorEntry>

/** Stable: dashboards and clients match on these. docs/errors.md says what to do about each. */
export type GatewayErrorCode = keyof typeof table

export interface GatewayErrorOptions {
  readonly cause?: unknown
  /** Further response headers that the answer must carry, such as Allow or WWW-Authenticate. */
  readonly headers?: Readonly<Record<string, string>>
  /** Where another sign-in would help: what /auth/login is to be asked for, as its query has it. */
  readonly login?: Readonly<Record<string, string>>
  /** A stable word for the audit that says which of several checks refused, such as `state_mismatch`. */
  readonly reason?: string
  /** The audit has just been told of the like, and is not told again. */
  readonly isRepeated?: boolean
}

/**
 * Every failure the gateway expects. Anything else that is thrown is a bug, answered with a bare 500.
 *
 * The message is for the operator: it names things, never their values. The caller sees title and code.
 */
export class GatewayError extends Error {
  override name = 'GatewayError'
  readonly code: GatewayErrorCode
  readonly headers: Readonly<Record<string, string>>
  readonly login: Readonly<Record<string, string>>
  readonly reason: string | undefined
  readonly isRepeated: boolean

  constructor(code: GatewayErrorCode, message: string, options: GatewayErrorOptions = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined)
    this.code = code
    this.headers = options.headers ?? {}
    this.login = options.login ?? {}
    this.reason = options.reason
    this.isRepeated = options.isRepeated ?? false
  }
}

/** The table's row for a code. */
export function describeError(code: GatewayErrorCode): ErrorEntry {
  return table[code]
}

/** All codes, for documentation checks. */
export const errorCodes = Object.keys(table) as readonly GatewayErrorCode[]
