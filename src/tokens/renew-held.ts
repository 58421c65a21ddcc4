import type { TokenDemand } from '../config/config.ts'
import { ownToken } from '../config/own-token.ts'
import { GatewayError } from '../errors.ts'
import type { Provider, Refreshed } from '../oidc/provider.ts'
import type { Audit } from '../ops/audit.ts'
import { type Families, type FamilyState, isOver } from '../session/families.ts'
import type { SignedIn, Vault } from '../session/session.ts'
import { subjectOf } from '../session/subject.ts'
import { createExchange } from './exchange.ts'
import { freshnessOf } from './freshness.ts'
import type { WithLease } from './lease.ts'
import { outcomeOf } from './outcome.ts'
import type { Revoke } from './revoke.ts'
import { isRenewable, tokenOf } from './token-of.ts'
import { createUnsaved, type Unsaved } from './unsaved.ts'

/**
 * How often, and for how long, it is looked for what another replica got that was cut off from the store: that is
 * connected again within 1.8 s (docs/store.md), and tries every 0.5 s.
 */
const lookEveryMs = 100
const leastLooks = 30

export interface RenewHeldDeps {
  readonly families: Families
  readonly providers: ReadonlyMap<string, Provider>
  readonly withLease: WithLease
  readonly revoke: Revoke
  readonly audit: Audit
  readonly now: () => number
  readonly pause: (ms: number) => Promise<void>
}

/** What is done with a grant by whoever holds its lease. */
/** @param onAsked called when the provider is asked, for whoever waits only so long for it */
export type RenewHeld = (seen: SignedIn, demand: TokenDemand, onAsked: () => void) => Promise<SignedIn>

/**
 * Creates what renews a grant's tokens while its lease is held. Tokens are written before they are used, and what
 * nobody may use any more goes back to the IdP.
 */
export function createRenewHeld(deps: RenewHeldDeps): RenewHeld {
  const { families, providers, withLease, revoke, audit, now } = deps
  const unsaved = createUnsaved({ save, pause: deps.pause, now })
  const exchange = createExchange({ families, revoke, audit })

  async function renewHeld(seen: SignedIn, demand: TokenDemand, onAsked: () => void): Promise<SignedIn> {
    let current = liveOrThrow(await families.read(seen.credential))
    // A rotated refresh token works once (RFC 9700 §4.14.2): what was got and not stored comes first.
    const kept = unsaved.find(current)
    if (kept !== undefined) current = await keep(current, kept)
    if (isRenewed(current, seen, demand)) return current
    requireNamed(current, demand)
    const provider = providers.get(current.record.provider)
    if (provider === undefined || !isRenewable(current.vault, demand)) return await settleWithout(current, demand)
    if (demand.kind === 'exchange') return await exchange(await withOwnToken(current, provider, onAsked), demand, provider)
    if (demand.kind !== 'id_token') return await refreshHeld(current, demand, provider, onAsked)

    const renewed = await refreshHeld(current, ownToken, provider, onAsked)
    if (isRenewed(renewed, seen, demand)) return renewed
    throw new GatewayError('insufficient_scope', 'The provider gives no new ID token with a refresh.', { reason: 'id_token_not_renewed' })
  }

  /** The session with an own token that outlives a question to the IdP. */
  async function withOwnToken(current: SignedIn, provider: Provider, onAsked: () => void): Promise<SignedIn> {
    const own = tokenOf(current.vault, ownToken)
    if (own !== undefined && freshnessOf(own, now()) !== 'late') return current
    if (isRenewable(current.vault, ownToken)) return await refreshHeld(current, ownToken, provider, onAsked)
    return own !== undefined && own.expiresAt > now() ? current : await settleWithout(current, ownToken)
  }

  async function refreshHeld(current: SignedIn, demand: TokenDemand, provider: Provider, onAsked: () => void): Promise<SignedIn> {
    const refreshToken = current.vault.refreshToken ?? ''
    if (
      !(await withLease.beginSpending(current.credential.familyId, current.vault.version)) &&
      (await isStoredByOther(current, provider.config.timeoutMs))
    ) {
      const newer = liveOrThrow(await families.read(current.credential))
      return isRenewed(newer, current, demand) ? newer : await refreshHeld(newer, demand, provider, onAsked)
    }
    try {
      onAsked()
      const refreshed = await provider.refresh({ ...requestOf(current, demand), refreshToken, sub: current.record.sub })
      return await keep(current, { slot: demand.slot, refreshed })
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error
      if (error.code === 'store_unavailable') throw error
      withLease.endSpending(current.credential.familyId, current.vault.version)
      audit('renewal', { ...subjectOf(current), ...outcomeOf(error) })
      if (error.code === 'session_expired' || error.code === 'access_denied') return await settleRefusal(current, demand, error)
      throw error
    }
  }

  /**
   * Somebody has shown this very refresh token and fell silent. Who was only cut off from the store is about to store
   * what came of it, and to show it again would end the grant at a strict provider; who is dead never will.
   */
  async function isStoredByOther(current: SignedIn, timeoutMs: number): Promise<boolean> {
    for (let looks = looksFor(timeoutMs); looks > 0; looks -= 1) {
      await deps.pause(lookEveryMs)
      if (liveOrThrow(await families.read(current.credential)).vault.version !== current.vault.version) return true
    }
    return false
  }

  async function keep(current: SignedIn, got: Unsaved): Promise<SignedIn> {
    const saved = await unsaved.keep(current, got)
    if (saved !== null) return saved
    // Somebody else's turn came although the lease was ours; the vault has their tokens.
    return liveOrThrow(await families.read(current.credential))
  }

  /** @returns the session with its new tokens; null when they are of no use any more */
  async function save(current: SignedIn, { slot, refreshed }: Unsaved): Promise<SignedIn | null> {
    const saved = await families.saveVault(current, withTokens(current.vault, slot, refreshed))
    withLease.endSpending(current.credential.familyId, current.vault.version)
    if (saved !== null) {
      audit('renewal', { ...subjectOf(current), outcome: 'ok' })
      return saved
    }
    const family = await families.read(current.credential)
    if (isOver(family)) {
      // A logout came between, and wins (RTK-08). A family that lives keeps its grant, of which these tokens may be a part.
      revoke(current.sessionId, current.record, { refreshToken: refreshed.refreshToken, access: { [slot]: refreshed.access } })
      audit('renewal', { ...subjectOf(current), outcome: 'failed', reason: 'ended_meanwhile' })
    }
    return null
  }

  /** The token has run out, and there is nothing to renew it with. */
  async function settleWithout(current: SignedIn, demand: TokenDemand): Promise<SignedIn> {
    if (demand.slot !== '') {
      throw new GatewayError('insufficient_scope', 'The grant has no refresh token to draw a token for the audience from.', {
        reason: 'not_renewable',
      })
    }
    if ((await families.end(current.credential, 'expired', current.vault.version)) !== null) {
      audit('session_ended', { ...subjectOf(current), reason: 'not_renewable' })
    }
    throw new GatewayError('session_expired', 'The access token has run out and there is no refresh token.', { reason: 'not_renewable' })
  }

  /** The IdP refuses the refresh token, or we its answer. If another process has renewed meanwhile, its result counts. */
  async function settleRefusal(used: SignedIn, demand: TokenDemand, refusal: GatewayError): Promise<SignedIn> {
    const ended = await families.end(used.credential, 'expired', used.vault.version)
    if (ended !== null) {
      audit('session_ended', { ...subjectOf(used), reason: 'grant_refused' })
      // Also where the provider refused: access tokens drawn from the grant may live on there.
      revoke.ended(ended)
      throw refusal
    }
    const current = liveOrThrow(await families.read(used.credential))
    if (isRenewed(current, used, demand)) return current
    throw new GatewayError('idp_unavailable', 'The grant was renewed for another audience meanwhile.', { reason: 'renewed_meanwhile' })
  }

  return renewHeld
}

