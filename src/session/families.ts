import type { Audit } from '../ops/audit.ts'
import { type FamilyRecords, readTombstone, type Store } from '../store/store.ts'
import { isTouchDue, lifeOf, nextDeadline, passedDeadline, pushIdle, type Timeouts, tombstoneLifeMs } from './deadlines.ts'
import { type OpenedFamily, type OpenFailure, openFamily, sealNewFamily, sealTouched, sealVault } from './family-records.ts'
import type { Sealing } from './sealing.ts'
import type { Credential, EndReason, SignedIn, SignIn, Vault } from './session.ts'

/** What a credential stands for right now. */
export type FamilyState =
  | { readonly state: 'live'; readonly signedIn: SignedIn }
  | { readonly state: 'ended'; readonly reason: EndReason }
  | { readonly state: 'none' }

/** Families: a session, its grant's tokens, and all that is done to them. Every method may throw `store_unavailable`. */
export interface Families {
  /** Begins a session under a credential that was never used. */
  create(credential: Credential, signIn: SignIn, origin: string): Promise<void>
  /** Reads the store every time, so an ended session is seen at once; opens only what it has not seen before. */
  read(credential: Credential): Promise<FamilyState>
  /** Pushes the idle clock, rarely, and without making anybody wait. A late touch revives nothing. */
  touch(signedIn: SignedIn): void
  /** Writes the vault if nobody else has since it was read; null when somebody has, or the family ended. */
  saveVault(signedIn: SignedIn, next: Omit<Vault, 'version'>): Promise<SignedIn | null>
  /** Ends the family; only who holds the credential can. Tells whether this call ended it. */
  end(credential: Credential, reason: EndReason): Promise<boolean>
}

export interface FamiliesDeps {
  readonly store: Store
  readonly sealing: Sealing
  readonly settings: Timeouts & { readonly sealing: 'holder' | 'gateway' }
  readonly now: () => number
  readonly audit: Audit
}

export function createFamilies(deps: FamiliesDeps): Families {
  const { store, sealing, settings, now, audit } = deps
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
      if ('failure' in result) return reject(credential, records.session, result)
      family = result
      opened.set(credential, family)
    }
    const deadline = passedDeadline(family.signedIn.record, now())
    return deadline === null ? { state: 'live', signedIn: family.signedIn } : endNow(credential, deadline, records.session)
  }

  /** A record under a key we do not have may be another replica's: it stays. An altered one is nobody's. */
  function reject(credential: Credential, session: string, why: OpenFailure): FamilyState {
    if (why.failure === 'vault_gone') return endNow(credential, nextDeadline(why.record), session)
    audit('record_rejected', { reason: why.failure, session_id: credential.familyId })
    if (why.failure === 'altered') endNow(credential, 'revoked', session)
    return { state: 'none' }
  }

  /** Nobody waits for it: whatever becomes of the write, the record itself refuses the next request as well. */
  function endNow(credential: Credential, reason: EndReason, expected: string): FamilyState {
    store.endFamily(credential.familyId, reason, tombstoneLifeMs, { session: expected }).then(
      isEnded => isEnded && audit('session_ended', { reason, session_id: credential.familyId }),
      () => undefined,
    )
    return { state: 'ended', reason }
  }

  return {
    async create(credential, signIn, origin) {
      const sealed = sealNewFamily(sealing, credential, signIn, { ...settings, origin, now: now() })
      await store.createFamily(credential.familyId, sealed.records, lifeOf(sealed.record, now()))
    },

    // Every proxied request comes here: one promise beside the store's own.
    read: credential => store.readFamily(credential.familyId, credential.member).then(records => judge(credential, records)),

    touch(signedIn) {
      const family = opened.get(signedIn.credential)
      if (family === undefined || family.isTouching || !isTouchDue(signedIn.record, settings, now())) return
      family.isTouching = true
      const next = pushIdle(signedIn.record, settings, now())
      const sealed = sealTouched(sealing, family, next)
      const { familyId, member } = signedIn.credential
      store.replaceSession(familyId, member, family.session, sealed, lifeOf(next, now())).then(
        () => undefined,
        () => {
          // The vault may have been saved meanwhile, over the same record.
          for (const held of [family, opened.get(signedIn.credential)]) if (held?.session === family.session) held.isTouching = false
        },
      )
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

    async end(credential, reason) {
      // A touch may come between: then look again. Nobody touches faster than we end, three times over.
      for (let round = 0; round < 3; round += 1) {
        const records = await store.readFamily(credential.familyId, credential.member)
        if (records.session === null || readTombstone(records.session) !== null) return false
        const family = openFamily(sealing, credential, records)
        if ('failure' in family && family.failure !== 'vault_gone') return false
        if (await store.endFamily(credential.familyId, reason, tombstoneLifeMs, { session: records.session })) return true
      }
      return false
    },
  }
}
