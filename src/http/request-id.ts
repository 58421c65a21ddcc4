import { randomUUID } from 'node:crypto'
import type { RequestHead } from './request-head.ts'

/**
 * The name of one request in logs, answers and upstreams: the X-Request-Id that came with it if it is
 * well-formed, a new one otherwise. Several lines of it count as malformed.
 */
export function requestId(req: RequestHead): string {
  const given = req.headers['x-request-id']
  return typeof given === 'string' && isWellFormed(given) ? given : randomUUID()
}

/** 8 to 128 characters of A-Z a-z 0-9 . _ -, so that it can stand unquoted in any log, header or query. */
function isWellFormed(id: string): boolean {
  return id.length >= 8 && id.length <= 128 && /^[A-Za-z0-9._-]+$/.test(id)
}
