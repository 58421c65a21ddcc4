import { GatewayError } from '../errors.ts'

/** What an audit line says of a failure. */
export function outcomeOf(error: unknown) {
  if (!(error instanceof GatewayError)) return { outcome: 'failed' } as const
  return { outcome: 'failed', code: error.code, ...(error.reason === undefined ? {} : { reason: error.reason }) } as const
}
