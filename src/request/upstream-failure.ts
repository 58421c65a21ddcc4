import { GatewayError } from '../errors.ts'

const timeouts: ReadonlySet<string> = new Set(['UND_ERR_CONNECT_TIMEOUT', 'UND_ERR_HEADERS_TIMEOUT', 'ETIMEDOUT'])

/**
 * What an error of undici, a socket or TLS means for the caller.
 *
 * @param hasStarted whether a connection was there and the request on its way: then the upstream spoke
 *   badly, otherwise it was not reached
 * @returns an expected failure, or the error itself where it is a mistake of ours
 */
export function describeUpstreamFailure(error: Error, hasStarted: boolean): Error {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : 'UNKNOWN'
  // undici refuses what we gave it to send: no upstream had a part in that.
  if (error instanceof GatewayError || code === 'UND_ERR_INVALID_ARG') return error
  const options = { cause: error, reason: code.toLowerCase() }
  if (timeouts.has(code)) return new GatewayError('upstream_timeout', 'the upstream did not answer in time', options)
  if (hasStarted) return new GatewayError('upstream_invalid_response', 'the upstream broke off or answered no HTTP', options)
  return new GatewayError('upstream_unreachable', 'no connection to the upstream', options)
}
