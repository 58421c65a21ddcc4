import type { RouteRule } from '../config/config.ts'

/** Where a program finds out by whom it can be let in (RFC 9728 §3). */
export const resourceMetadataPath = '/.well-known/oauth-protected-resource'

/**
 * The challenge of a route to a program (RFC 6750 §3, RFC 9728 §5.1): where to sign in, and with which scopes, all of
 * them, so that one further sign-in is enough.
 *
 * @param origin that the request came to
 */
export function handleChallenge(
  origin: string,
  route: RouteRule | null,
  { error, scopes = [] }: { readonly error?: 'invalid_token' | 'insufficient_scope'; readonly scopes?: readonly string[] },
): string {
  const parts = error === undefined ? [] : [`error="${error}"`]
  // Neither can hold a quote or a backslash: the configuration's paths and scopes have none.
  if (scopes.length > 0) parts.push(`scope="${scopes.join(' ')}"`)
  parts.push(`resource_metadata="${origin}${resourceMetadataPath}${route === null || route.path === '/' ? '' : route.path}"`)
  return `Bearer ${parts.join(', ')}`
}
