import { GatewayError } from '../errors.ts'
import type { Audit } from '../ops/audit.ts'
import { type FamilyRecords, readTombstone, type Store } from '../store/store.ts'
import { rootMember, sessionIdOf } from './credential.ts'
import {
  createTouchClocks,
  isTouchDue,
  lifeOf,
  nextDeadline,
  passedDeadline,
  pushIdle,
  settingsOf,
  type Timeouts,
  tombstoneLifeMs,
} from './deadlines.ts'
import { createFamilyEndings, type FamilyEndings } from './family-endings.ts'
import {
  type Delegation,
  type OpenedFamily,
  type OpenFailure,
  openFamily,
  openUnheld,
  raiseRecord,
  replaceGrant,
  sealDelegated,
  sealNewFamily,
  sealRotated,
  sealTouched,
  sealVault,
} from './family-records.ts'
import { createLapse } from './lapse.ts'
import type { ScopesNow } from './scopes-now.ts'
import type { Sealing } from './sealing.ts'
import type { Beginning, Credential, Ended, EndReason, SessionRecord, SignedIn, SignIn, Vault } from './session.ts'
import type { SessionIndex } from './session-index.ts'

/** What a credential stands for right now. */
export type FamilyState =
  | { readonly state: 'live'; readonly signedIn: SignedIn }
  | { readonly state: 'ended'; readonly reason: EndReason }
  /** With `hasOtherSecret` there is a session of this id, and the secret is not its own, or no longer. */
  | { readonly state: 'none'; readonly hasOtherSecret?: boolean }

/** Whether there is no session any more; one that lives under another secret is not over. */
export function isOver(family: FamilyState): boolean {
  return family.state === 'ended' || (family.state === 'none' && family.hasOtherSecret !== true)
}

/** Families: a session, its grant's tokens, and all that is done to them. Every method may throw `store_unavailable`. */
export interface Families extends FamilyEndings {
  /** Begins a session under a credential that was never used; false when one of this id is, or was, there. */
  create(credential: Credential, signIn: SignIn, beginning: Beginning): Promise<boolean>
  /** Reads the store every time, so an ended session is seen at once; opens only what it has not seen before. */
  read(credential: Credential): Promise<FamilyState>
  /** The record of a living session, for whoever does not hold it; null when there is none. */
  look(familyId: string): Promise<SessionRecord | null>
  /** Hands on less than `parent` has, under another secret. False when the parent is over, or `most` live in the family. */
  delegate(parent: SignedIn, child: Credential, delegation: Delegation, most: number): Promise<boolean>
  /** Ends the family if a deadline has passed, for whoever comes by when its holder does not. */
  lapse(familyId: string): Promise<void>
  /** Pushes the idle clock, rarely, and without making anybody wait. A late touch revives nothing. */
  touch(signedIn: SignedIn): void
  /** Writes the vault if nobody else has since it was read; null when somebody has, or the family ended. */
  saveVault(signedIn: SignedIn, next: Omit<Vault, 'version'>): Promise<SignedIn | null>
  /**
   * Puts another sign-in of the same person in place of the one that the session came of. From then on only `next`
   * opens it. The caller holds the grant's lease.
   *
   * @returns the session as it is then; what it has become instead when it ended, or somebody else was faster
   */
  stepUp(held: Credential, next: Credential, signIn: SignIn): Promise<FamilyState>
  /** Why a family is over, for whoever does not hold it; null when it lives, or nobody remembers. */
  whyEnded(familyId: string): Promise<EndReason | null>
}

export interface FamiliesDeps {
  readonly store: Store
  readonly sealing: Sealing
  readonly index: SessionIndex
  readonly settings: Timeouts & { readonly sealing: 'holder' | 'gateway' }
  /** The clocks of native clients' sessions. */
  readonly nativeTimeouts?: Timeouts
  readonly scopesNow?: ScopesNow
  readonly now: () => number
  readonly audit: Audit
  /** A read found a deadline passed, and this process ended the family. */
  readonly onLapsed: (ended: Ended) => void
}

/** How often a step-up looks again after somebody else has written. */
const mostRounds = 6

