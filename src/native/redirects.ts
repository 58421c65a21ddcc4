import type { NativeClient } from '../config/native-config.ts'
import { readLoopback } from '../config/redirect-form.ts'

/**
 * Whether an answer for a client may go to a redirect URI (RFC 8252 §7). Judged on the raw text: of a loopback address
 * only the port is the program's to choose, and it must be written; everything else is the same to the byte.
 */
export function mayRedirect({ redirects }: Pick<NativeClient, 'redirects'>, uri: string): boolean {
  const asked = readLoopback(uri)
  // The word stands for addresses, and is none.
  if (asked === null) return uri !== 'loopback' && !uri.startsWith('http:') && redirects.includes(uri)
  if (asked.port === null) return false
  // `loopback` stands for the two addresses that are this machine whatever a name server says (RFC 8252 §8.3).
  if (asked.host !== 'localhost' && redirects.includes('loopback')) return true
  return redirects.includes(`http://${asked.host}${asked.path}`)
}

/** Where an answer goes, in words that a person can check. */
export type Destination =
  | { readonly kind: 'loopback'; readonly port: number }
  | { readonly kind: 'site'; readonly host: string }
  | { readonly kind: 'application'; readonly scheme: string }

/** @param uri that `mayRedirect` lets through */
export function describeDestination(uri: string): Destination {
  const asked = readLoopback(uri)
  if (asked !== null) return { kind: 'loopback', port: asked.port ?? 80 }
  if (uri.startsWith('https:')) return { kind: 'site', host: new URL(uri).host }
  return { kind: 'application', scheme: uri.slice(0, uri.indexOf(':')) }
}
