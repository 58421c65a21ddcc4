import { isIPv4 } from 'node:net'

/** Whether a host, as `URL.hostname` or a socket address writes it, is this machine and no other (RFC 6761 §6.3). */
export function isLoopback(host: string): boolean {
  if (host === 'localhost' || host.endsWith('.localhost')) return true
  if (host === '[::1]' || host === '::1') return true
  return isIPv4(host) && host.startsWith('127.')
}

/** Whether what listens at one address keeps the other from listening, or stands beside it on this machine. */
export function overlap(one: string, other: string): boolean {
  return one === other || [one, other].some(host => host === '0.0.0.0' || host === '::') || (isLoopback(one) && isLoopback(other))
}

/** Where the public port is when nobody says so: cookies without Secure keep it on this machine (CKE-16). */
export function defaultListenHost(cookie: { readonly insecure: boolean } | undefined): string {
  return cookie?.insecure === true ? '127.0.0.1' : '0.0.0.0'
}

/**
 * What is wrong with a text that should be an origin as the URL standard serialises it; null when nothing is.
 *
 * Only that one spelling is taken: origins are compared as texts later, by us and by browsers.
 */
export function originProblem(text: string): string | null {
  const url = URL.parse(text)
  if (url === null || (url.protocol !== 'https:' && url.protocol !== 'http:')) {
    return 'must be an origin: https:// (or http://), a host and, if need be, a port'
  }
  if (url.username !== '' || url.password !== '') return 'must not hold a user name or password'
  if (!/^([a-z0-9_-]+(\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])$/.test(url.hostname))
    return 'must name one host, without wildcards or a dot at the end'
  if (text !== url.origin) return `must be the bare origin, without a path, a query or the default port: write ${url.origin}`
  return null
}

/** What is wrong with a URL over which secrets or identities travel; null when nothing is. RFC 8414 §2. */
export function httpsProblem(text: string): string | null {
  const url = URL.parse(text)
  if (url === null) return 'must be a URL'
  if (url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url.hostname))) return null
  return 'must be https; http is only for this machine itself (localhost, 127.0.0.1, [::1])'
}