export function createFamilies(deps: FamiliesDeps): Families {
  const { store, sealing, index, settings, nativeTimeouts = settings, now, audit } = deps
  // The same bytes open to the same family: nearly every request finds here what an earlier one opened. Weak
  // on the credential object, so it lives exactly as long as the memo of the one who parsed it.
  const opened = new WeakMap<Credential, OpenedFamily>()
  const touches = createTouchClocks(settings, nativeTimeouts)

  function judge(credential: Credential, records: FamilyRecords): FamilyState {
    if (records.session === null) return { state: 'none' }
    const reason = readTombstone(records.session)
    if (reason !== null) return { state: 'ended', reason: reason as EndReason }

    let family = opened.get(credential)
    if (family === undefined || family.session !== records.session || family.vault !== records.vault) {
      const result = openFamily(sealing, credential, records, deps.scopesNow)
      if ('failure' in result) return reject(credential, records, result)
      family = result
      opened.set(credential, family)
    }
    const { record, vault } = family.signedIn
    const deadline = passedDeadline(record, vault.grantExpiresAt, now())
    if (deadline === null) return { state: 'live', signedIn: family.signedIn }
    return endNow(credential, deadline, records, { record, vault })
  }

  /** A record under a key we do not have may be another replica's: it stays. An altered one is nobody's. */
  function reject(credential: Credential, records: FamilyRecords, why: OpenFailure): FamilyState {
    if (why.failure === 'vault_gone') return endNow(credential, nextDeadline(why.record), records, { record: why.record, vault: null })
    audit('record_rejected', { reason: why.failure, session_id: sessionIdOf(credential) })
    if (why.failure === 'altered') endNow(credential, 'revoked', records, null)
    return { state: 'none', hasOtherSecret: why.failure === 'wrong_secret' }
  }

  /**
   * Nobody waits for it: whatever becomes of the write, the record itself refuses the next request as well. Those that
   * were delegated outlive a root that is only not used any more; one that was delegated takes nobody along.
   */
  function endNow(
    holder: Pick<Credential, 'familyId' | 'member'>,
    reason: EndReason,
    records: FamilyRecords,
    ended: { readonly record: SessionRecord; readonly vault: Vault | null } | null,
  ): FamilyState {
    const { familyId, member } = holder
    const isAlone = reason === 'idle' || member !== rootMember
    // The vault counts too: a renewal may just have moved the provider's deadline in it.
    const ending = isAlone
      ? store.endMembers(familyId, [member], reason, tombstoneLifeMs, records.session ?? undefined)
      : store.endFamily(familyId, reason, tombstoneLifeMs, records).then(isEnded => (isEnded ? 'all' : 'none'))
    ending.then(extent => {
      if (extent === 'none') return
      audit('session_ended', { reason, session_id: sessionIdOf(holder) })
      if (ended === null || extent === 'some') return
      index.remove(familyId, ended.record)
      deps.onLapsed({ sessionId: sessionIdOf(holder), ...ended })
    }, ignore)
    return { state: 'ended', reason }
  }

  return {
    async create(credential, signIn, beginning) {
      const sealed = sealNewFamily(sealing, credential, signIn, settingsOf(beginning, settings, nativeTimeouts), beginning, now())
      await index.add(credential.familyId, sealed.record)
      return await store.createFamily(credential.familyId, sealed.records, lifeOf(sealed.record, now()))
    },

    // Every proxied request comes here: one promise beside the store's own.
    read: credential => store.readFamily(credential.familyId, credential.member).then(records => judge(credential, records)),

    async look(familyId) {
      const records = await store.readFamily(familyId, rootMember)
      if (records.session === null || readTombstone(records.session) !== null) return null
      const found = openUnheld(sealing, { familyId, member: rootMember }, records)
      if (typeof found === 'string') return null
      return passedDeadline(found.record, found.vault?.grantExpiresAt ?? null, now()) === null ? found.record : null
    },

    lapse: createLapse({ store, sealing, now, endNow }),

    async delegate(parent, child, delegation, most) {
      const family = opened.get(parent.credential)
      if (family === undefined) return false
      const { record, sealed } = sealDelegated(sealing, family, child, delegation, now())
      await index.add(child.familyId, record)
      return await store.addMember(child.familyId, parent.credential.member, child.member, sealed, lifeOf(record, now()), most)
    },

    touch(signedIn) {
      const family = opened.get(signedIn.credential)
      const { due, push } = touches[signedIn.record.kind]
      if (family === undefined || family.isTouching || !isTouchDue(signedIn.record, due, now())) return
      family.isTouching = true
      const next = pushIdle(signedIn.record, push, now())
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

    // The tokens first: where the second write fails the session is as it was, with newer tokens of the same person,
    // and its holder can still open it. The other way round nobody could.
    async stepUp(held, next, signIn) {
      let isVaultWritten = false
      for (let round = 0; round < mostRounds; round += 1) {
        const state = judge(held, await store.readFamily(held.familyId, held.member))
        const family = opened.get(held)
        if (state.state !== 'live' || family === undefined) return state
        if (!isVaultWritten) {
          const vault = replaceGrant(family.signedIn.vault, signIn)
          isVaultWritten = await store.replaceVault(held.familyId, family.vault, sealVault(family, vault))
          // Read anew in either case: what was written is what the record is written beside.
          continue
        }
        const record = raiseRecord(family.signedIn.record, signIn, settings, now())
        await index.add(held.familyId, record)
        const sealed = sealRotated(sealing, family, next, record)
        if (!(await store.replaceSession(held.familyId, held.member, family.session, sealed, lifeOf(record, now())))) continue
        return judge(next, { session: sealed, vault: family.vault })
      }
      throw new GatewayError('store_unavailable', 'Others write the same session faster than the step-up.')
    },

    async whyEnded(familyId) {
      const { session } = await store.readFamily(familyId, rootMember)
      return session === null ? null : (readTombstone(session) as EndReason | null)
    },

    ...createFamilyEndings({ store, sealing, index }),
  }
}

function ignore(): void {}
