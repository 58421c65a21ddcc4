/**
 * The engine's verbs. Every promise either settles within the store's own deadline or rejects with
 * `GatewayError('store_unavailable')`. Values are opaque strings: the store never looks inside them, but
 * for the mark `!` that it puts before its own. A value that begins with it is refused.
 *
 * Lives are milliseconds from now, rounded up, at least 1. Ids are 1 to 64 characters of base64url. What
 * does not fit is a programmer's mistake: a TypeError, thrown or rejected, and nothing was sent.
 *
 * Two implementations, one suite (test/store/): memory.ts and redis.ts.
 */
export interface Store {
  /** Reads one member's session record and the family's vault in one round trip; null where there is none. */
  readFamily(familyId: string, member: string): Promise<FamilyRecords>

  /** Creates the root of a family. False, and nothing written, when any record of that id exists, a tombstone too. */
  createFamily(familyId: string, records: { readonly session: string; readonly vault: string }, life: FamilyLife): Promise<boolean>

  /**
   * Replaces a member's session record if it still is `expected`, and moves its life; that of the vault grows, and is
   * never cut: another member may need it for longer. False, and nothing written, when it is another one, gone, or a
   * tombstone.
   */
  replaceSession(familyId: string, member: string, expected: string, next: string, life: FamilyLife): Promise<boolean>

  /** Replaces the vault if it still is `expected`; its life stays. False, and nothing written, otherwise. */
  replaceVault(familyId: string, expected: string, next: string): Promise<boolean>

  /**
   * Ends the whole family in one step: every member's session record becomes `tombstone` for `ttlMs`,
   * the vault is gone, and no other verb brings any of it back. Ending what has ended keeps the first
   * tombstone and its life.
   *
   * @param expected end only while the root's record, and the vault, are these; what is left out may be any
   * @returns whether this call ended it; false when there was none, it had ended, or it was not `expected`
   */
  endFamily(familyId: string, tombstone: string, ttlMs: number, expected?: Partial<FamilyRecords>): Promise<boolean>

  /**
   * Adds a member to a family, beside one that lives; the vault lives for as long as the longest. False, and nothing
   * written, when the other does not live, the vault is gone, a record of that name exists, or `most` members live.
   */
  addMember(familyId: string, beside: string, member: string, session: string, life: FamilyLife, most: number): Promise<boolean>

  /** The living members of a family with their records, the root among them, in no order. */
  readMembers(familyId: string): Promise<readonly MemberRecord[]>

  /**
   * Ends members alone: their records become `tombstone` for `ttlMs`. With the last one that lived the vault goes too.
   *
   * @param expected end only while the first one's record is this
   * @returns whether anything, or everything, ended by this call
   */
  endMembers(
    familyId: string,
    members: readonly [string, ...string[]],
    tombstone: string,
    ttlMs: number,
    expected?: string,
  ): Promise<'none' | 'some' | 'all'>

  /** Counts one more for a member, and tells how many there are; forgotten `ttlMs` after the first. */
  countFor(familyId: string, member: string, ttlMs: number): Promise<number>

  /** How many `countFor` has counted for each of these members, in their order; 0 where none, or forgotten. It counts nothing. */
  readCounts(familyId: string, members: readonly [string, ...string[]]): Promise<readonly number[]>

  /** Takes the lease on a family's grant for `ttlMs`; false while somebody, this holder too, has it. */
  takeLease(familyId: string, holder: string, ttlMs: number): Promise<boolean>

  /** Makes the lease last `ttlMs` from now; false, and nothing written, when `holder` has it no more. */
  extendLease(familyId: string, holder: string, ttlMs: number): Promise<boolean>

  /** Gives the lease back. That of another holder stays. */
  releaseLease(familyId: string, holder: string): Promise<void>

