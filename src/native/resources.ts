import type { GatewayConfig, RouteRule } from '../config/config.ts'
import { canonicalPath } from '../http/canonical-path.ts'
import { OAuthError } from './oauth-error.ts'

/** What handles are for: routes of programs, by the addresses that clients know them by (RFC 8707, RFC 9728). */
export interface Resources {
  /**
   * What a request names, as it is kept with the session: an origin, or one with the path of a route.
   *
   * @returns null for no limit
   * @throws {OAuthError} `invalid_target`
   */
  read(uris: readonly string[]): readonly string[] | null
  /** The routes that a handle can reach under an address; none where nothing is there for one. */
  find(originHref: string, path: string): readonly RouteRule[]
}

export function createResources({ origins, routes }: Pick<GatewayConfig, 'origins' | 'routes'>): Resources {
  const reachable = routes.filter(({ kind, access }) => kind === 'api' && access !== 'anyone')

  function find(originHref: string, path: string): readonly RouteRule[] {
    const here = reachable.filter(route => route.origins.some(({ href }) => href === originHref))
    if (path === '' || path === '/') return here
    const fitting = here.filter(route => path === route.path || path.startsWith(route.path === '/' ? '/' : `${route.path}/`))
    return fitting.sort((one, other) => other.path.length - one.path.length).slice(0, 1)
  }

  function readOne(uri: string): string {
    const origin = origins.find(({ href }) => uri === href || uri.startsWith(`${href}/`))
    if (origin === undefined) throw unknown()
    const path = uri.slice(origin.href.length)
    if (path === '' || path === '/') return origin.href
    const [route] = /[?#]/.test(path) || !isCanonical(path) ? [] : find(origin.href, path)
    if (route === undefined) throw unknown()
    return origin.href + route.path
  }

  return {
    read: uris => (uris.length === 0 ? null : [...new Set(uris.map(readOne))]),
    find,
  }
}

/**
 * What is left of resources where fewer are asked for. An origin holds all of its routes; a route holds no other, not even
 * one further down the same path.
 *
 * @param own null for no limit
 * @param asked null for all that there is
 * @throws {OAuthError} `invalid_target` for what is not among them
 */
export function narrowResources(own: readonly string[] | null, asked: readonly string[] | null): readonly string[] | null {
  if (own === null || asked === null) return asked ?? own
  if (asked.every(resource => own.some(one => resource === one || new URL(resource).origin === one))) return asked
  throw new OAuthError('invalid_target', 'It was not approved for this resource.', { reason: 'other_resource' })
}

function isCanonical(path: string): boolean {
  try {
    return canonicalPath(path).path === path
  } catch {
    return false
  }
}

function unknown(): OAuthError {
  return new OAuthError('invalid_target', 'There is nothing for programs at this resource.', { reason: 'unknown_resource' })
}
