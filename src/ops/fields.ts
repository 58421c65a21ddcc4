/**
 * Every field a log line may have. Nothing else reaches the log: a token cannot be logged by mistake,
 * because there is no field to put it in. docs/logging.md lists them for operators.
 */
export interface LogFields {
  readonly request_id?: string
  readonly client_address?: string
  readonly method?: string
  /** The route's configured path, or the name of one of our endpoints; never the requested path. */
  readonly route?: string
  readonly status?: number
  readonly duration_ms?: number
  /** An error code of src/errors.ts. */
  readonly code?: string
  /** A stable word that says more than the code. */
  readonly reason?: string
  readonly outcome?: 'ok' | 'refused' | 'failed'
  readonly provider?: string
  /** The user's subject, plain or keyed-hashed as `audit.subject` says. */
  readonly sub?: string
  /** The public session id. */
  readonly session_id?: string
  /** Where the session is no browser's: `native` or `agent`. */
  readonly kind?: string
  /** The native client, as configured. */
  readonly client_id?: string
  /** Who acts for the person: an agent, then those behind it. */
  readonly act?: readonly string[]
  readonly acr?: string
  readonly amr?: readonly string[]
  /** Name and message of an error, scrubbed; never its other properties. */
  readonly error?: string
  readonly cause?: string
  readonly upstream?: string
  readonly origin?: string
  readonly port?: number
  readonly host?: string
  readonly file?: string
  readonly key_id?: string
  readonly user_agent?: string
}

/** The same list for the running program; the compiler keeps the two alike. */
export const logFieldNames = {
  request_id: true,
  client_address: true,
  method: true,
  route: true,
  status: true,
  duration_ms: true,
  code: true,
  reason: true,
  outcome: true,
  provider: true,
  sub: true,
  session_id: true,
  kind: true,
  client_id: true,
  act: true,
  acr: true,
  amr: true,
  error: true,
  cause: true,
  upstream: true,
  origin: true,
  port: true,
  host: true,
  file: true,
  key_id: true,
  user_agent: true,
} as const satisfies Record<keyof LogFields, true>
