import { hash } from 'node:crypto'
import type { IndexKey, Store } from '../store/store.ts'
import { attemptLifeMs } from './attempts.ts'
import { msUntilDeadline } from './deadlines.ts'
import type { SessionRecord, User } from './session.ts'

/** Whose sessions are meant: all of a user's, or those that belong to one session at the provider. */
export type Whose = User | { readonly provider: string; readonly sid: string }

/** Who was logged out: the same, or one session at the provider only as far as it is of that user. */
export type LoggedOut = Whose | { readonly provider: string; readonly sid: string; readonly ofSub: string }

/**
 * Who has which sessions. A family is on its indexes before it is written, and off them after it has ended, so
 * what is not on an index is not alive; what is on it may be gone, and the record decides.
 */
export interface SessionIndex {
  /** Before a family is written, or lives longer. @throws {GatewayError} `store_unavailable`: then it must not be */
  add(familyId: string, record: SessionRecord): Promise<void>
  /** After it has ended. Nobody waits for it: the entry passes with the session's time in any case. */
  remove(familyId: string, record: SessionRecord): void
  /** Ids of families, some of which may have ended. */
  find(whose: Whose): Promise<readonly string[]>
  /** Remembers that these were logged out, for as long as a sign-in begun before can still be finished. */
  markLoggedOut(who: LoggedOut): Promise<void>
  /** When exactly these were, in epoch ms; null when it was not of late. */
  loggedOutAt(who: LoggedOut): Promise<number | null>
  /** Remembers that all sessions of a user were ended here, for as long as what was approved before can still be fetched. */
  markEnded(user: User): Promise<void>
  /** When exactly they were, in epoch ms; null when not of late. */
  endedAt(user: User): Promise<number | null>
}

/** Longer than an attempt, and than a device waits, by what the clocks of two replicas may differ. */
const markLifeMs = attemptLifeMs + 60_000

export function createSessionIndex({ store, now }: { readonly store: Store; readonly now: () => number }): SessionIndex {
  async function readTime(key: IndexKey): Promise<number | null> {
    const mark = await store.readMark(key)
    return mark === null ? null : Number(mark)
  }

  return {
    async add(familyId, record) {
      const ttlMs = msUntilDeadline(record, now())
      await Promise.all(indexesOf(record).map(index => store.addToIndex(index, familyId, ttlMs)))
      // Only here is there something that the gateway can still do at the deadline: give the tokens back.
      if (record.sealing === 'gateway') await store.putDue(familyId, ttlMs)
    },

    remove(familyId, record) {
      for (const index of indexesOf(record)) store.removeFromIndex(index, [familyId]).catch(ignore)
      if (record.sealing === 'gateway') store.dropDue(familyId).catch(ignore)
    },

    find: whose => store.readIndex(indexOf(whose)),
    markLoggedOut: who => store.setMark(markOf(who), String(now()), markLifeMs),

    loggedOutAt: who => readTime(markOf(who)),
    markEnded: user => store.setMark(endedMarkOf(user), String(now()), markLifeMs),
    endedAt: user => readTime(endedMarkOf(user)),
  }
}

function indexesOf(record: SessionRecord): readonly IndexKey[] {
  const { provider, sid } = record
  return sid === null ? [indexOf(record)] : [indexOf(record), indexOf({ provider, sid })]
}

function indexOf(whose: Whose): IndexKey {
  return 'sub' in whose ? keyOf('user', whose.provider, whose.sub) : keyOf('sid', whose.provider, whose.sid)
}

/**
 * A mark for a session and a user together is one of its own: no other user is kept out by it, nor by a provider that
 * takes two people for one.
 */
function markOf(who: LoggedOut): IndexKey {
  return 'ofSub' in who ? keyOf('sid', who.provider, who.sid, who.ofSub) : indexOf(who)
}

/** Of its own: who has signed out everywhere may sign in again in the same moment. */
function endedMarkOf({ provider, sub }: User): IndexKey {
  return keyOf('user', provider, sub, 'ended')
}

/** Names nobody: a `sub` may be an e-mail address (RDS-01). JSON keeps the parts apart. */
function keyOf(kind: IndexKey['kind'], ...parts: readonly string[]): IndexKey {
  return { kind, id: hash('sha256', JSON.stringify([kind, ...parts]), 'base64url') }
}

function ignore(): void {}
