import { ClientError, ResponseBodyError, tokenRevocation } from 'openid-client'
import type { ProviderConfig } from '../config/config.ts'
import { idpUnavailable, requestError } from './errors.ts'
import type { Metadata } from './metadata.ts'
import type { Provider } from './provider.ts'

export interface RevokeDeps {
  readonly config: ProviderConfig
  readonly metadata: () => Promise<Metadata>
}

/**
 * Creates the revocation of tokens: one authenticated request each, the token in its body (RFC 7009 §2.1).
 *
 * @throws {GatewayError} as `Provider.revoke` says; reason `revocation_failed` for an answer that is none
 */
export function createRevoke({ config, metadata }: RevokeDeps): Provider['revoke'] {
  return async function revoke({ token, hint }) {
    const { client } = await metadata()
    try {
      await tokenRevocation(client, token, { token_type_hint: hint })
      return 'done'
    } catch (error) {
      if (isUnsupported(error)) return 'unsupported'
      // What RFC 7009 §2.2 wants answered with 200: the token is dead already.
      if (error instanceof ResponseBodyError && error.error === 'invalid_token') return 'done'
      throw (
        requestError(config, 'revocation', error) ??
        idpUnavailable(config, 'revocation_failed', 'gave an answer to the revocation that cannot be used', error)
      )
    }
  }
}

/** The metadata names no place for it, or that place does not take this kind of token (RFC 7009 §2.2.1). */
function isUnsupported(error: unknown): boolean {
  if (error instanceof ResponseBodyError) return error.error === 'unsupported_token_type'
  return error instanceof ClientError && error.code === 'OAUTH_MISSING_SERVER_METADATA'
}
