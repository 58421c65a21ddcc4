import { buildAuthorizationUrl, buildAuthorizationUrlWithPAR, calculatePKCECodeChallenge } from 'openid-client'
import type { ProviderConfig } from '../config/config.ts'
import { idpUnavailable, requestError } from './errors.ts'
import type { Metadata } from './metadata.ts'
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

// It stands in an address that the browser is sent to.
const longestRequestUri = 1024

/**
 * Where the browser goes to sign in: code flow, PKCE with S256, state and nonce, always (RFC 9700 §2.1.1).
 *
 * What was not named here is refused at a refresh by many providers, so all audiences are named, as far as the
 * provider is told of them by `resource` (RFC 8707 §2).
 *
 * Where requests are pushed (RFC 9126), each call pushes one, and the browser carries its name alone. A push
 * that fails is the end of the sign-in: the parameters never go through the browser instead (PAR-02).
 *
 * @throws {GatewayError} `idp_unavailable`, reasons `par_unavailable`, `par_required`, `par_response_invalid`,
 *   `metadata_invalid` and those of a refused request
 */
export async function authorizationUrlOf(
  config: ProviderConfig,
  { client, server }: Metadata,
  request: AuthorizationRequest,
  audiences: readonly string[],
): Promise<URL> {
  const own = {
    client_id: config.clientId,
    response_type: 'code',
    ...(config.responseMode === 'form_post' ? { response_mode: 'form_post' } : {}),
    redirect_uri: redirectUrl(request.redirectUri).href,
    scope: config.scopes.join(' '),
    state: request.state,
    nonce: request.nonce,
    code_challenge: await calculatePKCECodeChallenge(request.verifier),
    code_challenge_method: 'S256',
  }
  const passed = Object.entries(request.params).filter(([name]) => !protocolParams.includes(name))
  const params = new URLSearchParams({ ...config.authorizationParams, ...Object.fromEntries(passed), ...own })
  if (config.audienceParameter === 'resource') for (const audience of audiences) params.append('resource', audience)
  const isPushed = pushes(config, server)
  try {
    const url = isPushed ? await buildAuthorizationUrlWithPAR(client, params) : buildAuthorizationUrl(client, params)
    if ((url.searchParams.get('request_uri') ?? '').length <= longestRequestUri) return url
  } catch (error) {
    const refusal = requestError(config, isPushed ? 'pushed authorization request' : 'authorization request', error)
    if (refusal !== null) throw refusal
    if (!isPushed) throw idpUnavailable(config, 'metadata_invalid', 'names no usable place to sign in at in its metadata', error)
    throw idpUnavailable(config, 'par_response_invalid', 'gave an answer to the pushed authorization request that cannot be used', error)
  }
  throw idpUnavailable(config, 'par_response_invalid', 'named the pushed authorization request by more than fits into an address')
}

/** Whether the request is pushed, of which metadata and configuration must have the same opinion. */
function pushes(config: ProviderConfig, server: Metadata['server']): boolean {
  const isOffered = server.pushed_authorization_request_endpoint !== undefined
  const isWanted = server.require_pushed_authorization_requests === true
  if (config.par === 'off') {
    if (!isWanted) return false
    throw idpUnavailable(config, 'par_required', `takes pushed authorization requests alone; identityProviders.${config.id}.par is off`)
  }
  if (!isOffered && (isWanted || config.par === 'require')) {
    throw idpUnavailable(
      config,
      'par_unavailable',
      'names no place for pushed authorization requests in its metadata (pushed_authorization_request_endpoint), which are required',
    )
  }
  return isOffered
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
