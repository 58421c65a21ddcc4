import { CommandError, exitCode, UsageError } from '../terminal.ts'
import { callProgram } from './call-program.ts'
import { isHandle } from './credential.ts'
import { loadCredential, openPlace, PlaceError } from './credential-store.ts'
import type { Place } from './folders.ts'
import { type Chosen, chooseGateway } from './profiles.ts'
import type { SecretPlace } from './secret-place.ts'

/** A handle, and what is known of it without asking. */
export interface Held {
  readonly gateway: string
  readonly profile: string
  readonly handle: string
  /** Of the gateway's own endpoints; null where nobody has asked yet. */
  readonly basePath: string | null
  readonly scope: string | null
  /** Epoch milliseconds, by this machine's clock; null where only the gateway knows. */
  readonly expiresAt: number | null
  readonly obtainedAt: number | null
  /** Where it is kept: a place, or the variable. */
  readonly storedIn: string
}

/**
 * Finds the handle to use: SALLYPORT_TOKEN where it is set, as inside `sallyport run`, else the stored one.
 *
 * @throws {CommandError} 4 when there is none, or its time is up; 7 when the store cannot be read
 */
export async function findHeld(given: { readonly gateway?: string; readonly profile?: string }, place: Place, now: number): Promise<Held> {
  const chosen = chooseGateway(given, place)
  const variable = place.env.SALLYPORT_TOKEN ?? ''
  if (variable !== '') return heldInVariable(variable, chosen, given.gateway !== undefined || (place.env.SALLYPORT_GATEWAY ?? '') !== '')
  const found = await findStored(chosen, place)
  if (found === null) throw loginNeeded(`not signed in to ${chosen.gateway}`, chosen)
  if (found.held.expiresAt !== null && found.held.expiresAt <= now) throw loginNeeded(`the sign-in to ${chosen.gateway} has ended`, chosen)
  return found.held
}

/** The stored credential, whatever its age, and the place that has it. @throws {CommandError} 7 */
export async function findStored(chosen: Chosen, place: Place): Promise<{ readonly held: Held; readonly from: SecretPlace } | null> {
  // Where the profile says so; for another gateway than the profile's, wherever it may be.
  const kinds = chosen.store === null ? (['file', 'keychain'] as const) : [chosen.store]
  let trouble: unknown = null
  for (const kind of kinds) {
    const from = openPlace(kind, place, callProgram)
    try {
      const credential = await loadCredential(from, chosen)
      if (credential !== null) return { held: { ...credential, profile: chosen.profile, storedIn: from.description }, from }
    } catch (error) {
      // A place that this machine does not have has nothing, unless the profile says so.
      if (chosen.store !== null || !(error instanceof PlaceError) || !error.isAbsent) trouble ??= error
    }
  }
  if (trouble !== null) throw trouble
  return null
}

/** @param hasGateway whether the gateway was named beside it: a handle never goes to whichever gateway the profile has (NHI-08) */
function heldInVariable(handle: string, chosen: Chosen, hasGateway: boolean): Held {
  if (!isHandle(handle)) throw new UsageError('SALLYPORT_TOKEN is no handle')
  if (!hasGateway)
    throw new UsageError('SALLYPORT_TOKEN is set, but not for which gateway: set SALLYPORT_GATEWAY as well, or give --gateway')
  const { gateway, profile } = chosen
  return {
    gateway,
    profile,
    handle,
    basePath: null,
    scope: null,
    expiresAt: null,
    obtainedAt: null,
    storedIn: 'the variable SALLYPORT_TOKEN',
  }
}

/** @param what happened, as the beginning of a sentence */
export function loginNeeded(what: string, { gateway, profile }: Pick<Chosen, 'gateway' | 'profile'>): CommandError {
  const named = profile === 'default' ? '' : ` --profile ${profile}`
  return new CommandError(`${what}: run sallyport login --gateway ${gateway}${named}`, exitCode.loginNeeded)
}
