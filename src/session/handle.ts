import { crc32 } from 'node:zlib'
import { formatCredential, parseCredential } from './credential.ts'
import { createRecent } from './recent.ts'
import type { Credential } from './session.ts'

/** What every handle begins with, so that people and secret scanners know one when they see it. */
const handlePrefix = 'spt_'

const checksumLength = 6
const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

/**
 * What a native client presents: `spt_`, the credential, and six characters that are its CRC-32 in base 62. The checksum
 * proves nothing; it lets a scanner tell a handle from what only looks like one, without asking.
 */
export function formatHandle(credential: Credential): string {
  const text = handlePrefix + formatCredential(credential)
  return text + checksumOf(text)
}

/** Reads a handle; null for anything that is not exactly one. */
export function parseHandle(text: string): Credential | null {
  const end = text.length - checksumLength
  if (!text.startsWith(handlePrefix) || checksumOf(text.slice(0, end)) !== text.slice(end)) return null
  return parseCredential(text.slice(handlePrefix.length, end))
}

/** Whether an Authorization header brings a handle, a good one or not. */
export function bringsHandle(authorization: string | undefined): authorization is string {
  return authorization !== undefined && /^bearer +spt_/i.test(authorization)
}

/**
 * Creates the reader of handles in Authorization headers. Like that of cookies it gives one object for one header, so
 * that what was opened for it can be remembered beside it.
 *
 * @returns a function from a header that `bringsHandle` to its credential; null when it is malformed
 */
export function createHandleReader(deps: { readonly now: () => number }): (authorization: string) => Credential | null {
  const recent = createRecent<Credential>({ limit: 8192, generationMs: 60_000, now: deps.now })

  return function readHandle(authorization) {
    const known = recent.get(authorization)
    if (known !== undefined) return known
    if (authorization.length > longestHeader) return null
    const credential = parseHandle(authorization.slice(authorization.lastIndexOf(' ') + 1))
    if (credential !== null) recent.set(authorization, credential)
    return credential
  }
}

// The scheme, some spaces, the prefix, a credential (at most 89 characters) and the checksum.
const longestHeader = 128

function checksumOf(text: string): string {
  let rest = crc32(text)
  let checksum = ''
  for (let at = 0; at < checksumLength; at += 1) {
    checksum = digits[rest % digits.length] + checksum
    rest = Math.floor(rest / digits.length)
  }
  return checksum
}
