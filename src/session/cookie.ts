import { createHmac, createSecretKey, timingSafeEqual } from 'node:crypto'
import { parseCredential } from './credential.ts'
import { createRecent } from './recent.ts'
import type { Credential } from './session.ts'

/**
 * Creates the reader of session cookies on the proxied path: the same cookie that express-session signs
 * on our own endpoints, without running express-session (docs/decisions/002).
 *
 * One presented cookie gives the same Credential object each time, so that what was opened for it can be
 * remembered beside it.
 *
 * @returns a function from the raw cookie value to its credential; null when the signature is not ours or
 *   what it signs is no credential. The two are not told apart.
 */
export function createCookieReader(deps: {
  readonly keys: readonly string[]
  readonly now: () => number
}): (raw: string) => Credential | null {
  const keys = deps.keys.map(key => createSecretKey(key, 'utf8'))
  // Bounded: about 10 KB for each entry with what hangs on it, gone after two minutes without use.
  const recent = createRecent<Credential>({ limit: 8192, generationMs: 60_000, now: deps.now })

  function verify(raw: string): Credential | null {
    const signed = decode(raw)
    if (signed === null || !signed.startsWith('s:')) return null
    const dot = signed.lastIndexOf('.')
    const value = signed.slice(2, dot)
    const given = Buffer.from(signed.slice(dot + 1))
    for (const key of keys) {
      // As cookie-signature does it: HMAC-SHA-256, base64 without padding.
      const expected = Buffer.from(createHmac('sha256', key).update(value).digest('base64').replaceAll('=', ''))
      if (given.length === expected.length && timingSafeEqual(given, expected)) return parseCredential(value)
    }
    return null
  }

  return function readCookie(raw) {
    const known = recent.get(raw)
    if (known !== undefined) return known
    if (raw.length > longestCookie) return null
    const credential = verify(raw)
    if (credential !== null) recent.set(raw, credential)
    return credential
  }
}

// `s:`, a credential (at most 89 characters), a dot and a signature (43), each character perhaps escaped.
const longestCookie = 420

function decode(raw: string): string | null {
  if (!raw.includes('%')) return raw
  try {
    return decodeURIComponent(raw)
  } catch {
    return null
  }
}
