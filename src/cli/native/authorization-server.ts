import { httpsProblem } from '../../config/hosts.ts'
import { printable } from '../../config/mistakes.ts'
import { CommandError, exitCode } from '../terminal.ts'
import { type Answer, callGateway, textOf } from './gateway-call.ts'

/** What a gateway's metadata says, as far as we need it (RFC 8414 §2). Null where it does not offer something. */
export interface AuthorizationServer {
  readonly issuer: string
  readonly authorizationEndpoint: string
  readonly tokenEndpoint: string
  readonly revocationEndpoint: string | null
  readonly deviceEndpoint: string | null
  readonly parEndpoint: string | null
  readonly hasFormPost: boolean
  /** Of the gateway's own endpoints for people's sessions, such as `/auth`. */
  readonly basePath: string
}

/**
 * Finds the authorization server of a gateway: the one that it names as its own (RFC 9728 §3), which may be on another
 * origin (`native.origin`), else the gateway itself. In this order, because the first answer is the gateway's in any case;
 * the second could be that of an application behind it.
 *
 * @param gateway its origin
 * @throws {CommandError} 1 when it offers no sign-in to programs; 6 unreachable; 8 when what it says does not fit
 */
export async function discover(gateway: string, signal?: AbortSignal): Promise<AuthorizationServer> {
  const options = signal === undefined ? {} : { signal }
  const resource = await callGateway(`${gateway}/.well-known/oauth-protected-resource`, options)
  assertNotBusy(gateway, resource)
  const issuer = resource.status === 200 ? (list(resource.body.authorization_servers)[0] ?? gateway) : gateway
  if (typeof issuer !== 'string' || httpsProblem(issuer) !== null || URL.parse(issuer)?.origin !== issuer)
    throw doesNotFit(`${gateway} names the issuer ${printable(String(issuer))}`)

  const metadata = await callGateway(`${issuer}/.well-known/oauth-authorization-server`, options)
  if (metadata.status === 200 && 'issuer' in metadata.body) return readMetadata(metadata, issuer)
  assertNotBusy(issuer, metadata)
  throw new CommandError(
    `${issuer} offers no sign-in to programs: is it the gateway's address, and is \`native\` in its configuration?`,
    exitCode.other,
  )
}

/** What is refused for the moment says nothing of what is offered. */
function assertNotBusy(origin: string, { status }: Answer): void {
  if (status >= 500 || status === 429) throw new CommandError(`${origin} cannot answer now (${status}): try again`, exitCode.unreachable)
}

/** @param expected the issuer as it was asked: another one would be somebody else's answer (RFC 8414 §3.3) */
function readMetadata({ body }: Answer, expected: string): AuthorizationServer {
  if (body.issuer !== expected) throw doesNotFit(`${expected} says that its issuer is ${printable(String(body.issuer))}`)
  if (!list(body.code_challenge_methods_supported).includes('S256')) throw doesNotFit(`${expected} does not offer PKCE with S256`)

  function endpoint(name: string): string | null {
    const url = textOf(body, name)
    if (url === '') return null
    // Elsewhere than at the issuer a code or a handle would leave it; and this is opened in a browser.
    const parsed = URL.parse(url)
    if (parsed?.origin !== expected) throw doesNotFit(`the ${name} of ${expected} is elsewhere`)
    return parsed.href
  }
  const authorizationEndpoint = endpoint('authorization_endpoint')
  const tokenEndpoint = endpoint('token_endpoint')
  if (authorizationEndpoint === null || tokenEndpoint === null) throw doesNotFit(`${expected} names no endpoints to sign in at`)
  return {
    issuer: expected,
    authorizationEndpoint,
    tokenEndpoint,
    revocationEndpoint: endpoint('revocation_endpoint'),
    deviceEndpoint: endpoint('device_authorization_endpoint'),
    parEndpoint: endpoint('pushed_authorization_request_endpoint'),
    hasFormPost: list(body.response_modes_supported).includes('form_post'),
    basePath: readBasePath(textOf(body, 'sallyport_base_path')),
  }
}

/** A path and nothing else, as it is appended to the gateway's origin. */
function readBasePath(text: string): string {
  return /^(\/[A-Za-z0-9._~-]+)+$/.test(text) ? text : '/auth'
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

function doesNotFit(what: string): CommandError {
  return new CommandError(`${what}: stopped, as a credential could end up with somebody else`, exitCode.securityStop)
}
