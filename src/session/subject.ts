import type { Subject } from '../ops/trail.ts'
import type { SignedIn } from './session.ts'

/** Who a session acts for, as log lines and the audit name it. */
export function subjectOf({ record, sessionId }: SignedIn): Subject {
  const { provider, sub, kind, client, agent } = record
  const holder = client === undefined ? {} : { kind, client_id: client.id, ...(agent === undefined ? {} : { act: agent.act }) }
  return { provider, sub, session_id: sessionId, ...holder }
}
