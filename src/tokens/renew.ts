import { GatewayError } from '../errors.ts'
import type { Provider, Refreshed } from '../oidc/provider.ts'
import type { Audit } from '../ops/audit.ts'
import type { Families, FamilyState } from '../session/families.ts'
import { createRecent } from '../session/recent.ts'
import type { SignedIn, Vault } from '../session/session.ts'

/** After a failed renewal the IdP is left alone this long, for this grant: a page's burst is not a storm. */
const coolDownMs = 5_000

export interface RenewDeps {
  readonly families: Families
  readonly providers: ReadonlyMap<string, Provider>
  readonly audit: Audit
  readonly now: () => number
}

/**
 * Creates the renewal of a grant's tokens: one at a time for each grant in this process, whoever asks.
 *
 * It belongs to no request: a client that leaves does not stop it, because a rotated refresh token that
 * nobody stored is lost. Tokens are written before they are used.
 *
 * @returns a function from a session to the same session with new tokens.
 * @throws {GatewayError} `session_expired` or `session_revoked` when the grant or the session is no more;
 *   `idp_unavailable` when the IdP cannot be asked; `store_unavailable`
 */
export function createRenew(deps: RenewDeps): (signedIn: SignedIn) => Promise<SignedIn> {
  const { families, providers, audit, now } = deps
  const inFlight = new Map<string, Promise<SignedIn>>()
  const unsaved = createRecent<Refreshed>({ limit: 4096, generationMs: 10 * 60_000, now })
  const failures = createRecent<{ readonly until: number; readonly error: unknown }>({ limit: 4096, generationMs: coolDownMs, now })

  async function renewOnce(seen: SignedIn): Promise<SignedIn> {
    const current = liveOrThrow(await families.read(seen.credential))
    // Somebody renewed since the caller looked: the refresh token it saw may be spent.
    if (current.vault.version !== seen.vault.version) return current

    const provider = providers.get(current.record.provider)
    const { refreshToken } = current.vault
    if (provider === undefined || refreshToken === null) {
      await families.end(current.credential, 'expired')
      audit('session_ended', { ...describe(current), reason: 'not_renewable' })
      throw new GatewayError('session_expired', 'The access token has run out and there is no refresh token.', { reason: 'not_renewable' })
    }

    // A rotated refresh token works once (RFC 9700 §4.14.2): until it is stored, this process must not forget it.
    const key = `${current.sessionId}.${current.vault.version}`
    const refreshed = unsaved.get(key) ?? (await ask(provider, current, refreshToken))
    if (refreshed instanceof GatewayError) return await settleRefusal(current, refreshed)
    unsaved.set(key, refreshed)
    const saved = await families.saveVault(current, withTokens(current.vault, refreshed))
    unsaved.delete(key)
    audit('renewal', { ...describe(current), outcome: 'ok' })
    return saved ?? liveOrThrow(await families.read(seen.credential))
  }

  /** One refresh grant; a refusal that only the session's end can answer comes back as a value. */
  async function ask(provider: Provider, current: SignedIn, refreshToken: string): Promise<Refreshed | GatewayError> {
    try {
      return await provider.refresh({ refreshToken, sub: current.record.sub, scopes: current.vault.access['']?.scopes ?? [] })
    } catch (error) {
      audit('renewal', { ...describe(current), outcome: 'failed', ...reasonOf(error) })
      if (error instanceof GatewayError && (error.code === 'session_expired' || error.code === 'access_denied')) return error
      throw error
    }
  }

  /** The IdP refuses the refresh token. If another process has renewed meanwhile, its result counts. */
  async function settleRefusal(used: SignedIn, refusal: GatewayError): Promise<SignedIn> {
    const current = liveOrThrow(await families.read(used.credential))
    if (current.vault.version !== used.vault.version) return current
    if (await families.end(used.credential, 'expired')) audit('session_ended', { ...describe(used), reason: 'grant_refused' })
    throw refusal
  }

  return function renew(signedIn) {
    const { sessionId } = signedIn
    const failure = failures.get(sessionId)
    if (failure !== undefined && failure.until > now()) return Promise.reject(failure.error)
    let pending = inFlight.get(sessionId)
    if (pending === undefined) {
      pending = renewOnce(signedIn)
        .catch(error => {
          if (isOutage(error)) failures.set(sessionId, { until: now() + coolDownMs, error })
          throw error
        })
        .finally(() => inFlight.delete(sessionId))
      inFlight.set(sessionId, pending)
    }
    return pending
  }
}

function withTokens(vault: Vault, refreshed: Refreshed): Omit<Vault, 'version'> {
  return {
    ...vault,
    refreshToken: refreshed.refreshToken,
    idToken: refreshed.idToken ?? vault.idToken,
    access: { ...vault.access, '': refreshed.access },
    claims: refreshed.claims ?? vault.claims,
  }
}

function liveOrThrow(family: FamilyState): SignedIn {
  if (family.state === 'live') return family.signedIn
  throw new GatewayError('session_revoked', 'The session ended while its tokens were being renewed.', { reason: 'ended_meanwhile' })
}

function isOutage(error: unknown): boolean {
  return error instanceof GatewayError && error.code === 'idp_unavailable'
}

function describe(signedIn: SignedIn) {
  return { provider: signedIn.record.provider, sub: signedIn.record.sub, session_id: signedIn.sessionId }
}

function reasonOf(error: unknown): { readonly code?: string; readonly reason?: string } {
  if (!(error instanceof GatewayError)) return {}
  return { code: error.code, ...(error.reason === undefined ? {} : { reason: error.reason }) }
}
