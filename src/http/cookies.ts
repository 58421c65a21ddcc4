import type { SessionConfig } from '../config/config.ts'

type CookieConfig = SessionConfig['cookie']

/**
 * The session cookie's full name. The prefix makes browsers insist on Secure, no Domain, Path=/ and HttpOnly
 * (RFC 10017 §6.1.3.2; those that know only `__Host-` enforce that part), so no sibling host can plant it.
 */
export function sessionCookieName(cookie: CookieConfig): string {
  return cookie.insecure ? cookie.name : `__Host-Http-${cookie.name}`
}

/** What the names of attempt cookies begin with; eight characters follow. */
export function attemptCookiePrefix(cookie: CookieConfig): string {
  return `${sessionCookieName(cookie)}.attempt.`
}

/**
 * Makes the test for names that are ours, in either direction: with any prefix and in any case, because an
 * upstream's cookie parser, or a browser without prefix rules, may not tell them apart.
 */
export function createOwnCookieTest(cookie: CookieConfig): (name: string) => boolean {
  const base = cookie.name.toLowerCase()
  return function isOwnCookie(name) {
    let rest = name.toLowerCase()
    if (!rest.includes(base)) return false
    for (const prefix of ['__secure-', '__host-', '__http-', 'http-']) if (rest.startsWith(prefix)) rest = rest.slice(prefix.length)
    return rest === base || (rest.startsWith(base) && rest.charCodeAt(base.length) === 0x2e)
  }
}

/** Shared, because nearly every request without our cookie gets it. */
const none = { value: '', count: 0 }

/**
 * Finds a cookie by its exact name. Only space and tab around a name or value are not part of it
 * (RFC 6265 §4.2.1): whatever else looks like white space belongs to another name.
 *
 * @returns the first value as it stands, undecoded, and how many there are: with two, nobody knows which is ours
 */
export function findCookie(header: string | undefined, name: string): { readonly value: string; readonly count: number } {
  if (header === undefined) return none
  let at = header.indexOf(name)
  if (at === -1) return none

  let value = ''
  let count = 0
  for (; at !== -1; at = header.indexOf(name, at + name.length)) {
    if (!startsCookie(header, at)) continue
    const equals = skipBlanks(header, at + name.length)
    if (header.charCodeAt(equals) !== 0x3d) continue
    if (count === 0) {
      const semicolon = header.indexOf(';', equals)
      value = trimBlanks(header, equals + 1, semicolon === -1 ? header.length : semicolon)
    }
    count++
  }
  return count === 0 ? none : { value, count }
}

/** The cookies that are not ours, for the upstream; empty when none is left. */
export function withoutCookies(header: string, isOwn: (name: string) => boolean): string {
  let kept = ''
  for (let at = 0; at < header.length; ) {
    const semicolon = header.indexOf(';', at)
    const end = semicolon === -1 ? header.length : semicolon
    const equals = header.indexOf('=', at)
    const name = trimBlanks(header, at, equals === -1 || equals > end ? end : equals)
    if (!isOwn(name)) {
      const pair = trimBlanks(header, at, end)
      if (pair !== '') kept += kept === '' ? pair : `; ${pair}`
    }
    at = end + 1
  }
  return kept
}

export interface CookieAttributes {
  readonly isSecure: boolean
  /** `Strict` unless the cookie has to survive the way back from another site: `Lax` by link, `None` by form. */
  readonly sameSite?: 'Strict' | 'Lax' | 'None'
  /** Without it the cookie goes with the browser's session. */
  readonly maxAgeSeconds?: number
}

/** A Set-Cookie value. @throws {TypeError} when the value holds what no cookie may (RFC 6265 §4.1.1) */
export function serializeCookie(name: string, value: string, attributes: CookieAttributes): string {
  if (!/^[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*$/.test(value)) throw new TypeError(`not a cookie value, for ${name}`)
  const life = attributes.maxAgeSeconds === undefined ? '' : `; Max-Age=${attributes.maxAgeSeconds}`
  const secure = attributes.isSecure ? '; Secure' : ''
  return `${name}=${value}; Path=/${life}; HttpOnly${secure}; SameSite=${attributes.sameSite ?? 'Strict'}`
}

/** A Set-Cookie value that makes the browser forget a cookie of ours. */
export function clearCookie(name: string, attributes: { readonly isSecure: boolean }): string {
  return serializeCookie(name, '', { isSecure: attributes.isSecure, maxAgeSeconds: 0 })
}

function startsCookie(header: string, at: number): boolean {
  let before = at - 1
  while (before >= 0 && isBlank(header.charCodeAt(before))) before--
  return before < 0 || header.charCodeAt(before) === 0x3b
}

function skipBlanks(header: string, at: number): number {
  let next = at
  while (isBlank(header.charCodeAt(next))) next++
  return next
}

function trimBlanks(text: string, from: number, to: number): string {
  const start = Math.min(skipBlanks(text, from), to)
  let end = to
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--
  return text.slice(start, end)
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09
}
