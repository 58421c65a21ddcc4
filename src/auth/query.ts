import { GatewayError } from '../errors.ts'
import type { Target } from '../http/exchange.ts'

/**
 * Reads the query of a protocol request.
 *
 * @throws {GatewayError} `bad_request` (`parameter_repeated`)
 */
export function readQuery(target: Target): URLSearchParams {
  return readParams(target.query)
}

/**
 * Reads the parameters of a protocol request from their one encoding, be it a query or a form. Two values for one name
 * have two readings, ours and the next program's (RFC 6749 §3.1), so no name may stand twice.
 *
 * @throws {GatewayError} `bad_request` (`parameter_repeated`)
 */
export function readParams(text: string): URLSearchParams {
  const params = new URLSearchParams(text)
  const names = new Set(params.keys())
  if (names.size !== params.size) throw new GatewayError('bad_request', 'a parameter is repeated', { reason: 'parameter_repeated' })
  return params
}
