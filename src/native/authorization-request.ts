import { isDocumentId, type NativeClients } from '../config/native-clients.ts'
import type { NativeClient } from '../config/native-config.ts'
import type { CodeAnswer, NativeAsk } from '../session/attempts.ts'
import { isBase64Url } from '../session/credential.ts'
import type { ClientDocuments } from './client-documents.ts'
import { OAuthError } from './oauth-error.ts'
import { mayRedirect } from './redirects.ts'
import type { Resources } from './resources.ts'

/** What is handed back as it came must fit into an address, and is never cut (NAT-12). */
const longestState = 2048
const challengeLength = 43

/** An authorization request as far as its answer has somewhere to go. */
export interface Addressed {
  readonly client: NativeClient
  readonly redirectUri: string
  readonly state: string | null
}

/** Reads authorization requests, whether they come by the browser or were pushed (RFC 6749 §4.1.1, RFC 9126). */
export interface RequestReader {
  /**
   * Finds out whom an answer would go to. Until that is known, nothing may be answered by a redirect (RFC 6749 §4.1.2.1).
   *
   * @param clientAddress of whoever asks
   * @throws {OAuthError} `invalid_request`, `invalid_client`; {GatewayError} `too_many_requests`
   */
  address(params: URLSearchParams, clientAddress: string): Promise<Addressed>
  /**
   * Reads the rest.
   *
   * @throws {OAuthError} to be told to the client
   */
  read(params: URLSearchParams, addressed: Addressed): NativeAsk & { readonly answer: CodeAnswer }
}

export function createRequestReader(deps: {
  readonly clients: NativeClients
  readonly documents: ClientDocuments
  readonly resources: Resources
}): RequestReader {
  return {
    async address(params, clientAddress) {
      const client = deps.clients.get(params.get('client_id') ?? '')
      if (client === undefined)
        throw new OAuthError('invalid_client', 'There is no such client.', { reason: 'unknown_client', status: 401 })
      const redirectUri = params.get('redirect_uri') ?? ''
      const redirects = isDocumentId(client.id) ? await deps.documents.redirectsOf(client.id, clientAddress) : client.redirects
      if (!mayRedirect({ redirects }, redirectUri)) {
        throw new OAuthError('invalid_request', 'The redirect URI is none of the client.', { reason: 'redirect_uri' })
      }
      const state = params.get('state')
      if (state !== null && state.length > longestState) {
        throw new OAuthError('invalid_request', `The state is longer than ${longestState} characters.`, { reason: 'state_too_long' })
      }
      return { client, redirectUri, state }
    },

    read(params, { client, redirectUri, state }) {
      if (params.has('request')) throw new OAuthError('invalid_request', 'Request objects are not supported.')
      if (params.get('response_type') !== 'code') {
        throw new OAuthError('unsupported_response_type', 'The response type must be code.')
      }
      const challenge = readChallenge(params)
      return {
        clientId: client.id,
        scopes: readScopes(params.get('scope'), client.scopes),
        resources: deps.resources.read(params.getAll('resource')),
        device: null,
        answer: { redirectUri, responseMode: allowedMode(params, client), state, challenge },
      }
    },
  }
}

/** The mode of the answer; an unknown one is answered as the default is. */
export function readResponseMode(params: URLSearchParams): CodeAnswer['responseMode'] {
  const mode = params.get('response_mode') ?? 'query'
  if (mode === 'query' || mode === 'form_post') return mode
  throw new OAuthError('invalid_request', 'The response mode must be query or form_post.')
}

/**
 * The mode, where the client may have it. One who may not is told by the very mode that it asked for: an error holds
 * nothing that somebody could want, unlike a code in an address that a person can be talked into passing on.
 */
function allowedMode(params: URLSearchParams, client: NativeClient): CodeAnswer['responseMode'] {
  const mode = readResponseMode(params)
  if (client.responseMode === 'any' || mode === client.responseMode) return mode
  // RFC 6749 §4.1.2.1: not authorized to request a code using this method. Our command line tells by it (sign-in.ts).
  throw new OAuthError('unauthorized_client', 'This client gets its answers with response_mode=form_post alone.', {
    reason: 'response_mode',
  })
}

/**
 * PKCE with S256, and nothing else: a missing method means `plain` (RFC 7636 §4.3), which shows the verifier to whoever
 * reads the request.
 */
function readChallenge(params: URLSearchParams): string {
  const challenge = params.get('code_challenge') ?? ''
  if (challenge === '' || params.get('code_challenge_method') !== 'S256') {
    throw new OAuthError('invalid_request', 'PKCE is required: code_challenge, with code_challenge_method=S256.')
  }
  if (challenge.length === challengeLength && isBase64Url(challenge)) return challenge
  throw new OAuthError('invalid_request', 'The code challenge must be 43 characters of base64url.')
}

/**
 * Scopes that are asked for, each of which must be among those that can be had; all of those where none is named.
 *
 * @throws {OAuthError} `invalid_scope`
 */
export function readScopes(asked: string | null, available: readonly string[]): readonly string[] {
  if (asked === null) return available
  const scopes = [...new Set(asked.split(' ').filter(scope => scope !== ''))]
  if (scopes.length > 0 && scopes.every(scope => available.includes(scope))) return scopes
  throw new OAuthError('invalid_scope', 'A scope was asked for that this client may not have.')
}
