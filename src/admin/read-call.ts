import type { IncomingMessage } from 'node:http'
import { GatewayError } from '../errors.ts'
import { canonicalPath } from '../http/canonical-path.ts'
import type { Trail } from '../ops/trail.ts'
import type { User } from '../session/session.ts'
import { type AdminCall, endSession, endSessions, listSecrets, listSessions } from './admin-calls.ts'

const all = '/admin/sessions'
const prefix = `${all}/`
const secrets = '/admin/secrets'
/** `V` or `V.<member>`, as received: decoded, several spellings would name one session. */
const sessionIdForm = /^[A-Za-z0-9_-]{1,64}(\.[A-Za-z0-9_-]{1,64})?$/

/**
 * Reads which call a request makes; nothing has been done yet.
 *
 * @param trail gets the name of the endpoint
 * @throws {GatewayError} `no_route`, `method_not_allowed`, `bad_request`, `ambiguous_path`, `uri_too_long`
 */
export function readCall(req: IncomingMessage, trail: Trail): AdminCall {
  const { path, query } = canonicalPath(req.url ?? '')
  const params = new URLSearchParams(query)
  if (path === all) {
    trail.route = all
    admitMethod(req.method, 'GET, HEAD, DELETE')
    const user = readUser(params)
    return req.method === 'DELETE' ? endSessions(user) : listSessions(user)
  }
  if (path === secrets) {
    trail.route = secrets
    admitMethod(req.method, 'GET, HEAD')
    if (params.size > 0) throw unknownParameter()
    return listSecrets()
  }
  if (!path.startsWith(prefix)) throw new GatewayError('no_route', 'the admin port has no call of this name')

  trail.route = `${prefix}:session_id`
  admitMethod(req.method, 'DELETE')
  // Whoever says both which one and whose means one of the two.
  if (params.size > 0) throw unknownParameter()
  const sessionId = path.slice(prefix.length)
  if (!sessionIdForm.test(sessionId)) throw new GatewayError('no_route', 'no session has an id of this form')
  return endSession(sessionId)
}

/** @param allow as the header of this name has it */
function admitMethod(method: string | undefined, allow: string): void {
  if (allow.split(', ').includes(method ?? '')) return
  throw new GatewayError('method_not_allowed', 'the call is made with another method', { headers: { allow } })
}

/** Both, once each, and nothing else: a misspelt name must not make a call mean more people than it says. */
function readUser(params: URLSearchParams): User {
  const provider = readOne(params, 'provider')
  const sub = readOne(params, 'sub')
  if (params.size > 2) throw unknownParameter()
  return { provider, sub }
}

function readOne(params: URLSearchParams, name: string): string {
  const values = params.getAll(name)
  if (values.length > 1) throw new GatewayError('bad_request', `${name} is repeated`, { reason: 'parameter_repeated' })
  const [value = ''] = values
  if (value === '') throw new GatewayError('bad_request', `${name} is missing`, { reason: 'parameter_missing' })
  return value
}

function unknownParameter(): GatewayError {
  return new GatewayError('bad_request', 'a parameter that the call does not have', { reason: 'parameter_unknown' })
}
