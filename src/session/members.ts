import type { Store } from '../store/store.ts'
import { rootMember } from './credential.ts'
import { passedDeadline, tombstoneLifeMs } from './deadlines.ts'
import { openMember } from './family-records.ts'
import type { Sealing } from './sealing.ts'
import type { EndReason, SessionRecord } from './session.ts'

/** A living member of a family, as whoever does not hold it sees it. */
export interface Member {
  readonly member: string
  readonly record: SessionRecord
}

/** The sessions of one family: the root, and those that were delegated from it. Every method may throw `store_unavailable`. */
export interface Members {
  /** Those that live, the root among them while it does. */
  of(familyId: string): Promise<readonly Member[]>
  /** Ends one that was delegated, and those delegated from it; null when it does not live, or does not fit. */
  endBranch(familyId: string, member: string, reason: EndReason, fits: (record: SessionRecord) => boolean): Promise<SessionRecord | null>
  /** Ends those that outlived their root, if they fit: one that lives ends with its family. */
  endRootless(familyId: string, reason: EndReason, fits: (record: SessionRecord) => boolean): Promise<SessionRecord | null>
  /** Counts a call of a member that may make only so many. False for the first one beyond, with which the member ends. */
  spend(familyId: string, member: string, record: SessionRecord): Promise<boolean>
}

export interface MembersDeps {
  readonly store: Store
  readonly sealing: Sealing
  readonly now: () => number
}

export function createMembers({ store, sealing, now }: MembersDeps): Members {
  async function of(familyId: string): Promise<readonly Member[]> {
    return (await store.readMembers(familyId)).flatMap(({ member, session }) => {
      const record = openMember(sealing, { familyId, member }, session)
      return record === null || passedDeadline(record, null, now()) !== null ? [] : [{ member, record }]
    })
  }

  async function endBranch(familyId: string, member: string, reason: EndReason, fits: (record: SessionRecord) => boolean) {
    const all = await of(familyId)
    const found = all.find(one => one.member === member)
    if (member === rootMember || found === undefined || !fits(found.record)) return null
    const ended = await store.endMembers(familyId, [member, ...descendantsOf(all, member)], reason, tombstoneLifeMs)
    return ended === 'none' ? null : found.record
  }

  return {
    of,
    endBranch,

    async endRootless(familyId, reason, fits) {
      const all = await of(familyId)
      const [first] = all
      if (first === undefined || all.some(({ member }) => member === rootMember) || !fits(first.record)) return null
      return (await store.endFamily(familyId, reason, tombstoneLifeMs)) ? first.record : null
    },

    async spend(familyId, member, record) {
      const most = record.agent?.maxCalls ?? null
      if (most === null) return true
      const count = await store.countFor(familyId, member, Math.max(1, record.absoluteExpiresAt - now()))
      if (count <= most) return true
      await endBranch(familyId, member, 'expired', () => true)
      return false
    },
  }
}

/** Those that were delegated from a member, and so on. */
export function descendantsOf(members: readonly Member[], member: string): readonly string[] {
  const children = members.filter(({ record }) => record.agent?.parent === member).map(one => one.member)
  return children.flatMap(child => [child, ...descendantsOf(members, child)])
}
