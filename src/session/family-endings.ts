import { type FamilyRecords, readTombstone, type Store } from '../store/store.ts'
import { rootMember, sessionIdOf } from './credential.ts'
import { tombstoneLifeMs } from './deadlines.ts'
import { openFamily, openUnheld } from './family-records.ts'
import type { Sealing } from './sealing.ts'
import type { Credential, Ended, EndReason, SessionRecord } from './session.ts'
import type { SessionIndex } from './session-index.ts'

/** The ends of a family that somebody wants; both may throw `store_unavailable`, and then it lives on. */
export interface FamilyEndings {
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

/** How often an ending looks again after somebody else has written. */
const mostRounds = 6

export function createFamilyEndings({ store, sealing, index }: FamilyEndingsDeps): FamilyEndings {
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
      // The root's record is not at hand where a delegated session was read.
      const seen = member === rootMember ? records : { vault: records.vault }
      const expected = round < mostRounds || isBound ? seen : undefined
      if (!(await store.endFamily(familyId, reason, tombstoneLifeMs, expected))) continue
      index.remove(familyId, found.record)
      return { sessionId: sessionIdOf({ familyId, member }), ...found }
    }
    return null
  }

  return {
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
        const found = openUnheld(sealing, { familyId, member: rootMember }, records)
        return typeof found === 'string' || !fits(found.record) ? null : found
      })
    },
  }
}

export interface FamilyEndingsDeps {
  readonly store: Store
  readonly sealing: Sealing
  readonly index: SessionIndex
}
