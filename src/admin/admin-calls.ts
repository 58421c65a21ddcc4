import { GatewayError } from '../errors.ts'
import { isoTime } from '../http/iso-time.ts'
import type { LogFields } from '../ops/fields.ts'
import { describeListedSession } from '../session/describe-session.ts'
import type { User } from '../session/session.ts'
import type { Administered } from './administered.ts'

/** One thing that an administrator asked for, read and ready to be done. */
export interface AdminCall {
  /** The call, as the audit names it. */
  readonly reason: 'list_sessions' | 'end_session' | 'end_sessions' | 'list_secrets'
  /** Whom it concerns. */
  readonly whom: Pick<LogFields, 'provider' | 'sub' | 'session_id'>
  /** Does it; what the answer says, null when there is nothing to say. @throws {GatewayError} */
  run(administered: Administered): Promise<object | null>
}

export function listSessions(user: User): AdminCall {
  return {
    reason: 'list_sessions',
    whom: user,
    run: async ({ sessions }) => ({ sessions: (await sessions.list(user)).map(session => describeListedSession(session)) }),
  }
}

/** Ids and ages, never values. */
export function listSecrets(): AdminCall {
  return {
    reason: 'list_secrets',
    whom: {},
    run: async ({ secrets, now }) => ({
      secrets: secrets.map(({ option, modifiedAt }) => ({
        secret: option,
        modified_at: isoTime(modifiedAt),
        age_seconds: Math.max(0, Math.floor((now() - modifiedAt) / 1000)),
      })),
    }),
  }
}

export function endSessions(user: User): AdminCall {
  return {
    reason: 'end_sessions',
    whom: user,
    run: async ({ sessions }) => ({ revoked: await sessions.endAll(user) }),
  }
}

export function endSession(sessionId: string): AdminCall {
  return {
    reason: 'end_session',
    whom: { session_id: sessionId },
    async run({ sessions }) {
      if (!(await sessions.endOne(sessionId))) throw new GatewayError('no_route', 'no session of this id, or it ended already')
      return null
    },
  }
}
