import type { Store } from '../store/store.ts'
import { rootMember } from './credential.ts'
import { passedDeadline, tombstoneLifeMs } from './deadlines.ts'
import { openMember } from './family-records.ts'
import type { Sealing } from './sealing.ts'
import type { CallBudget, EndReason, SessionRecord } from './session.ts'

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
  /**
   * Counts a call of a member that may make only so many, or that stands before others who may. False for the first one
   * beyond, with which whoever had no more ends, but for a root: that is for who holds it to end.
   */
  spend(familyId: string, member: string, record: SessionRecord): Promise<boolean>
  /**
   * How many calls each of these may still make, by member: the least of what is left to itself and to those behind it. Who
   * has no limit is not in it, and where none has one the store is not asked. It counts nothing.
   */
  remaining(familyId: string, some: readonly Member[]): Promise<ReadonlyMap<string, number>>
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
    const ending = [member, ...descendantsOf(all, member)] as const
    const ended = await store.endMembers(familyId, ending, reason, tombstoneLifeMs)
    await endLate(familyId, ending, reason)
    return ended === 'none' ? null : found.record
  }

  /** Those that somebody has handed on to between the look and the ending. Who has ended hands on nothing more. */
  async function endLate(familyId: string, ended: readonly string[], reason: EndReason): Promise<void> {
    const all = await of(familyId)
    const [first, ...more] = ended.flatMap(member => descendantsOf(all, member))
    if (first === undefined) return
    const late = [first, ...more] as const
    await store.endMembers(familyId, late, reason, tombstoneLifeMs)
    await endLate(familyId, late, reason)
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
      const budgets = budgetsOf(member, record)
      if (budgets.length === 0) return true
      const counts = await Promise.all(budgets.map(one => store.countFor(familyId, one.member, Math.max(1, one.until - now()))))
      const spent = budgets.filter(({ maxCalls }, at) => (counts[at] ?? 0) > maxCalls)
      for (const one of spent) await endBranch(familyId, one.member, 'expired', () => true)
      return spent.length === 0
    },

    async remaining(familyId, some) {
      const limited = some.flatMap(({ member, record }) => {
        const budgets = budgetsOf(member, record)
        return budgets.length === 0 ? [] : [{ member, budgets }]
      })
      const counted = [...new Set(limited.flatMap(({ budgets }) => budgets.map(one => one.member)))]
      const [first, ...more] = counted
      if (first === undefined) return new Map()
      const counts = await store.readCounts(familyId, [first, ...more])
      const left = ({ member, maxCalls }: CallBudget) => Math.max(0, maxCalls - (counts[counted.indexOf(member)] ?? 0))
      return new Map(limited.map(({ member, budgets }) => [member, Math.min(...budgets.map(left))]))
    },
  }
}

/** What a call of a member counts against: what it may call itself, and what those behind it may. */
export function budgetsOf(member: string, { agent, absoluteExpiresAt: until }: SessionRecord): readonly CallBudget[] {
  if (agent === undefined) return []
  const { maxCalls, sharedBudgets } = agent
  return maxCalls === null ? sharedBudgets : [{ member, maxCalls, until }, ...sharedBudgets]
}

/** Those that were delegated from a member, and so on. */
function descendantsOf(members: readonly Member[], member: string): readonly string[] {
  const children = members.filter(({ record }) => record.agent?.parent === member).map(one => one.member)
  return children.flatMap(child => [child, ...descendantsOf(members, child)])
}
