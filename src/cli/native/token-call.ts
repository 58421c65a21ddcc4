import { printable } from '../../config/mistakes.ts'
import { CommandError, exitCode } from '../terminal.ts'
import type { AuthorizationServer } from './authorization-server.ts'
import { isHandle } from './credential.ts'
import { type Answer, callGateway, textOf } from './gateway-call.ts'

/** The built-in client: `native.clients.cli` of the gateway's configuration. */
export const clientId = 'cli'

/** How long anything of a gateway may live: a hundred years, which a calendar can still name. */
export const longestSeconds = 3_155_760_000

/** What the token endpoint gave. */
export interface Issued {
  readonly handle: string
  readonly scope: string
  readonly expiresInSeconds: number
}

/** An error of RFC 6749 §5.2 and its relatives; `answer` for who looks at more. */
export class OAuthError extends CommandError {
  override name = 'OAuthError'
  readonly error: string

  constructor(error: string, message: string, exit: number) {
    super(message, exit)
    this.error = error
  }
}

/** @throws {OAuthError | CommandError} */
export async function requestToken(
  server: AuthorizationServer,
  form: Readonly<Record<string, string>>,
  signal?: AbortSignal,
): Promise<Issued> {
  const answer = await callGateway(server.tokenEndpoint, {
    form: { client_id: clientId, ...form },
    ...(signal === undefined ? {} : { signal }),
  })
  if (answer.status !== 200) throw oauthError(answer, server.issuer)
  const handle = textOf(answer.body, 'access_token')
  const expiresInSeconds = answer.body.expires_in
  const isBearer = textOf(answer.body, 'token_type').toLowerCase() === 'bearer'
  if (!isHandle(handle) || !isBearer || typeof expiresInSeconds !== 'number' || expiresInSeconds < 0 || expiresInSeconds > longestSeconds)
    throw new CommandError(`${server.issuer} answers with something that is no handle`, exitCode.other)
  return { handle, scope: textOf(answer.body, 'scope'), expiresInSeconds }
}

/** Ends what a handle stands for, with its children (RFC 7009). @throws {CommandError} when it may live on */
export async function revokeHandle(server: AuthorizationServer, handle: string): Promise<void> {
  if (server.revocationEndpoint === null) throw new CommandError(`${server.issuer} offers no revocation`, exitCode.other)
  const form = { client_id: clientId, token: handle, token_type_hint: 'access_token' }
  const answer = await callGateway(server.revocationEndpoint, { form })
  if (answer.status !== 200) throw oauthError(answer, server.issuer)
}

/** The error that an answer of an OAuth endpoint is, with the exit code of contract.md section 11. */
export function oauthError(answer: Answer, issuer: string): OAuthError {
  const error = printable(textOf(answer.body, 'error'))
  if (answer.status >= 500 || answer.status === 429)
    return new OAuthError(error, `${issuer} cannot answer now (${answer.status}): try again`, exitCode.unreachable)
  if (error === '') return new OAuthError('', `${issuer} answers ${answer.status}, and not as a gateway does`, exitCode.other)
  return errorOf(error, textOf(answer.body, 'error_description'))
}

/** @param description the server's own words, for what we have no sentence of our own */
export function errorOf(error: string, description: string): OAuthError {
  const [sentence, exit] = (Object.hasOwn(sentences, error) ? sentences[error] : undefined) ?? unknown
  const said = description === '' ? '' : `: ${printable(description)}`
  return new OAuthError(error, sentence === '' ? `the gateway refused (${printable(error)})${said}` : `${sentence} (${error})`, exit)
}

const unknown = ['', exitCode.other] as const
const notForUs = 'the gateway does not let this program sign in: `native.clients.cli` of its configuration decides'
const sentences: Readonly<Record<string, readonly [string, number]>> = {
  access_denied: ['the sign-in was denied', exitCode.denied],
  invalid_scope: ['the gateway does not give these scopes: ask for fewer', exitCode.denied],
  invalid_authorization_details: ['', exitCode.denied],
  invalid_target: ['the gateway does not give access to that', exitCode.denied],
  unauthorized_client: [notForUs, exitCode.denied],
  invalid_client: [notForUs, exitCode.denied],
  expired_token: ['nobody signed in before the code ran out: run it again', exitCode.timedOut],
  invalid_grant: ['the gateway does not take this any more: run `sallyport login` again', exitCode.loginNeeded],
  temporarily_unavailable: ['the gateway cannot sign anybody in now: try again', exitCode.unreachable],
  server_error: ['the gateway failed: try again, and tell whoever runs it', exitCode.unreachable],
}
