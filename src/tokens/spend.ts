import type { Audit } from '../ops/audit.ts'
import { rootMember } from '../session/credential.ts'
import type { Families } from '../session/families.ts'
import type { Members } from '../session/members.ts'
import type { SignedIn } from '../session/session.ts'
import type { Revoke } from './revoke.ts'

/**
 * Counts a call of an agent that may make only so many. False for the first one beyond, with which whoever had no more
 * ends: one that was handed on to with those behind it; one that the person has made with its whole family, and then the
 * tokens go back to the provider.
 *
 * @throws {GatewayError} `store_unavailable`
 */
export type Spend = (signedIn: SignedIn) => Promise<boolean>

export interface SpendDeps {
  readonly members: Pick<Members, 'spend'>
  readonly families: Pick<Families, 'end'>
  readonly revoke: Pick<Revoke, 'ended'>
  readonly audit: Audit
}

export function createSpend({ members, families, revoke, audit }: SpendDeps): Spend {
  return async function spend({ sessionId, credential, record }) {
    if (await members.spend(credential.familyId, credential.member, record)) return true
    const ended = credential.member === rootMember ? await families.end(credential, 'expired') : null
    if (ended === null) return false
    const { provider, sub } = record
    audit('session_ended', { provider, sub, session_id: sessionId, reason: 'budget_exhausted' })
    revoke.ended(ended)
    return false
  }
}
