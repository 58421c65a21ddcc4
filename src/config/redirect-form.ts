/**
 * The forms of a redirect URI of a native client (RFC 8252 §7), as configured and as asked for.
 *
 * Everything is judged on the text itself, never on what a URL parser makes of it: parsers fold `127.1`,
 * `0x7f.1` and full-width digits to 127.0.0.1 and drop `/../`, and then what was checked is not what is opened.
 */

/** A path that has one reading: plain characters, no empty segment but the last, no dot segment. */
const path = /^(\/|(\/(?!\.{1,2}(\/|$))[A-Za-z0-9._~-]+)+\/?)$/

const loopback = /^http:\/\/(127\.0\.0\.1|\[::1\]|localhost)(?::([1-9]\d{0,4}))?(\/.*)?$/s

/** An http address of this machine, taken apart. */
export interface LoopbackUri {
  readonly host: '127.0.0.1' | '[::1]' | 'localhost'
  /** Null where none is written. */
  readonly port: number | null
  /** As written; empty where there is none. */
  readonly path: string
}

/** Null for anything that is not exactly an http address of this machine in its one canonical spelling. */
export function readLoopback(uri: string): LoopbackUri | null {
  const [, host, port, rest = ''] = loopback.exec(uri) ?? []
  if (host === undefined || Number(port ?? 1) > 65_535 || (rest !== '' && !path.test(rest))) return null
  return { host: host as LoopbackUri['host'], port: port === undefined ? null : Number(port), path: rest }
}

/** What is wrong with a redirect URI that a client is to have; null when nothing is. */
export function redirectProblem(text: string): string | null {
  if (text === 'loopback') return null
  if (/[^\x21-\x7e]/.test(text)) return 'must be visible ASCII without spaces'
  if (text.includes('#')) return 'must not have a fragment'
  const scheme = /^([a-z][a-z0-9+.-]*):/.exec(text)?.[1]
  if (scheme === 'http') return httpProblem(text)
  if (scheme === 'https') {
    const url = URL.parse(text)
    if (url === null || url.href !== text) return 'must be written as the URL standard writes it'
    if (url.username !== '' || url.password !== '') return 'must not hold a user name or password'
    return url.search === '' ? null : 'must not have a query'
  }
  // RFC 8252 §7.1: a domain name in reverse, which somebody owns. It also leaves javascript: and data: out.
  if (scheme === undefined || !scheme.includes('.')) {
    return 'must be loopback, an http URI of this machine, an https URI, or one of a scheme of the application such as com.example.app:/callback'
  }
  return /^[a-z0-9+.-]+:\/(?!\/)[A-Za-z0-9._~/-]*$/.test(text) ? null : 'must be the scheme, :/ and a path of letters, digits and . _ ~ - /'
}

function httpProblem(text: string): string | null {
  const uri = readLoopback(text)
  if (uri === null) return 'must be http://127.0.0.1, http://[::1] or http://localhost with a plain path, such as http://127.0.0.1/callback'
  if (uri.port !== null) return 'must not name a port: the program chooses one for each sign-in'
  return uri.path === '' ? 'must have a path, such as /callback; loopback takes any' : null
}
