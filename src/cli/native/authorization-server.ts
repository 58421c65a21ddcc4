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
}

/**
 * Finds the authorization server of a gateway: the gateway itself, or the one that it names as its own
 * (`native.origin`; RFC 9728 §3).
 *
 * @param gateway its origin
 * @throws {CommandError} 1 when it offers no sign-in to programs; 6 unreachable; 8 when what it says does not fit
 */
export async function discover(gateway: string, signal?: AbortSignal): Promise<AuthorizationServer> {
  const options = signal === undefined ? {} : { signal }
  const own = await callGateway(`${gateway}/.well-known/oauth-authorization-server`, options)
  if (own.status === 200 && 'issuer' in own.body) return readMetadata(own, gateway)

  const resource = await callGateway(`${gateway}/.well-known/oauth-protected-resource`, options)
  const servers = resource.body.authorization_servers
  const named: unknown = Array.isArray(servers) ? servers[0] : undefined
  if (resource.status !== 200 || typeof named !== 'string') {
    const status = own.status >= 500 ? own.status : resource.status
    if (status >= 500) throw new CommandError(`${gateway} cannot answer now (${status}): try again`, exitCode.unreachable)
    throw new CommandError(
      `${gateway} offers no sign-in to programs: is it the gateway's address, and is \`native\` in its configuration?`,
      exitCode.other,
    )
  }
  if (httpsProblem(named) !== null || URL.parse(named)?.origin !== named)
    throw doesNotFit(`${gateway} names the issuer ${printable(named)}`)
  const other = await callGateway(`${named}/.well-known/oauth-authorization-server`, options)
  if (other.status !== 200) throw new CommandError(`${named} does not say how to sign in (${other.status})`, exitCode.unreachable)
  return readMetadata(other, named)
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
  }
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

function doesNotFit(what: string): CommandError {
  return new CommandError(`${what}: stopped, as a credential could end up with somebody else`, exitCode.securityStop)
}
