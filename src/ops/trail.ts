import type { Audit } from './audit.ts'
import type { LogFields } from './fields.ts'
import type { Log } from './log.ts'
import type { RequestTrace } from './tracing.ts'

/** Who a request acts for, once that is known. */
export interface Subject {
  readonly provider: string
  readonly sub: string
  readonly session_id: string
  /** Where the session is no browser's: what it is of, and which client's. */
  readonly kind?: string
  readonly client_id?: string
  /** Who acts for the person: an agent, then those behind it. */
  readonly act?: readonly string[]
}

/** What is written of one request: opened when it arrives, filled on its way, written when it is answered. */
export interface Trail {
  readonly requestId: string
  readonly method: string
  readonly clientAddress: string
  readonly userAgent: string | undefined
  /** Epoch ms. */
  readonly startedAt: number
  /** The same moment by the clock of the metrics, ms. */
  readonly arrivedAt: number
  /** Null where nobody traces. */
  readonly trace: RequestTrace | null
  /** The route's configured path, or the name of one of our endpoints. Never the requested path. */
  route: string | undefined
  subject: Subject | undefined
  /** What became of it: `ok`, the code of an error, or how an answer that had begun did not come to its end. */
  outcome: string
}

/** The fields that every line about a request carries. */
export function trailFields(trail: Trail): LogFields {
  return {
    request_id: trail.requestId,
    client_address: trail.clientAddress,
    method: trail.method,
    ...(trail.route === undefined ? {} : { route: trail.route }),
    ...(trail.userAgent === undefined ? {} : { user_agent: trail.userAgent }),
    ...trail.subject,
  }
}

/** Writes the line of a request that was answered. The subject stays out: who did what is the audit's to say. */
export function writeRequest(log: Log, trail: Trail, status: number, now: () => number): void {
  if (!log.isOn('info')) return
  log.write('info', 'request', {
    request_id: trail.requestId,
    client_address: trail.clientAddress,
    method: trail.method,
    ...(trail.route === undefined ? {} : { route: trail.route }),
    ...(trail.subject === undefined ? {} : { session_id: trail.subject.session_id }),
    status,
    duration_ms: now() - trail.startedAt,
  })
}

/** An audit that knows the request it speaks of. */
export function auditOf(audit: Audit, trail: Trail): Audit {
  return (event, fields) => audit(event, { ...trailFields(trail), ...fields })
}
