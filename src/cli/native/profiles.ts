import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { httpsProblem } from '../../config/hosts.ts'
import { UsageError } from '../terminal.ts'
import type { StoreKind } from './credential-store.ts'
import { configFolder, type Place } from './folders.ts'
import { orNotStored, writePrivate } from './private-files.ts'

/** What is remembered of a gateway under a name. Nothing of it is secret. */
export interface Profile {
  readonly gateway: string
  readonly store: StoreKind
}

/** How a command is told which gateway, declared for `parseArgs`. */
export const gatewayOptions = { gateway: { type: 'string' }, profile: { type: 'string' } } as const

export interface Chosen {
  readonly profile: string
  readonly gateway: string
  /** Where the profile keeps its credential; null when this gateway is not the profile's. */
  readonly store: StoreKind | null
}

/**
 * Decides which gateway is meant: `--gateway`, else SALLYPORT_GATEWAY, else the profile's.
 *
 * @throws {UsageError} when none is, or it is no address that a credential may travel to; {CommandError} 7
 */
export function chooseGateway(given: { readonly gateway?: string; readonly profile?: string }, place: Place): Chosen {
  const profile = given.profile ?? 'default'
  if (!/^[A-Za-z0-9][\w.-]{0,63}$/.test(profile)) throw new UsageError('--profile is a name of letters, digits, dots and dashes')
  const known = readProfiles(place)[profile]
  const named = given.gateway ?? (place.env.SALLYPORT_GATEWAY || known?.gateway)
  if (named === undefined || named === '') {
    throw new UsageError(
      `which gateway? Give --gateway URL, or set SALLYPORT_GATEWAY${given.profile === undefined ? '' : `: there is no profile ${profile}`}`,
    )
  }
  const gateway = readGateway(named)
  return { profile, gateway, store: known?.gateway === gateway ? known.store : null }
}

/** Remembers a profile. @throws {CommandError} 7 when it cannot be written */
export function rememberProfile(name: string, profile: Profile, place: Place): void {
  const profiles = { ...readProfiles(place), [name]: profile }
  orNotStored(configFolder(place), () => writePrivate(fileOf(place), `${JSON.stringify({ profiles }, null, 2)}\n`))
}

/** @throws {UsageError} for none: the gateway would take that for all that there are */
export function requireScopes(scope: string | undefined): void {
  if (scope?.trim() === '') throw new UsageError('--scope is empty: name what you ask for, such as orders.read')
}

function readProfiles(place: Place): Readonly<Record<string, Profile>> {
  const text = orNotStored(fileOf(place), () => readConfig(fileOf(place)))
  if (text === null) return {}
  try {
    const { profiles } = JSON.parse(text) as { profiles?: Record<string, Partial<Profile>> }
    const sound = Object.entries(profiles ?? {}).filter(
      ([, { gateway, store }]) => typeof gateway === 'string' && (store === 'keychain' || store === 'file'),
    )
    return Object.fromEntries(sound) as Record<string, Profile>
  } catch {
    throw new UsageError(`${fileOf(place)} is not what sallyport login writes: mend or remove it`)
  }
}

/** Not as a secret is read: people keep such files under version control, and link to them. */
function readConfig(file: string): string | null {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}

function readGateway(named: string): string {
  const url = URL.parse(named)
  const problem = httpsProblem(named)
  if (problem !== null) throw new UsageError(`the gateway's address ${problem}`)
  if (url === null || url.username !== '' || url.password !== '' || url.pathname !== '/' || url.search !== '' || url.hash !== '')
    throw new UsageError("the gateway's address is an origin alone, such as https://app.example.com")
  return url.origin
}

function fileOf(place: Place): string {
  return join(configFolder(place), 'profiles.json')
}
