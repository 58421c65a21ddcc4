import type { AuthorizationServer } from './authorization-server.ts'
import type { StoredCredential } from './credential.ts'
import { removeCredential, saveCredential } from './credential-store.ts'
import type { Place } from './folders.ts'
import { findStored } from './held.ts'
import { type Chosen, rememberProfile } from './profiles.ts'
import type { SecretPlace } from './secret-place.ts'
import { type Issued, revokeHandle } from './token-call.ts'
import { askWho, type Who } from './whoami.ts'

export interface KeepDeps {
  readonly server: AuthorizationServer
  readonly chosen: Chosen
  readonly place: Place
  readonly secrets: SecretPlace
  readonly now: () => number
}

/** What a sign-in led to. */
export interface Kept {
  readonly credential: StoredCredential
  /** Null when the gateway could not be asked. */
  readonly who: Who | null
}

/**
 * Stores what was issued, and ends what it replaces. A handle that cannot be stored is ended too: nobody could use it,
 * and nobody would know of it.
 *
 * @throws {CommandError} 7
 */
export async function keepSignIn(issued: Issued, deps: KeepDeps): Promise<Kept> {
  const { server, chosen, place, secrets, now } = deps
  const [obtainedAt, before] = [now(), await findStored(chosen, place).catch(() => null)]
  const credential = {
    gateway: chosen.gateway,
    issuer: server.issuer,
    handle: issued.handle,
    basePath: server.basePath,
    scope: issued.scope,
    obtainedAt,
    expiresAt: obtainedAt + issued.expiresInSeconds * 1000,
  }
  try {
    await saveCredential(secrets, chosen, credential)
    rememberProfile(chosen.profile, { gateway: chosen.gateway, store: secrets.kind }, place)
  } catch (error) {
    await removeCredential(secrets, chosen).catch(() => false)
    await revokeHandle(server, issued.handle).catch(() => {})
    throw error
  }
  if (before !== null) {
    if (before.from.kind !== secrets.kind) await removeCredential(before.from, chosen).catch(() => false)
    await revokeHandle(server, before.held.handle).catch(() => {})
  }
  return { credential, who: await askWho(credential, now).catch(() => null) }
}
