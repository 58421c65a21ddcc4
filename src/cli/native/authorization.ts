import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { printable } from '../../config/mistakes.ts'
import { matchingCode } from '../../native/matching-code.ts'
import { CommandError, exitCode } from '../terminal.ts'
import type { AuthorizationServer } from './authorization-server.ts'
import { callGateway, textOf } from './gateway-call.ts'
import { clientId, errorOf, type Issued, OAuthError, oauthError, requestToken } from './token-call.ts'

/** All that must be kept between sending a browser away and its return. Two of them are secrets: keep it private. */
export interface AuthorizationAttempt {
  readonly redirectUri: string
  readonly state: string
  readonly verifier: string
  /** Whether the answer comes as a form, and never in an address. */
  readonly isPosted: boolean
  /** Where the browser goes. Holds no verifier; with PAR no state either. */
  readonly url: string
  /** Letters that the approval page shows too. */
  readonly matchingCode: string
}

/**
 * Begins an authorization code flow (RFC 8252, RFC 7636). The request is pushed where the gateway takes that
 * (RFC 9126): what stands on the browser's command line is then of no use to other users of the machine.
 *
 * @param isPosted whether the answer is to come as a form (OAuth 2.0 Form Post): never with a code in the address bar
 * @throws {CommandError}
 */
export async function beginAuthorization(
  server: AuthorizationServer,
  wish: { readonly redirectUri: string; readonly scope: string | undefined; readonly isPosted: boolean; readonly signal?: AbortSignal },
): Promise<AuthorizationAttempt> {
  const [state, verifier] = [randomBytes(32).toString('base64url'), randomBytes(32).toString('base64url')]
  const challenge = createHash('sha256').update(verifier).digest('base64url')
  const request = {
    response_type: 'code',
    client_id: clientId,
    redirect_uri: wish.redirectUri,
    state,
    code_challenge: challenge,
    code_challenge_method: 'S256',
    ...(wish.scope === undefined ? {} : { scope: wish.scope }),
    ...(wish.isPosted ? { response_mode: 'form_post' } : {}),
  }
  const query = server.parEndpoint === null ? request : await push(server.parEndpoint, server.issuer, request, wish.signal)
  const url = `${server.authorizationEndpoint}?${new URLSearchParams(query)}`
  return { redirectUri: wish.redirectUri, state, verifier, isPosted: wish.isPosted, url, matchingCode: matchingCode(challenge) }
}

/**
 * The same for a browser that may be on another machine: the answer in the address, so that it can be pasted; as a form
 * where the gateway gives this program none in an address.
 *
 * @throws {CommandError}
 */
export async function beginElsewhere(
  server: AuthorizationServer,
  wish: { readonly redirectUri: string; readonly scope: string | undefined; readonly signal: AbortSignal },
): Promise<AuthorizationAttempt> {
  try {
    return await beginAuthorization(server, { ...wish, isPosted: false })
  } catch (error) {
    // RFC 6749 §4.1.2.1: not in this way. Nothing announces what one client alone must do.
    if (!server.hasFormPost || !(error instanceof OAuthError) || error.error !== 'unauthorized_client') throw error
    return await beginAuthorization(server, { ...wish, isPosted: true })
  }
}

async function push(endpoint: string, issuer: string, form: Readonly<Record<string, string>>, signal?: AbortSignal) {
  const answer = await callGateway(endpoint, { form, ...(signal === undefined ? {} : { signal }) })
  const uri = textOf(answer.body, 'request_uri')
  if (answer.status !== 201 || uri === '') throw oauthError(answer, issuer)
  return { client_id: clientId, request_uri: uri }
}

/** Whether an answer is to this attempt. What is not is somebody else's, and no reason to give up. */
export function isOurs(attempt: AuthorizationAttempt, params: URLSearchParams): boolean {
  const [state, ...more] = params.getAll('state')
  if (state === undefined || more.length > 0) return false
  const digest = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(state), digest(attempt.state))
}

/**
 * Redeems an answer that is ours. Never twice: the second use of a code ends what the first one got.
 *
 * @throws {CommandError} 8 for an answer of another server (RFC 9207); what the gateway answers, such as 3
 */
export async function redeem(
  server: AuthorizationServer,
  attempt: AuthorizationAttempt,
  params: URLSearchParams,
  signal?: AbortSignal,
): Promise<Issued> {
  const [iss, ...more] = params.getAll('iss')
  if (iss !== server.issuer || more.length > 0) {
    const from = iss === undefined ? 'does not say which server it is from' : `is from ${printable(iss)}, not from ${server.issuer}`
    throw new CommandError(`the answer ${from}: stopped`, exitCode.securityStop)
  }
  const error = params.get('error')
  if (error !== null) throw errorOf(error, params.get('error_description') ?? '')
  const [code, ...codes] = params.getAll('code')
  if (code === undefined || codes.length > 0) throw new CommandError('the answer holds no code', exitCode.other)
  const form = { grant_type: 'authorization_code', code, redirect_uri: attempt.redirectUri, code_verifier: attempt.verifier }
  return requestToken(server, form, signal)
}
