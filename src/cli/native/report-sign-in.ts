import { isoTime } from '../../http/iso-time.ts'
import { exitCode, printJson, type Terminal } from '../terminal.ts'
import { displayable } from './displayable.ts'
import type { Place } from './folders.ts'
import { findStored, loginNeeded } from './held.ts'
import type { Kept } from './keep-sign-in.ts'
import type { Chosen } from './profiles.ts'
import type { SecretPlace } from './secret-place.ts'
import { nameOf } from './whoami.ts'

/** Says what a sign-in led to; never the handle. */
export function reportKept({ credential, who }: Kept, chosen: Chosen, secrets: SecretPlace, terminal: Terminal, json: boolean): void {
  const { scope, expiresAt } = credential
  if (json) {
    printJson(terminal, {
      gateway: chosen.gateway,
      profile: chosen.profile,
      user: who === null ? null : { provider: who.provider, sub: who.sub, name: who.name, email: who.email },
      session_id: who?.sessionId ?? null,
      scope,
      expires_at: isoTime(expiresAt),
      store: secrets.kind,
      stored_in: secrets.description,
    })
    return
  }
  const name = who === null ? '' : ` as ${displayable(nameOf(who))}`
  terminal.print(`Signed in to ${chosen.gateway}${name} until ${localTime(expiresAt)}. Stored in: ${secrets.description}.`)
}

/** Says that another process has signed in meanwhile, whatever SALLYPORT_TOKEN holds. */
export async function reportOther(chosen: Chosen, place: Place, terminal: Terminal, json: boolean): Promise<number> {
  const held = (await findStored(chosen, place))?.held
  if (held === undefined) throw loginNeeded(`not signed in to ${chosen.gateway}`, chosen)
  const expiresAt = held.expiresAt ?? 0
  if (json) {
    printJson(terminal, {
      gateway: held.gateway,
      profile: held.profile,
      scope: held.scope,
      expires_at: isoTime(expiresAt),
      stored_in: held.storedIn,
    })
  } else terminal.print(`Signed in to ${held.gateway} by the other process, until ${localTime(expiresAt)}.`)
  return exitCode.ok
}

/** An instant as people read it, in their own zone: `2026-11-22 13:00`. */
export function localTime(at: number): string {
  const date = new Date(at - new Date(at).getTimezoneOffset() * 60_000)
  return date.toISOString().slice(0, 16).replace('T', ' ')
}
