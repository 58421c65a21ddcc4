import type { Audit } from '../ops/audit.ts'
import { type FamilyRecords, readTombstone, type Store } from '../store/store.ts'
import { rootMember } from './credential.ts'
import { isTouchDue, lifeOf, nextDeadline, passedDeadline, pushIdle, type Timeouts, tombstoneLifeMs } from './deadlines.ts'
import { type OpenedFamily, type OpenFailure, openFamily, openUnheld, sealNewFamily, sealTouched, sealVault } from './family-records.ts'
import type { Sealing } from './sealing.ts'
import type { Beginning, Credential, Ended, EndReason, SessionRecord, SignedIn, SignIn, Vault } from './session.ts'
import type { SessionIndex } from './session-index.ts'

/** What a credential stands for right now. */
export type FamilyState =
  | { readonly state: 'live'; readonly signedIn: SignedIn }
  | { readonly state: 'ended'; readonly reason: EndReason }
  | { readonly state: 'none' }

/** Families: a session, its grant's tokens, and all that is done to them. Every method may throw `store_unavailable`. */
export interface Families {
  /** Begins a session under a credential that was never used. */
  create(credential: Credential, signIn: SignIn, beginning: Beginning): Promise<void>
  /** Reads the store every time, so an ended session is seen at once; opens only what it has not seen before. */
  read(credential: Credential): Promise<FamilyState>
  /** The record of a living session, for whoever does not hold it; null when there is none. */
  look(familyId: string): Promise<SessionRecord | null>
  /** Ends the family if a deadline has passed, for whoever comes by when its holder does not. */
  lapse(familyId: string): Promise<void>
  /** Pushes the idle clock, rarely, and without making anybody wait. A late touch revives nothing. */
  touch(signedIn: SignedIn): void
  /** Writes the vault if nobody else has since it was read; null when somebody has, or the family ended. */
  saveVault(signedIn: SignedIn, next: Omit<Vault, 'version'>): Promise<SignedIn | null>
  /**
   * Ends the family for who holds the credential.
   *
   * @param vaultVersion end only while the vault is still this one
   * @returns what has ended; null when it was not by this call
   */
  end(credential: Credential, reason: EndReason, vaultVersion?: number): Promise<Ended | null>
  /** Ends the family for who does not hold it, if its record fits. */
  endUnheld(familyId: string, reason: EndReason, fits: (record: SessionRecord) => boolean): Promise<Ended | null>
}

export interface FamiliesDeps {
  readonly store: Store
  readonly sealing: Sealing
  readonly index: SessionIndex
  readonly settings: Timeouts & { readonly sealing: 'holder' | 'gateway' }
  readonly now: () => number
  readonly audit: Audit
  /** A read found a deadline passed, and this process ended the family. */
  readonly onLapsed: (ended: Ended) => void
}

/** How often an ending looks again after somebody else has written. */
const mostRounds = 3

