import { GatewayError } from '../errors.ts'
import type { Audit } from '../ops/audit.ts'
import { auditOf, type Subject, type Trail } from '../ops/trail.ts'
import { sessionIdOf } from '../session/credential.ts'
import type { Credential } from '../session/session.ts'
import type { SessionIndex } from '../session/session-index.ts'
import type { Admit } from '../tokens/admit.ts'
import type { Endings } from '../tokens/endings.ts'
import type { Approved } from './begin-session.ts'

/**
 * Lets a session stay that has just been written of an approval, and writes down that it began, or ends it at once.
 *
 * @param holder what it is of, for the audit
 * @throws {GatewayError} `session_revoked`; `store_unavailable`, and then it must not be handed out
 */
export type KeepSession = (
  credential: Credential,
  approved: Approved,
  trail: Trail,
  holder: Pick<Subject, 'kind' | 'client_id' | 'act'>,
) => Promise<void>

export interface KeepSessionDeps {
  readonly origin: string
  readonly admit: Admit
  readonly index: SessionIndex
  readonly endings: Endings
  readonly audit: Audit
}

export function createKeepSession({ origin, admit, index, endings, audit }: KeepSessionDeps): KeepSession {
  return async function keepSession(credential, { signIn, begunAt, approvedAt }, trail, holder) {
    await admit(credential, signIn, begunAt)
    // The person, or an administrator, has ended all sessions since: a yes that nobody has fetched yet is one of them.
    const endedAt = await index.endedAt(signIn)
    if (endedAt !== null && approvedAt <= endedAt) {
      await endings.signOut(credential)
      throw new GatewayError('session_revoked', 'All sessions of the person were ended after the approval.', {
        reason: 'logged_out_meanwhile',
      })
    }
    const { provider, sub, acr, amr } = signIn
    // Who holds it stands in this line alone: the request itself is the person's, or their program's, and no call by it.
    trail.subject = { provider, sub, session_id: sessionIdOf(credential) }
    auditOf(audit, trail)('sign_in', { ...holder, ...(acr === null ? {} : { acr }), outcome: 'ok', amr, origin })
  }
}
