import type { Origin, RouteRule } from '../config/config.ts'

/**
 * Creates the rewriting of Location and Content-Location on a route. An upstream that does not know where it stands
 * names its own origin, which clients may not even reach: that becomes ours, with the path that was taken off. What
 * names any other place passes as it is, and so does what names none: an upstream that is asked without its prefix hears
 * it as X-Forwarded-Prefix.
 */
export function createLocationRewrite(route: RouteRule): (value: string | string[], origin: Origin) => string | string[] {
  const { upstream, path, stripPrefix, preserveHost } = route
  const prefix = stripPrefix && path !== '/' ? path : ''
  const addresses = upstream.kind === 'servers' ? upstream.addresses : []
  const own = new Set(addresses.map(address => address.origin))
  const schemes = [...new Set(addresses.map(address => new URL(address.origin).protocol))]

  function rewriteOne(value: string, ours: Origin): string {
    const found = split(value)
    if (found === null || found.origin === ours.href) return value
    // With preserveHost the upstream hears our authority, and may take its own scheme for ours.
    const isOwn = own.has(found.origin) || (preserveHost && schemes.some(scheme => found.origin === originOf(scheme, ours)))
    return isOwn ? `${ours.href}${prefix}${found.rest}` : value
  }

  return function rewriteLocation(value, ours) {
    return typeof value === 'string' ? rewriteOne(value, ours) : value.map(one => rewriteOne(one, ours))
  }
}

/** The origin of an http or https URL, and what follows it byte for byte. With a user name it is nobody's own. */
function split(value: string): { readonly origin: string; readonly rest: string } | null {
  const [, authority, rest = ''] = /^(https?:\/\/[^/?#\\@]+)((?:[/?#].*)?)$/i.exec(value) ?? []
  const origin = authority === undefined ? undefined : URL.parse(authority)?.origin
  if (origin === undefined) return null
  return { origin, rest: rest.startsWith('/') ? rest : `/${rest}` }
}

function originOf(scheme: string, { authority }: Origin): string | undefined {
  return URL.parse(`${scheme}//${authority}`)?.origin
}
