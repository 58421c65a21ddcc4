import { ConnectFailure, codeOf } from './upstream-failure.ts'

/** RFC 9110 §9.2.2, of those that pass the gateway: done twice they have done no more than once. */
const idempotent: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'])

/** That the other side has let go of a connection. A timeout is none of them: the upstream may be at work. */
const closed: ReadonlySet<string> = new Set(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE'])

/** A request that failed before a byte of its answer was there. */
export interface FailedRequest {
  readonly error: Error
  readonly method: string
  readonly hasBody: boolean
  /** Whether it was on its way over a connection. */
  readonly wasSent: boolean
  /** Whether that connection had carried others before. */
  readonly wasKept: boolean
}

/**
 * Whether a failed request may be sent once more (PXY-13): by another address of the upstream, or also by the same one
 * over a new connection.
 *
 * What was not sent can be sent anew, whatever the method. What was sent could have been done: only idempotent
 * requests go a second time, and none whose body was on its way, because it is not kept.
 *
 * The usual reason is a kept connection that the upstream closes at the moment when it is used again. A new connection
 * that ends so is the upstream's answer to the request: the same address is not asked for it twice.
 */
export function whereToRepeat({ error, method, hasBody, wasSent, wasKept }: FailedRequest): 'nowhere' | 'elsewhere' | 'anywhere' {
  if (error instanceof ConnectFailure) return 'elsewhere'
  if (!closed.has(codeOf(error))) return 'nowhere'
  if (!wasSent) return 'anywhere'
  if (hasBody || !idempotent.has(method)) return 'nowhere'
  return wasKept ? 'anywhere' : 'elsewhere'
}
