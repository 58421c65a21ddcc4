import { createHmac, randomBytes } from 'node:crypto'

/** As long as a JWT, and as hard to compress. */
export function makeToken(length: number): string {
  return `eyJ${randomBytes(length).toString('base64url')}`.slice(0, length)
}

export function makeClaims(index: number) {
  return {
    name: `User ${index}`,
    email: `user-${index}@example.com`,
    groups: Array.from({ length: 40 }, (_, group) => `department-${group}`),
  }
}

/** A cookie's value as express-session signs it (cookie-signature): HMAC-SHA-256, base64 without padding. */
export function signCookie(value: string, key: string): string {
  const signature = createHmac('sha256', key).update(value).digest('base64').replaceAll('=', '')
  return encodeURIComponent(`s:${value}.${signature}`)
}

/** 32 bytes, base64url. */
export function makeSecret(): string {
  return randomBytes(32).toString('base64url')
}
