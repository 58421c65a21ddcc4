import type { TokenDemand } from '../config/config.ts'
import type { KeptToken, Vault } from '../session/session.ts'

/** The token that a vault has for a demand, run out or not. */
export function tokenOf(vault: Vault, demand: TokenDemand): KeptToken | undefined {
  return demand.kind === 'id_token' ? (vault.idToken ?? undefined) : vault.access[demand.slot]
}

/** Whether another one can be had without the person: all but what is exchanged is drawn by the refresh token. */
export function isRenewable(vault: Vault, demand: TokenDemand): boolean {
  return vault.refreshToken !== null || demand.kind === 'exchange'
}