  /**
   * Puts a family on an index for `ttlMs` from now, or moves its time there, never to an earlier one. Entries whose time has passed
   * are dropped with every addition, and the index itself lives as long as its last entry.
   */
  addToIndex(index: IndexKey, familyId: string, ttlMs: number): Promise<void>

  /** Takes families off an index; what is not on it is no mistake. */
  removeFromIndex(index: IndexKey, familyIds: readonly string[]): Promise<void>

  /** The families on an index, in the order in which their times pass; some may have passed already. */
  readIndex(index: IndexKey): Promise<readonly string[]>

  /** Leaves a mark beside an index for `ttlMs`, in place of an earlier one. */
  setMark(index: IndexKey, value: string, ttlMs: number): Promise<void>

  /** The mark, or null when there is none. */
  readMark(index: IndexKey): Promise<string | null>

  /** Puts a family on the list of those that `takeDue` gives out in `ttlMs` from now, or moves its time there. */
  putDue(familyId: string, ttlMs: number): Promise<void>

  /**
   * Gives out families whose time has come, the oldest first, `limit` at most. Each is given out again after
   * `againInMs` unless it was dropped: whoever took it may have died.
   */
  takeDue(limit: number, againInMs: number): Promise<readonly string[]>

  dropDue(familyId: string): Promise<void>

  /** Keeps a one-time item. False, and nothing written, when the key is taken, by a spent one too. */
  putOnce(key: OneTimeKey, value: string, ttlMs: number): Promise<boolean>

  /** Reads a one-time item without spending it; `spent` when it was taken, null when there is none. */
  peekOnce(key: OneTimeKey): Promise<OneTimeState>

  /**
   * Takes a one-time item, atomically: of any number of calls in any number of processes exactly one
   * gets true. The key stays spent for the rest of the item's life.
   */
  takeOnce(key: OneTimeKey, expected: string): Promise<boolean>

  /**
   * Counts one more against a limit of so many a minute, all replicas together: src/store/buckets.ts says how.
   *
   * @param perMinute a whole number, at least 1
   * @returns 0 when it is within the limit; otherwise nothing was counted, and in how many ms one would be
   */
  count(key: CountKey, perMinute: number): Promise<number>

  /** Resolves when the store answers. */
  ping(): Promise<void>

  close(): Promise<void>
}

export interface MemberRecord {
  readonly member: string
  readonly session: string
}

export interface FamilyRecords {
  /** The record as it was written, or a tombstone: `readTombstone` tells which. */
  readonly session: string | null
  readonly vault: string | null
}

/** How long the records are kept, from now. Deadlines inside the records decide; these only clean up. */
export interface FamilyLife {
  readonly sessionTtlMs: number
  readonly vaultTtlMs: number
}

/** A one-time item: the `id` is its hash slot, the `kind` keeps the items of one id apart. */
export interface OneTimeKey {
  readonly kind: 'attempt' | 'result' | 'jti' | 'code' | 'par' | 'device' | 'user_code' | 'approval'
  /** Characters of base64url only. */
  readonly id: string
}

/** An index of families: by user, or by the provider's own session (`sid`). The `id` is its hash slot. */
export interface IndexKey {
  readonly kind: 'user' | 'sid'
  /** Characters of base64url only. */
  readonly id: string
}

/** What is counted. The `id` is its hash slot and names nobody in clear. */
export interface CountKey {
  readonly kind: 'session' | 'user' | 'address' | 'route' | 'attempts' | 'attempts_address' | 'delegations' | 'user_codes'
  /** Characters of base64url only. */
  readonly id: string
}

export type OneTimeState = { readonly state: 'live'; readonly value: string } | { readonly state: 'spent' } | null

/** What the store puts before a value of its own: a tombstone, or the trace of a spent item. */
export const storeMark = '!'

/** What `endFamily` was given as tombstone; null for a record that is none. */
export function readTombstone(session: string): string | null {
  return session.startsWith(storeMark) ? session.slice(storeMark.length) : null
}
