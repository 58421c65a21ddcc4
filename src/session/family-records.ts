import { randomBytes } from 'node:crypto'
import type { FamilyRecords } from '../store/store.ts'
import { hashSecret, secretFits, sessionIdOf } from './credential.ts'
import { pushIdle, startClocks, type Timeouts } from './deadlines.ts'
import type { ScopesNow } from './scopes-now.ts'
import { openUnder, type SealFailure, type Sealing, sealUnder } from './sealing.ts'
import type { AgentGrant, Beginning, ClientGrant, Credential, Ended, SessionRecord, SignedIn, SignIn, Vault } from './session.ts'

/** A family as one process has opened it: the bytes it came from, its data key, and what they say. */
export interface OpenedFamily {
  readonly session: string
  readonly vault: string
  readonly dataKey: Buffer
  readonly signedIn: SignedIn
  /** The scopes as they are stored; what counts of them now stands in the record of `signedIn`. */
  readonly approved: readonly string[]
  /** A touch of these bytes is on its way, or done. */
  isTouching: boolean
}

/**
 * Why a family does not open. `wrong_secret`: the id is right, the secret is not (an older one, or guessed).
 * `vault_gone`: the tokens went at the deadline, the record only says which.
 */
export type OpenFailure =
  | { readonly failure: 'unknown_key' | 'altered' | 'wrong_secret' }
  | { readonly failure: 'vault_gone'; readonly record: SessionRecord }

const dataKeyBytes = 32

/** The records of a new family, sealed. */
export function sealNewFamily(
  sealing: Sealing,
  credential: Credential,
  signIn: SignIn,
  settings: Timeouts & { readonly sealing: 'holder' | 'gateway' },
  { client, agent, ...beginning }: Beginning,
  now: number,
): { readonly record: SessionRecord; readonly records: { readonly session: string; readonly vault: string } } {
  const dataKey = randomBytes(dataKeyBytes)
  const record: SessionRecord = {
    kind: client === undefined ? 'browser' : agent === undefined ? 'native' : 'agent',
    version: 0,
    provider: signIn.provider,
    sub: signIn.sub,
    sid: signIn.sid,
    scopes: client?.scopes ?? signIn.access.scopes,
    ...(client === undefined ? {} : { client: withoutScopes(client) }),
    ...(agent === undefined ? {} : { agent: withoutLife(agent) }),
    ...beginning,
    createdAt: now,
    authTime: signIn.authTime,
    acr: signIn.acr,
    amr: signIn.amr,
    ...startClocks(settings, now),
    secretHash: hashSecret(credential.secret),
    sealing: settings.sealing,
    wrap: wrapDataKey(sealing, credential, settings.sealing, dataKey),
  }
  const vault: Vault = {
    version: 0,
    refreshToken: signIn.refreshToken,
    idToken: signIn.idToken,
    grantExpiresAt: signIn.grantExpiresAt,
    audiences: signIn.audiences,
    scopes: signIn.scopes,
    access: { '': signIn.access },
    claims: signIn.claims,
  }
  return {
    record,
    records: { session: sealRecord(sealing, credential, record), vault: sealData(dataKey, credential.familyId, vault) },
  }
}

function withoutScopes({ scopes: _scopes, ...client }: NonNullable<Beginning['client']>): ClientGrant {
  return client
}

/** Its clocks say it. */
function withoutLife({ lifeMs: _lifeMs, ...agent }: NonNullable<Beginning['agent']>): AgentGrant {
  return agent
}

/** Opens what the store holds for a credential. The secret is compared before anything is believed. */
export function openFamily(
  sealing: Sealing,
  credential: Credential,
  records: FamilyRecords,
  scopesNow: ScopesNow = ({ scopes }) => scopes,
): OpenedFamily | OpenFailure {
  const { secret } = credential
  if (records.session === null) return { failure: 'altered' }
  const record = openRecord(sealing, credential, records.session)
  if (typeof record === 'string') return { failure: record }
  if (!secretFits(secret, record.secretHash)) return { failure: 'wrong_secret' }
  // The store drops the vault at the deadline, by its own clock, which may be a little ahead of ours.
  if (records.vault === null) return { failure: 'vault_gone', record }

  const opened = openVault(sealing, credential, record, records.vault, record.sealing === 'holder' ? secret : '')
  if (typeof opened === 'string') return { failure: opened }
  const counting = { ...record, scopes: scopesNow(record) }
  const signedIn = { sessionId: sessionIdOf(credential), credential, record: counting, vault: opened.vault }
  const { session, vault } = records
  return { session, vault, dataKey: opened.dataKey, signedIn, approved: record.scopes, isTouching: false }
}

/** What the gateway can read of a session without its holder: the record, and the vault where the sealing lets it. */
export function openUnheld(sealing: Sealing, holder: Holder, records: FamilyRecords): Omit<Ended, 'sessionId'> | SealFailure {
  const record = records.session === null ? 'altered' : openRecord(sealing, holder, records.session)
  if (typeof record === 'string') return record
  if (records.vault === null || record.sealing === 'holder') return { record, vault: null }
  const opened = openVault(sealing, holder, record, records.vault, '')
  return { record, vault: typeof opened === 'string' ? null : opened.vault }
}

