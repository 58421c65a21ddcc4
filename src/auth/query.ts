import { GatewayError } from '../errors.ts'
import type { Target } from '../http/exchange.ts'

/**
 * Reads the query of a protocol request. Two values for one name have two readings, ours and the next
 * program's (RFC 6749 §3.1), so no name may stand twice.
 *
 * @throws {GatewayError} `bad_request` (`parameter_repeated`)
 */
export function readQuery(target: Target): URLSearchParams {
  const query = new URLSearchParams(target.query)
  const names = new Set(query.keys())
  if (names.size !== query.size) throw new GatewayError('bad_request', 'a query parameter is repeated', { reason: 'parameter_repeated' })
  return query
}
