import type { FamilyRecords, Store } from '../store/store.ts'
import { passedDeadline } from './deadlines.ts'
import { openUnheld } from './family-records.ts'
import type { Sealing } from './sealing.ts'
import type { Credential, Ended, EndReason } from './session.ts'

export interface LapseDeps {
  readonly store: Store
  readonly sealing: Sealing
  readonly now: () => number
  readonly endNow: (
    holder: Pick<Credential, 'familyId' | 'member'>,
    reason: EndReason,
    records: FamilyRecords,
    ended: Omit<Ended, 'sessionId'>,
  ) => void
}

/** Creates what ends the sessions of a family whose deadline has passed, for whoever comes by when their holders do not. */
export function createLapse({ store, sealing, now, endNow }: LapseDeps): (familyId: string) => Promise<void> {
  async function lapseOne(familyId: string, member: string): Promise<boolean> {
    const records = await store.readFamily(familyId, member)
    const found = openUnheld(sealing, { familyId, member }, records)
    if (typeof found === 'string') return false
    const deadline = passedDeadline(found.record, found.vault?.grantExpiresAt ?? null, now())
    if (deadline !== null) endNow({ familyId, member }, deadline, records, found)
    return true
  }

  return async function lapse(familyId) {
    const living = await store.readMembers(familyId)
    const isOurs = await Promise.all(living.map(({ member }) => lapseOne(familyId, member)))
    // Nothing here is ours to end, now or later.
    if (!isOurs.includes(true)) await store.dropDue(familyId)
  }
}