/** A member's record as anybody with the gateway's key can read it; null where nobody can. */
export function openMember(sealing: Sealing, holder: Holder, session: string): SessionRecord | null {
  const record = openRecord(sealing, holder, session)
  return typeof record === 'string' ? null : record
}

/** The record of a session that is delegated from another: the same grant, under a secret of its own. */
export function sealDelegated(sealing: Sealing, family: OpenedFamily, child: Credential, delegation: Delegation, now: number) {
  const { record: parent } = family.signedIn
  const { client, lifeMs, address, agent, scopes } = delegation
  const record: SessionRecord = {
    ...parent,
    kind: 'agent',
    version: 0,
    scopes,
    address,
    createdAt: now,
    touchedAt: now,
    // It ends when it ends, used or not.
    idleExpiresAt: now + lifeMs,
    absoluteExpiresAt: now + lifeMs,
    secretHash: hashSecret(child.secret),
    rootHash: parent.rootHash ?? parent.secretHash,
    wrap: wrapDataKey(sealing, child, parent.sealing, family.dataKey),
    client,
    agent,
  }
  return { record, sealed: sealRecord(sealing, child, record) }
}

/** What a session hands on. */
export interface Delegation {
  readonly scopes: readonly string[]
  readonly client: ClientGrant
  readonly agent: AgentGrant
  /** Not beyond the end of whoever hands on. */
  readonly lifeMs: number
  /** The client address that asked for it. */
  readonly address: string
}

type Holder = Pick<Credential, 'familyId' | 'member'>

function openRecord(sealing: Sealing, holder: Holder, session: string): SessionRecord | SealFailure {
  const opened = sealing.open({ type: 'session', key: recordKey(holder) }, session)
  return typeof opened === 'string' ? opened : (JSON.parse(opened.plaintext) as SessionRecord)
}

function openVault(sealing: Sealing, holder: Holder, record: SessionRecord, sealed: string, secret: string) {
  const wrapped = sealing.open({ type: 'wrap', key: recordKey(holder) }, record.wrap, secret)
  if (typeof wrapped === 'string') return wrapped
  const dataKey = Buffer.from(wrapped.plaintext, 'base64url')
  const vault = openUnder(dataKey, { type: 'vault', key: holder.familyId }, sealed)
  return vault === null ? 'altered' : { dataKey, vault: JSON.parse(vault.plaintext) as Vault }
}

/** The session record with its clocks pushed, under the first sealing key, wrap included. What was approved stays. */
export function sealTouched(sealing: Sealing, family: OpenedFamily, touched: SessionRecord): string {
  const { credential, record } = family.signedIn
  const wrap = sealing.isCurrent(record.wrap) ? record.wrap : wrapDataKey(sealing, credential, record.sealing, family.dataKey)
  return sealRecord(sealing, credential, { ...touched, scopes: family.approved, version: record.version + 1, wrap })
}

/** The session record after a step-up: another secret opens it, and what it wraps. */
export function sealRotated(sealing: Sealing, family: OpenedFamily, next: Credential, record: SessionRecord): string {
  const rotated = {
    ...record,
    version: family.signedIn.record.version + 1,
    secretHash: hashSecret(next.secret),
    wrap: wrapDataKey(sealing, next, record.sealing, family.dataKey),
  }
  return sealRecord(sealing, next, rotated)
}

/** What another sign-in of the same person changes in the record. Its id, place, beginning and absolute clock stay. */
export function raiseRecord(record: SessionRecord, signIn: SignIn, timeouts: Timeouts, now: number): SessionRecord {
  const { sid, authTime, acr, amr, access } = signIn
  return { ...pushIdle(record, timeouts, now), sid, authTime, acr, amr, scopes: access.scopes }
}

/**
 * The vault with the grant of another sign-in. The tokens for other audiences came of the old grant and say its level:
 * they go. Where the new one brought no refresh token, the old one and what goes with it stay.
 */
export function replaceGrant(vault: Vault, signIn: SignIn): Vault {
  const { idToken, access, claims } = signIn
  const { refreshToken, grantExpiresAt, audiences, scopes } = signIn.refreshToken === null ? vault : signIn
  return { version: vault.version + 1, refreshToken, grantExpiresAt, audiences, scopes, idToken, access: { '': access }, claims }
}

/** The vault, sealed under the family's data key. */
export function sealVault(family: OpenedFamily, vault: Vault): string {
  return sealData(family.dataKey, family.signedIn.credential.familyId, vault)
}

function sealRecord(sealing: Sealing, credential: Credential, record: SessionRecord): string {
  return sealing.seal({ type: 'session', key: recordKey(credential), version: record.version }, JSON.stringify(record))
}

function sealData(dataKey: Buffer, familyId: string, vault: Vault): string {
  return sealUnder(dataKey, { type: 'vault', key: familyId, version: vault.version }, JSON.stringify(vault))
}

function wrapDataKey(sealing: Sealing, credential: Credential, mode: 'holder' | 'gateway', dataKey: Buffer): string {
  const name = { type: 'wrap', key: recordKey(credential), version: 0 } as const
  return sealing.seal(name, dataKey.toString('base64url'), mode === 'holder' ? credential.secret : '')
}

function recordKey({ familyId, member }: Holder): string {
  return `${familyId}.${member}`
}
