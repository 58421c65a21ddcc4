import { buildAuthorizationUrl, type Configuration, calculatePKCECodeChallenge } from 'openid-client'
import type { ProviderConfig } from '../config/config.ts'
import type { AuthorizationRequest } from './provider.ts'

// What the person's address bar must never decide, whoever let a name through (FLOW-04).
const protocolParams = [
  'client_id',
  'client_secret',
  'response_type',
  'response_mode',
  'redirect_uri',
  'scope',
  'state',
  'nonce',
  'code_challenge',
  'code_challenge_method',
  'request',
  'request_uri',
  'registration',
  'claims',
  'resource',
  'audience',
  'dpop_jkt',
]

/** Where the browser goes to sign in: code flow, PKCE with S256, state and nonce, always (RFC 9700 §2.1.1). */
export async function authorizationUrlOf(config: ProviderConfig, server: Configuration, request: AuthorizationRequest): Promise<URL> {
  const own = {
    client_id: config.clientId,
    response_type: 'code',
    redirect_uri: redirectUrl(request.redirectUri).href,
    scope: config.scopes.join(' '),
    state: request.state,
    nonce: request.nonce,
    code_challenge: await calculatePKCECodeChallenge(request.verifier),
    code_challenge_method: 'S256',
  }
  const passed = Object.entries(request.params).filter(([name]) => !protocolParams.includes(name))
  return buildAuthorizationUrl(server, { ...config.authorizationParams, ...Object.fromEntries(passed), ...own })
}

/**
 * The registered redirect URI, as the URL that both requests are built from.
 *
 * @throws {TypeError} when it would not come out again as it went in: the IdP compares the two requests'
 *   values byte for byte (RFC 6749 §4.1.3, FLOW-03)
 */
export function redirectUrl(redirectUri: string): URL {
  const url = URL.parse(redirectUri)
  if (url === null || url.href !== redirectUri || url.search !== '' || url.hash !== '') {
    throw new TypeError('redirectUri must be a URL in its serialised form, without query and fragment')
  }
  return url
}
