import { GatewayError } from '../errors.ts'

/**
 * The scopes whose boxes a person has ticked on a page of ours, in the order in which they stood there.
 *
 * @param offered those of the page, by what we have kept or configured, and not by what comes back
 * @throws {GatewayError} `bad_request` for another: no page of ours has such a box, so somebody else has made the form
 */
export function readTickedScopes(form: URLSearchParams, offered: readonly string[]): readonly string[] {
  const ticked = form.getAll('scope')
  if (ticked.every(scope => offered.includes(scope))) return offered.filter(scope => ticked.includes(scope))
  throw new GatewayError('bad_request', 'a scope is approved that nobody asked for', { reason: 'scope_not_asked' })
}
