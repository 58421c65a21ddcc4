import type { Subject } from '../ops/trail.ts'
import type { SignedIn } from './session.ts'

/** Who a session acts for, as log lines and the audit name it. */
export function subjectOf({ record, sessionId }: SignedIn): Subject {
  return { provider: record.provider, sub: record.sub, session_id: sessionId }
}