export function createFamilies(deps: FamiliesDeps): Families {
  const { store, sealing, index, settings, now, audit } = deps
  // The same bytes open to the same family: nearly every request finds here what an earlier one opened. Weak
  // on the credential object, so it lives exactly as long as the memo of the one who parsed it.
  const opened = new WeakMap<Credential, OpenedFamily>()

  function judge(credential: Credential, records: FamilyRecords): FamilyState {
    if (records.session === null) return { state: 'none' }
    const reason = readTombstone(records.session)
    if (reason !== null) return { state: 'ended', reason: reason as EndReason }

    let family = opened.get(credential)
    if (family === undefined || family.session !== records.session || family.vault !== records.vault) {
      const result = openFamily(sealing, credential, records)
      if ('failure' in result) return reject(credential, records, result)
      family = result
      opened.set(credential, family)
    }
    const { record, vault } = family.signedIn
    const deadline = passedDeadline(record, vault.grantExpiresAt, now())
    if (deadline === null) return { state: 'live', signedIn: family.signedIn }
    return endNow(credential.familyId, deadline, records, { record, vault })
  }

  /** A record under a key we do not have may be another replica's: it stays. An altered one is nobody's. */
  function reject(credential: Credential, records: FamilyRecords, why: OpenFailure): FamilyState {
    if (why.failure === 'vault_gone')
      return endNow(credential.familyId, nextDeadline(why.record), records, { record: why.record, vault: null })
    audit('record_rejected', { reason: why.failure, session_id: credential.familyId })
    if (why.failure === 'altered') endNow(credential.familyId, 'revoked', records, null)
    return { state: 'none' }
  }

  /** Nobody waits for it: whatever becomes of the write, the record itself refuses the next request as well. */
  function endNow(
    familyId: string,
    reason: EndReason,
    records: FamilyRecords,
    ended: { readonly record: SessionRecord; readonly vault: Vault | null } | null,
  ): FamilyState {
    // The vault counts too: a renewal may just have moved the provider's deadline in it.
    store.endFamily(familyId, reason, tombstoneLifeMs, records).then(isEnded => {
      if (!isEnded) return
      audit('session_ended', { reason, session_id: familyId })
      if (ended === null) return
      index.remove(familyId, ended.record)
      deps.onLapsed({ sessionId: familyId, ...ended })
    }, ignore)
    return { state: 'ended', reason }
  }

  /**
   * Ends what `open` finds, while it still is what was found: a touch or a renewal may come between, and then it is
   * looked at again. Renewals for many audiences can come between each time: whoever is told of an ending must be told
   * the truth, so the last time whatever is there ends. Tokens that were written after the last look are destroyed then,
   * and not given back.
   *
   * @param isBound whether the vault that `open` saw is all that may end
   */
  async function endAsRead(
    familyId: string,
    member: string,
    reason: EndReason,
    open: (records: FamilyRecords) => Omit<Ended, 'sessionId'> | null,
    isBound = false,
  ): Promise<Ended | null> {
    for (let round = 1; round <= mostRounds; round += 1) {
      const records = await store.readFamily(familyId, member)
      if (records.session === null || readTombstone(records.session) !== null) return null
      const found = open(records)
      if (found === null) return null
      const expected = round < mostRounds || isBound ? records : undefined
      if (!(await store.endFamily(familyId, reason, tombstoneLifeMs, expected))) continue
      index.remove(familyId, found.record)
      return { sessionId: familyId, ...found }
    }
    return null
  }

  return {
    async create(credential, signIn, beginning) {
      const { familyId } = credential
      const sealed = sealNewFamily(sealing, credential, signIn, settings, beginning, now())
      await index.add(familyId, sealed.record)
      await store.createFamily(familyId, sealed.records, lifeOf(sealed.record, now()))
    },

    // Every proxied request comes here: one promise beside the store's own.
    read: credential => store.readFamily(credential.familyId, credential.member).then(records => judge(credential, records)),

    async look(familyId) {
      const records = await store.readFamily(familyId, rootMember)
      if (records.session === null || readTombstone(records.session) !== null) return null
      const found = openUnheld(sealing, familyId, records)
      if (typeof found === 'string') return null
      return passedDeadline(found.record, found.vault?.grantExpiresAt ?? null, now()) === null ? found.record : null
    },

    async lapse(familyId) {
      const records = await store.readFamily(familyId, rootMember)
      const isGone = records.session === null || readTombstone(records.session) !== null
      const found = isGone ? 'altered' : openUnheld(sealing, familyId, records)
      if (typeof found === 'string') return await store.dropDue(familyId)
      const deadline = passedDeadline(found.record, found.vault?.grantExpiresAt ?? null, now())
      if (deadline !== null) endNow(familyId, deadline, records, found)
    },

    touch(signedIn) {
      const family = opened.get(signedIn.credential)
      if (family === undefined || family.isTouching || !isTouchDue(signedIn.record, settings, now())) return
      family.isTouching = true
      const next = pushIdle(signedIn.record, settings, now())
      const sealed = sealTouched(sealing, family, next)
      const { familyId, member } = signedIn.credential
      index
        .add(familyId, next)
        .then(() => store.replaceSession(familyId, member, family.session, sealed, lifeOf(next, now())))
        .catch(() => {
          // The vault may have been saved meanwhile, over the same record.
          for (const held of [family, opened.get(signedIn.credential)]) if (held?.session === family.session) held.isTouching = false
        })
    },

    async saveVault(signedIn, next) {
      const family = opened.get(signedIn.credential)
      // Another request may have opened a newer vault since the caller read: that is no leave to write over it.
      if (family === undefined || family.signedIn.vault.version !== signedIn.vault.version) return null
      const vault = { ...next, version: signedIn.vault.version + 1 }
      const sealed = sealVault(family, vault)
      const isWritten = await store.replaceVault(signedIn.credential.familyId, family.vault, sealed)
      if (!isWritten) return null
      const saved = { ...family, vault: sealed, signedIn: { ...family.signedIn, vault } }
      opened.set(signedIn.credential, saved)
      return saved.signedIn
    },

    end(credential, reason, vaultVersion) {
      return endAsRead(
        credential.familyId,
        credential.member,
        reason,
        records => {
          const family = openFamily(sealing, credential, records)
          if ('failure' in family) return family.failure === 'vault_gone' ? { record: family.record, vault: null } : null
          const { record, vault } = family.signedIn
          return vaultVersion === undefined || vault.version === vaultVersion ? { record, vault } : null
        },
        vaultVersion !== undefined,
      )
    },

    endUnheld(familyId, reason, fits) {
      return endAsRead(familyId, rootMember, reason, records => {
        const found = openUnheld(sealing, familyId, records)
        return typeof found === 'string' || !fits(found.record) ? null : found
      })
    },
  }
}

function ignore(): void {}
