import { buildEndSessionUrl } from 'openid-client'
import type { ProviderConfig } from '../config/config.ts'
import type { Metadata } from './metadata.ts'
import type { Provider } from './provider.ts'

type EndSessionRequest = Parameters<Provider['endSessionUrl']>[0]

/**
 * Where the browser goes to sign out at the IdP (RP-Initiated Logout 1.0 §2), with the hint that the
 * configuration allows; null when the metadata names no usable place.
 */
export function endSessionUrlOf(config: ProviderConfig, metadata: Metadata, request: EndSessionRequest): URL | null {
  if (metadata.server.end_session_endpoint === undefined) return null
  try {
    return buildEndSessionUrl(metadata.client, {
      ...config.logout.params,
      ...hintOf(config, request),
      client_id: config.clientId,
      post_logout_redirect_uri: request.postLogoutRedirectUri,
      state: request.state,
    })
  } catch {
    // Not a URL, or not https. The person is signed out here all the same.
    return null
  }
}

function hintOf(config: ProviderConfig, { idToken, logoutHint }: EndSessionRequest): Record<string, string> {
  const { hint } = config.logout
  if (hint === 'id_token_hint' && idToken !== null) return { id_token_hint: idToken }
  if (hint === 'logout_hint' && logoutHint !== null) return { logout_hint: logoutHint }
  return {}
}
