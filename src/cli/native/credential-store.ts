import { createHash, randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { CommandError, exitCode } from '../terminal.ts'
import { formatCredential, parseCredential, type StoredCredential } from './credential.ts'
import { createFilePlace } from './credential-file.ts'
import { type Place, stateFolder } from './folders.ts'
import { createLinuxKeychain } from './keychain-linux.ts'
import { createMacKeychain } from './keychain-macos.ts'
import { createWindowsKeychain } from './keychain-windows.ts'
import { type CallProgram, type SecretPlace, StoreTrouble } from './secret-place.ts'

export type StoreKind = SecretPlace['kind']

/** What a credential is filed under: one per gateway and profile. */
export interface Holder {
  readonly gateway: string
  readonly profile: string
}

/** Opens a place of a kind on this machine. */
export function openPlace(kind: StoreKind, place: Place, call: CallProgram): SecretPlace {
  const folder = join(stateFolder(place), 'credentials')
  if (kind === 'file') return createFilePlace(folder)
  if (place.platform === 'darwin') return createMacKeychain(call)
  return place.platform === 'win32' ? createWindowsKeychain(call, folder) : createLinuxKeychain(call)
}

/** A place that could not be used. */
export class PlaceError extends CommandError {
  override name = 'PlaceError'
  /** Whether there is no such place on this machine. */
  readonly isAbsent: boolean

  constructor(message: string, isAbsent: boolean) {
    super(message, exitCode.notStored)
    this.isAbsent = isAbsent
  }
}

/** @throws {PlaceError} when the place cannot be read, or what it has was not kept whole */
export async function loadCredential(place: SecretPlace, holder: Holder): Promise<StoredCredential | null> {
  const text = await place.load(accountOf(holder)).catch(error => Promise.reject(notUsable(error)))
  if (text === null) return null
  const credential = parseCredential(text)
  if (credential === null)
    throw new PlaceError(`what is kept in ${place.description} is not whole: run sallyport login, which replaces it`, false)
  // Read from a shared keychain, it must still be what was asked for: a handle goes to its own gateway only (NHI-08).
  return credential.gateway === holder.gateway ? credential : null
}

/**
 * Stores a credential and reads it back: some keychains report a write that they lost.
 *
 * @throws {PlaceError} when it is not there afterwards
 */
export async function saveCredential(place: SecretPlace, holder: Holder, credential: StoredCredential): Promise<void> {
  await saveAndCompare(place, accountOf(holder), formatCredential(credential)).catch(error => Promise.reject(notUsable(error)))
}

/** @returns whether there was one. @throws {PlaceError} when it could not be removed */
export async function removeCredential(place: SecretPlace, holder: Holder): Promise<boolean> {
  return place.remove(accountOf(holder)).catch(error => Promise.reject(notUsable(error)))
}

/**
 * Finds the place for a new credential, and tries it before anybody is asked to sign in.
 *
 * @param wanted undefined: the keychain where there is one, else files, of which `announce` tells
 * @throws {PlaceError} when it cannot be used; a locked keychain is never replaced by a file in silence
 */
export async function choosePlace(
  wanted: StoreKind | undefined,
  open: (kind: StoreKind) => SecretPlace,
  announce: (sentence: string) => void,
): Promise<SecretPlace> {
  const first = open(wanted ?? 'keychain')
  try {
    await tryOut(first)
    return first
  } catch (error) {
    if (wanted !== undefined || !(error instanceof StoreTrouble) || error.obstacle !== 'absent') throw notUsable(error)
    const files = open('file')
    announce(`No keychain here (${error.message}): the credential goes into a file that only you can read, under ${files.description}.`)
    await tryOut(files).catch(trouble => Promise.reject(notUsable(trouble)))
    return files
  }
}

async function tryOut(place: SecretPlace): Promise<void> {
  const account = `probe-${randomBytes(8).toString('hex')}`
  await saveAndCompare(place, account, randomBytes(8).toString('hex'))
  await place.remove(account)
}

async function saveAndCompare(place: SecretPlace, account: string, secret: string): Promise<void> {
  await place.save(account, secret)
  if ((await place.load(account)) !== secret) throw new StoreTrouble('other', `${place.description} did not keep what was written`)
}

/** The file of the lock that sign-ins for one holder share. */
export function lockNameOf(holder: Holder): string {
  return `login-${accountOf(holder)}.lock`
}

/** A name without characters that a shell, a file system or a keychain's own language could take for something else. */
function accountOf({ gateway, profile }: Holder): string {
  return createHash('sha256').update(`${profile}\n${gateway}`).digest('hex').slice(0, 32)
}

function notUsable(error: unknown): unknown {
  if (!(error instanceof StoreTrouble)) return error
  const advice = error.obstacle === 'other' ? '' : ', or use --store file'
  return new PlaceError(`${error.message}${advice}`, error.obstacle === 'absent')
}
