import type { ProviderConfig } from '../config/config.ts'
import type { LogFields } from '../ops/fields.ts'
import { authorizationUrlOf } from './authorization-url.ts'
import { endSessionUrlOf } from './end-session-url.ts'
import { idpUnavailable } from './errors.ts'
import { createMetadata } from './metadata.ts'
import type { Provider } from './provider.ts'
import { createRedeem } from './redeem.ts'
import { createRefresh } from './refresh.ts'
import { createWire } from './wire.ts'

export interface ProviderDeps {
  readonly config: ProviderConfig
  /** Claims that the program uses beside name, e-mail and the configured ones: nothing else is kept. */
  readonly keepClaims: readonly string[]
  /** Epoch ms. Signatures and the times inside tokens are checked by the library, which has the machine's clock. */
  readonly now: () => number
  /**
   * What goes wrong without an error to say so: `provider_metadata_failed`, `provider_pkce_unannounced`,
   * `provider_keys_unavailable`, `provider_userinfo_failed`.
   */
  readonly log?: (event: string, fields: LogFields) => void
}

/**
 * Creates the client of one identity provider. It sends nothing before it is first asked, so a gateway
 * starts while its provider is away.
 */
export function createProvider(deps: ProviderDeps): Provider {
  const { config, keepClaims, now, log = () => undefined } = deps
  const metadata = createMetadata({ config, wire: createWire(config), now, log })

  return {
    config,
    redeem: createRedeem({ config, metadata, keepClaims, now }),
    refresh: createRefresh({ config, metadata, keepClaims, now, log }),

    async authorizationUrl(request) {
      const { signIn } = await metadata()
      try {
        return await authorizationUrlOf(config, signIn, request)
      } catch (error) {
        // A redirect URI that is none is our own mistake, not the provider's.
        if (error instanceof TypeError) throw error
        throw idpUnavailable(
          config,
          'metadata_invalid',
          'names no usable place to sign in at in its metadata (authorization_endpoint)',
          error,
        )
      }
    },

    async endSessionUrl(request) {
      // Signing out here never waits on the provider's mood (contract.md section 2).
      const current = await metadata().catch(() => null)
      return current === null ? null : endSessionUrlOf(config, current, request)
    },
  }
}
