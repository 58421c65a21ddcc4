import type { Origin } from '../config/config.ts'
import { GatewayError } from '../errors.ts'
import { canonicalPath } from './canonical-path.ts'
import type { TrustedProxies } from './client-address.ts'
import type { Target } from './exchange.ts'
import { decodePercent } from './path-readings.ts'
import type { RequestHead } from './request-head.ts'

/**
 * Characters of path and query that a sign-in comes back to. Long enough for an application's own state in the query;
 * short enough, even when three times as long once encoded, for a Location that every proxy takes.
 */
export const longestReturnTo = 2048

export interface TargetDeps {
  readonly origins: readonly Origin[]
  readonly proxies: TrustedProxies
}

/**
 * Reads what a request asks for, once; nothing after it looks at `req.url`.
 *
 * The origin is the configured one whose authority Host names (X-Forwarded-Host instead, where a trusted
 * proxy sends one), and with an absolute-form target the target's authority as well (RFC 9112 §3.2.2).
 *
 * @throws {GatewayError} `wrong_authority`, `bad_request` (`target_form`, `access_token_in_query`),
 *   `ambiguous_path`, `uri_too_long`
 */
export function readTarget(req: RequestHead, deps: TargetDeps): Target {
  const forwarded = req.headers['x-forwarded-host']
  const host = forwarded !== undefined && deps.proxies.trusts(req.socket.remoteAddress) ? String(forwarded) : req.headers.host
  const origin = findOrigin(deps.origins, host)
  if (origin === undefined) throw new GatewayError('wrong_authority', 'the Host names none of our origins')

  let target = req.url ?? ''
  if (target.charCodeAt(0) !== 0x2f) target = withoutOwnAuthority(target, origin)
  const { path, query, hasEncodedSlash } = canonicalPath(target)
  if (query !== '' && namesAccessToken(query)) {
    // RFC 6750 §2.3, RFC 9700 §4.3.2: whatever stands in a URL is logged, kept and handed on.
    throw new GatewayError('bad_request', 'an access token in the query', { reason: 'access_token_in_query' })
  }
  return { origin, path, query, hasEncodedSlash }
}

function findOrigin(origins: readonly Origin[], host: string | undefined): Origin | undefined {
  if (host === undefined) return undefined
  for (const origin of origins) if (origin.authority === host) return origin
  const lower = host.toLowerCase()
  for (const origin of origins) {
    if (origin.authority === lower || `${origin.authority}:${origin.isSecure ? 443 : 80}` === lower) return origin
  }
  return undefined
}

/** The path and query of an absolute-form target. An empty path is refused too: naming it `/` would be a second reading. */
function withoutOwnAuthority(target: string, origin: Origin): string {
  const start = ['http://', 'https://'].find(scheme => target.slice(0, scheme.length).toLowerCase() === scheme)?.length
  if (start === undefined)
    throw new GatewayError('bad_request', 'the request target is neither a path nor a URL', { reason: 'target_form' })
  const slash = target.indexOf('/', start)
  if (findOrigin([origin], slash === -1 ? target.slice(start) : target.slice(start, slash)) === undefined) {
    throw new GatewayError('wrong_authority', 'the request target names another authority than Host')
  }
  return slash === -1 ? '' : target.slice(slash)
}

/** Whether a parameter is called `access_token`, in any spelling that a form decoder would read so. */
function namesAccessToken(query: string): boolean {
  for (let at = 1; at < query.length; ) {
    const next = query.indexOf('&', at)
    const end = next === -1 ? query.length : next
    const first = query.charCodeAt(at)
    // Only a name that begins with a, A or % can be it.
    if ((first | 0x20) === 0x61 || first === 0x25) {
      const equals = query.indexOf('=', at)
      const name = query.slice(at, equals === -1 || equals > end ? end : equals)
      if (decodePercent(name).toLowerCase() === 'access_token') return true
    }
    at = end + 1
  }
  return false
}
