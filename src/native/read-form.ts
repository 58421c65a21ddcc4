import type { Request } from 'express'
import { OAuthError } from './oauth-error.ts'

/** May stand more than once (RFC 8707 §2, RFC 8693 §2.1). */
const lists: readonly string[] = ['resource', 'audience']

/**
 * Reads the parameters of a request to the authorization server, from a query or a form. Nothing else may stand twice
 * (RFC 6749 §3.1, §3.2); a parameter without a value counts as left out.
 *
 * @throws {OAuthError} `invalid_request`
 */
export function readOAuthParams(text: string, repeated = lists): URLSearchParams {
  const params = new URLSearchParams([...new URLSearchParams(text)].filter(([, value]) => value !== ''))
  for (const name of new Set(params.keys())) {
    if (params.getAll(name).length > 1 && !repeated.includes(name)) {
      throw new OAuthError('invalid_request', 'A parameter is repeated.', { reason: 'parameter_repeated' })
    }
  }
  return params
}

/** The same, of a body that `readCallbackForm` has read. */
export function readBodyParams(req: Request): URLSearchParams {
  return readOAuthParams(String(req.body ?? ''))
}

/** The value of a parameter that cannot be left out. @throws {OAuthError} `invalid_request` (RFC 6749 §5.2) */
export function required(params: URLSearchParams, name: string): string {
  const value = params.get(name)
  if (value === null) throw new OAuthError('invalid_request', `The ${name} is missing.`)
  return value
}

/** Of a form of our own pages: there a permission is a box that is ticked, each of the same name. */
export function readPageForm(req: Request): URLSearchParams {
  return readOAuthParams(String(req.body ?? ''), ['scope'])
}
