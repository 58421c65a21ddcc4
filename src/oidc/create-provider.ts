import type { ProviderConfig } from '../config/config.ts'
import type { LogFields } from '../ops/fields.ts'
import { authorizationUrlOf } from './authorization-url.ts'
import { createClientAuth } from './client-auth.ts'
import { endSessionUrlOf } from './end-session-url.ts'
import { createVerifyLogoutToken } from './logout-token.ts'
import { createMetadata } from './metadata.ts'
import type { Provider } from './provider.ts'
import { createRedeem } from './redeem.ts'
import { createRefresh } from './refresh.ts'
import { createRevoke } from './revoke.ts'
import { createServiceTokens } from './service-tokens.ts'
import { createWire, type OnCall } from './wire.ts'

export interface ProviderDeps {
  readonly config: ProviderConfig
  /** Claims that the program uses beside name, e-mail and the configured ones: nothing else is kept. */
  readonly keepClaims: readonly string[]
  /** Whether the ID token itself goes to some upstream. For the provider's logout it is kept in any case. */
  readonly showsIdToken?: boolean
  /**
   * Whom tokens may be asked for later, by refresh: the authorization request names them all where the provider is
   * told by `resource`. Default: nobody.
   */
  readonly audiences?: readonly string[]
  /** Epoch ms. The times inside tokens are checked by the library too, which has the machine's clock. */
  readonly now: () => number
  /**
   * What goes wrong without an error to say so: `provider_metadata_failed`, `provider_pkce_unannounced`,
   * `provider_keys_unavailable`, `provider_userinfo_failed`, `provider_claims_elsewhere`.
   */
  readonly log?: (event: string, fields: LogFields) => void
  readonly onCall?: OnCall
}

/**
 * Creates the client of one identity provider. It sends nothing before it is first asked, so a gateway
 * starts while its provider is away.
 */
export function createProvider(options: ProviderDeps): Provider {
  const { config, keepClaims, showsIdToken = false, audiences = [], now, log = () => undefined } = options
  const wire = createWire(config, options.onCall)
  const metadata = createMetadata({ config, wire, clientAuth: createClientAuth(config, now), now, log })
  const keepsIdToken = showsIdToken || config.logout.hint === 'id_token_hint'
  const deps = { config, metadata, wire, keepClaims, keepsIdToken, audiences, now, log }

  return {
    config,
    redeem: createRedeem(deps),
    refresh: createRefresh(deps),
    revoke: createRevoke(deps),
    ...createServiceTokens(deps),
    verifyLogoutToken: createVerifyLogoutToken(deps),

    async authorizationUrl(request) {
      return await authorizationUrlOf(config, await metadata(), request, audiences)
    },

    async tellsAuthTime() {
      const { claims_supported: known }: Readonly<Record<string, unknown>> = (await metadata()).server
      return !Array.isArray(known) || known.includes('auth_time')
    },

    async endSessionUrl(request) {
      // Signing out here never waits on the provider's mood (contract.md section 2).
      const current = await metadata().catch(() => null)
      return current === null ? null : endSessionUrlOf(config, current, request)
    },
  }
}
