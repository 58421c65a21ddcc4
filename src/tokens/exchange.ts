import type { TokenDemand } from '../config/config.ts'
import { GatewayError } from '../errors.ts'
import type { Provider } from '../oidc/provider.ts'
import type { Audit } from '../ops/audit.ts'
import { type Families, isOver } from '../session/families.ts'
import type { SignedIn } from '../session/session.ts'
import { subjectOf } from '../session/subject.ts'
import { outcomeOf } from './outcome.ts'
import type { Revoke } from './revoke.ts'

export interface ExchangeDeps {
  readonly families: Families
  readonly revoke: Revoke
  readonly audit: Audit
}

/**
 * Gets a token for an API in exchange for the session's own, and stores it. The caller holds the grant's lease, and has
 * seen to it that the own token works.
 *
 * No refresh token is used up: what cannot be stored is fetched again another time.
 *
 * @throws {GatewayError} `insufficient_scope` when the provider refuses it; `idp_unavailable`, `store_unavailable`;
 *   `session_revoked` when the session ended meanwhile, and the token goes back
 */
export type Exchange = (current: SignedIn, demand: TokenDemand, provider: Provider) => Promise<SignedIn>

export function createExchange({ families, revoke, audit }: ExchangeDeps): Exchange {
  return async function exchange(current, { slot, audience, resource, scopes }, provider) {
    // From the session alone (TEX-01): nothing of a request has a way to here.
    const subjectToken = current.vault.access['']?.token ?? ''
    const access = await provider.exchange({ subjectToken, audience, resource, scopes }).catch(error => {
      audit('renewal', { ...subjectOf(current), ...outcomeOf(error) })
      throw error
    })
    const saved = await families.saveVault(current, { ...current.vault, access: { ...current.vault.access, [slot]: access } })
    if (saved !== null) {
      audit('renewal', { ...subjectOf(current), outcome: 'ok' })
      return saved
    }
    const family = await families.read(current.credential)
    if (!isOver(family)) {
      throw new GatewayError('idp_unavailable', 'The grant was renewed while its token was exchanged.', { reason: 'renewed_meanwhile' })
    }
    revoke(current.sessionId, current.record, { refreshToken: null, access: { [slot]: access } })
    throw new GatewayError('session_revoked', 'The session ended while its token was exchanged.', { reason: 'ended_meanwhile' })
  }
}