/** How long the holder after a dead one may take: to look for the other's answer, and to ask. */
export function heldPatienceMs(timeoutMs: number): number {
  return looksFor(timeoutMs) * lookEveryMs + timeoutMs
}

/** The other one may still be waiting for the provider. */
function looksFor(timeoutMs: number): number {
  return Math.max(leastLooks, Math.ceil(timeoutMs / lookEveryMs))
}

/** Whether the token is another one than was seen: then the refresh token that was seen may be spent. */
export function isRenewed(current: SignedIn, seen: SignedIn, demand: TokenDemand): boolean {
  const [newer, older] = [tokenOf(current.vault, demand), tokenOf(seen.vault, demand)]
  return newer !== undefined && (newer.token !== older?.token || newer.refreshedAt !== older.refreshedAt)
}

/** To be asked for an audience that the sign-in did not name makes some providers end the whole grant (RFC 8707 §2.2). */
function requireNamed({ vault }: SignedIn, { kind, audience }: TokenDemand): void {
  if (kind !== 'audience' || audience === null || vault.audiences === null || vault.audiences.includes(audience)) return
  throw new GatewayError('insufficient_scope', 'The session began before this audience was configured: the person must sign in again.', {
    reason: 'audience_not_named',
  })
}

function requestOf({ vault }: SignedIn, { slot, audience, scopes }: TokenDemand) {
  const request = { scopes: vault.access[slot]?.scopes ?? scopes, granted: vault.scopes }
  return audience === null ? request : { ...request, audience, requestScopes: scopes }
}

function withTokens(vault: Vault, slot: string, refreshed: Refreshed): Omit<Vault, 'version'> {
  return {
    ...vault,
    refreshToken: refreshed.refreshToken,
    // Without a word about it, the same refresh token lives as long as before.
    grantExpiresAt: refreshed.grantExpiresAt ?? (refreshed.refreshToken === vault.refreshToken ? vault.grantExpiresAt : null),
    idToken: refreshed.idToken ?? vault.idToken,
    access: { ...vault.access, [slot]: refreshed.access },
    claims: refreshed.claims ?? vault.claims,
  }
}

/** @throws {GatewayError} `session_revoked` */
export function liveOrThrow(family: FamilyState): SignedIn {
  if (family.state === 'live') return family.signedIn
  throw new GatewayError('session_revoked', 'The session ended while its tokens were being renewed.', { reason: 'ended_meanwhile' })
}
