import { GatewayError } from '../errors.ts'
import type { SignedIn } from '../session/session.ts'

/** Whose tokens an audit line speaks of. */
export function whoOf({ record, sessionId }: SignedIn) {
  return { provider: record.provider, sub: record.sub, session_id: sessionId }
}

/** What an audit line says of a failure. */
export function outcomeOf(error: unknown) {
  if (!(error instanceof GatewayError)) return { outcome: 'failed' } as const
  return { outcome: 'failed', code: error.code, ...(error.reason === undefined ? {} : { reason: error.reason }) } as const
}
