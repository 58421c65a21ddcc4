import type { Audit } from '../ops/audit.ts'
import { parseSessionId, rootMember, secretFits, sessionIdOf } from '../session/credential.ts'
import type { Families } from '../session/families.ts'
import type { Members } from '../session/members.ts'
import type { Credential, Ended, EndReason, SessionRecord, User } from '../session/session.ts'
import type { SessionIndex, Whose } from '../session/session-index.ts'
import { belongsTo } from '../session/session-list.ts'
import type { Revoke } from './revoke.ts'

/**
 * Why it ended, in the audit: more ways than there are words for the person. In turn: from the list of one's sessions;
 * by `everywhere=true`; by an administrator; by the provider; as the oldest of too many; because the code it came of was used again.
 */
export const endCauses = [
  'revoked',
  'logged_out_everywhere',
  'admin',
  'back_channel',
  'front_channel',
  'user_limit',
  'code_replayed',
] as const

export type EndCause = (typeof endCauses)[number]

/**
 * All ways in which a family ends but by time. Whoever comes after finds it ended; its tokens go back to the IdP where
 * somebody at hand can open them, and are destroyed in any case.
 *
 * @throws {GatewayError} `store_unavailable`, from every method: what has not ended lives on
 */
export interface Endings {
  /** The holder signs out; one to whom it was delegated takes along only those behind. Null when nothing of the grant ended. */
  signOut(credential: Credential): Promise<Ended | null>
  /**
   * Whoever held a root that is only not used any more ends what that has handed on to. Null when the root lives, nothing
   * of it does, or the secret is another.
   */
  signOutBehind(credential: Credential): Promise<SessionRecord | null>
  /** Another sign-in takes its place in the browser. The grant stays: some providers reuse one for both. */
  replace(credential: Credential): Promise<Ended | null>
  /** Ends one that belongs to the user; false when there is none. */
  one(sessionId: string, cause: EndCause, user?: User): Promise<boolean>
  /** Ends all of them but one, and what a native client was approved for and has not fetched yet; how many lived. */
  all(whose: Whose, cause: EndCause, options?: { readonly except?: string; readonly and?: Whose }): Promise<number>
}

export interface EndingsDeps {
  readonly families: Families
  readonly members: Members
  readonly index: SessionIndex
  readonly revoke: Revoke
  readonly audit: Audit
}

type Holder = Pick<Credential, 'familyId' | 'member'>

export function createEndings({ families, members, index, revoke, audit }: EndingsDeps): Endings {
  async function endUnheld(sessionId: string, cause: EndCause, fits: Parameters<Families['endUnheld']>[2]): Promise<boolean> {
    const reason: EndReason = cause === 'logged_out_everywhere' ? 'logged_out' : 'revoked'
    const ended = await families.endUnheld(sessionId, reason, fits)
    const record = ended?.record ?? (await members.endRootless(sessionId, reason, fits))
    if (record === null) return false
    report(sessionId, record, cause)
    if (ended !== null) revoke.ended(ended)
    return true
  }

  function report(sessionId: string, { provider, sub }: SessionRecord, cause: EndCause): void {
    audit('session_ended', { provider, sub, session_id: sessionId, reason: cause })
  }

  /** What is delegated has no grant of its own: nothing goes back to the provider. */
  async function endBranch({ familyId, member }: Holder, cause: EndCause, fits: (record: SessionRecord) => boolean): Promise<boolean> {
    const record = await members.endBranch(familyId, member, 'revoked', fits)
    if (record !== null) report(sessionIdOf({ familyId, member }), record, cause)
    return record !== null
  }

  return {
    async signOut(credential) {
      if (credential.member !== rootMember) {
        await members.endBranch(credential.familyId, credential.member, 'logged_out', () => true)
        return null
      }
      const ended = await families.end(credential, 'logged_out')
      if (ended !== null) revoke.ended(ended)
      return ended
    },

    async signOutBehind({ familyId, member, secret }) {
      if (member !== rootMember) return null
      return await members.endRootless(familyId, 'logged_out', ({ rootHash }) => rootHash !== undefined && secretFits(secret, rootHash))
    },

    replace: credential => families.end(credential, 'logged_out'),

    async one(sessionId, cause, user) {
      const holder = parseSessionId(sessionId)
      const fits = (record: SessionRecord) => user === undefined || belongsTo(record, user)
      if (holder === null) return false
      return holder.member === rootMember ? await endUnheld(sessionId, cause, fits) : await endBranch(holder, cause, fits)
    },

    async all(whose, cause, { except, and } = {}) {
      // Before the look for sessions: one that begins meanwhile looks for the mark after it is there. A store that is full
      // takes no mark, and no session that it would keep out; the endings it takes. One that is away fails them as well.
      if ('sub' in whose && and === undefined) await index.markEnded(whose).catch(ignore)
      const fits = (record: Parameters<typeof belongsTo>[0]) => belongsTo(record, whose) && (and === undefined || belongsTo(record, and))
      const ids = (await index.find(whose)).filter(id => id !== except)
      const ended = await Promise.all(ids.map(id => endUnheld(id, cause, fits)))
      return ended.filter(Boolean).length
    },
  }
}

function ignore(): void {}
