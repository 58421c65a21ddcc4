import type { Origin } from '../config/config.ts'
import { createOwnPathTest } from '../config/own-paths.ts'
import { canonicalPath } from '../http/canonical-path.ts'
import type { Target } from '../http/exchange.ts'
import { pathReadings } from '../http/path-readings.ts'
import { longestReturnTo } from '../http/target.ts'

/** Where a sign-in leads when nothing better was asked for, or what was asked for does not stand the checks. */
const fallback = '/'

export interface ReturnToDeps {
  readonly config: { readonly paths: { readonly base: string } }
  /** Whether a GET for this target would reach a route of kind `page`. */
  readonly isPage: (target: Target) => boolean
}

/** Judges where a sign-in may lead. `mayBeAbsolute` is for `target_link_uri`, which other sites write. */
export type ReturnTo = (value: string, origin: Origin, options?: { readonly mayBeAbsolute: boolean }) => string

/**
 * Creates the guard against open redirects (RFC 9700 §4.11.1): whatever comes in, what goes out is the path,
 * query and fragment of one of our pages on the origin of the request, or `/`.
 *
 * @returns a function that never throws; its result begins with exactly one slash and is ASCII without spaces
 */
export function createReturnTo(deps: ReturnToDeps): ReturnTo {
  const isOwnPath = createOwnPathTest(deps.config.paths.base.toLowerCase())

  return function returnTo(value, origin, options = { mayBeAbsolute: false }) {
    if (value.length > longestReturnTo || holdsControls(value)) return fallback
    const isPath = value.startsWith('/') && !value.startsWith('//')
    // The scheme and both slashes: the URL standard takes `https:app` for a path on an https page, and says of a blob:
    // URL that its origin is the one written inside it.
    if (!isPath && !(options.mayBeAbsolute && /^https?:\/\/[^/]/i.test(value))) return fallback

    const url = URL.parse(value, origin.href)
    if (url === null || url.origin !== origin.href || url.username !== '' || url.password !== '') return fallback

    // Read as the gateway will read it when the browser asks for it: `/.//evil.test` has become `//evil.test` here.
    const target = readTarget(url, origin)
    if (target === null || isOurs(target.path) || !deps.isPage(target)) return fallback
    return `${target.path}${target.query}${url.hash}`
  }

  /** Whether the path is one of our own, in any spelling: a sign-in must not end in another, nor in a sign-out. */
  function isOurs(path: string): boolean {
    return [path, ...(pathReadings(path) ?? [])].some(reading => isOwnPath(reading.toLowerCase()))
  }
}

/**
 * Controls and backslashes, in the string as it came: the URL parser drops tabs and line breaks, and takes a
 * backslash for a slash, before anybody can look.
 */
function holdsControls(value: string): boolean {
  for (let index = 0; index < value.length; index += 1) {
    const code = value.charCodeAt(index)
    if (code < 0x20 || (code >= 0x7f && code <= 0x9f) || code === 0x5c) return true
  }
  return false
}

function readTarget(url: URL, origin: Origin): Target | null {
  try {
    return { origin, ...canonicalPath(url.pathname + url.search) }
  } catch {
    return null
  }
}
