import { GatewayError } from '../errors.ts'

const timeouts: ReadonlySet<string> = new Set(['UND_ERR_CONNECT_TIMEOUT', 'UND_ERR_HEADERS_TIMEOUT', 'ETIMEDOUT'])

/** No connection came about: nothing of the request was sent. */
export class ConnectFailure extends GatewayError {}

/** What an error of connecting, or of the TLS handshake, means for the caller. */
export function describeConnectFailure(error: Error): ConnectFailure {
  const code = codeOf(error)
  const options = { cause: error, reason: code.toLowerCase() }
  if (timeouts.has(code)) return new ConnectFailure('upstream_timeout', 'the upstream could not be reached in time', options)
  return new ConnectFailure('upstream_unreachable', 'no connection to the upstream', options)
}

/** What a request gets when no address may be tried: at once, and with the time when one may be. */
export function describeOutage(waitMs: number): ConnectFailure {
  const headers = { 'retry-after': String(Math.max(1, Math.ceil(waitMs / 1000))) }
  return new ConnectFailure('upstream_unreachable', 'every address of the upstream has failed lately', { headers, reason: 'addresses_out' })
}

/**
 * What an error of undici, a socket or TLS means for the caller.
 *
 * @param hasStarted whether a connection was there and the request on its way: then the upstream spoke
 *   badly, otherwise it was not reached
 * @returns an expected failure, or the error itself where it is a mistake of ours
 */
export function describeUpstreamFailure(error: Error, hasStarted: boolean): Error {
  const code = codeOf(error)
  // undici refuses what we gave it to send: no upstream had a part in that.
  if (error instanceof GatewayError || code === 'UND_ERR_INVALID_ARG') return error
  const options = { cause: error, reason: code.toLowerCase() }
  if (timeouts.has(code)) return new GatewayError('upstream_timeout', 'the upstream did not answer in time', options)
  if (hasStarted) return new GatewayError('upstream_invalid_response', 'the upstream broke off or answered no HTTP', options)
  return new GatewayError('upstream_unreachable', 'no connection to the upstream', options)
}

/** The stable word of an error that is not ours. */
export function codeOf(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : 'UNKNOWN'
}
