import type { NativeClients } from '../config/native-clients.ts'
import type { NativeClient } from '../config/native-config.ts'
import { OAuthError } from './oauth-error.ts'

/**
 * Finds out which client makes a request, by `client_id` in the form, or as HTTP Basic with an empty password: some
 * libraries try that first, and take a refusal for an answer about the code (golang/oauth2#373).
 *
 * None of them has a secret (NAT-28), so one that comes with the request is a mistake worth telling, before anything
 * is spent.
 *
 * @throws {OAuthError} `invalid_client`, `invalid_request`
 */
export function clientOf(clients: NativeClients, authorization: string | undefined, params: URLSearchParams): NativeClient {
  const basic = authorization === undefined ? null : readBasic(authorization)
  const named = params.get('client_id')
  if (basic !== null && named !== null && basic.id !== named) {
    throw new OAuthError('invalid_request', 'The client is named twice, differently.', { reason: 'client_mismatch' })
  }
  const hasSecret = (basic?.password ?? '') !== '' || ['client_secret', 'client_assertion'].some(name => params.has(name))
  const client = clients.get(basic?.id ?? named ?? '')
  if (client !== undefined && !hasSecret) return client
  throw new OAuthError('invalid_client', hasSecret ? 'Public clients have no secret: leave it out.' : 'There is no such client.', {
    reason: hasSecret ? 'client_secret' : 'unknown_client',
    status: 401,
    // Only to whoever has used the scheme: to some libraries any challenge is another kind of failure.
    headers: basic === null ? {} : { 'www-authenticate': 'Basic realm="sallyport"' },
  })
}

/** RFC 6749 §2.3.1: both parts are form-encoded first. Null where it is no Basic. */
function readBasic(authorization: string): { readonly id: string; readonly password: string } | null {
  const encoded = /^basic +([A-Za-z0-9+/=]+)$/i.exec(authorization)?.[1]
  if (encoded === undefined) return null
  const [id = '', ...password] = Buffer.from(encoded, 'base64').toString().split(':')
  return { id: formDecode(id), password: formDecode(password.join(':')) }
}

function formDecode(text: string): string {
  return new URLSearchParams(`value=${text.replaceAll('&', '%26')}`).get('value') ?? ''
}
