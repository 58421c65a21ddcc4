import type { GatewayErrorCode } from '../errors.ts'
import type { EndReason } from './session.ts'

/** What a request is told whose session is over. Who signed out knows why. */
export const endedCode = {
  idle: 'session_idle',
  expired: 'session_expired',
  revoked: 'session_revoked',
  logged_out: 'not_signed_in',
} as const satisfies Record<EndReason, GatewayErrorCode>
