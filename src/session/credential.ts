import { hash, timingSafeEqual } from 'node:crypto'
import type { Credential } from './session.ts'

/** Where secrets come from: `randomBytes` of node:crypto, or a test's own. */
export type Random = (size: number) => Buffer

/** The member that every family has. */
export const rootMember = '0'

const familyIdLength = 22
const secretLength = 43
const longestMember = 22

/** A credential for the root of a new family. */
export function createCredential(random: Random): Credential {
  return { familyId: randomToken(random, 16), member: rootMember, secret: randomToken(random, 32) }
}

/** `<family id>.<member>.<secret>`: the form that holders present. */
export function formatCredential(credential: Credential): string {
  return `${credential.familyId}.${credential.member}.${credential.secret}`
}

/**
 * Reads a credential, or gives null for anything that is not exactly one. What passes is safe to build
 * store keys from (RDS-10).
 */
export function parseCredential(text: string): Credential | null {
  if (text.length > familyIdLength + longestMember + secretLength + 2) return null
  const parts = text.split('.')
  const [familyId, member, secret] = parts
  if (parts.length !== 3 || familyId === undefined || member === undefined || secret === undefined) return null
  if (!isFamilyId(familyId) || secret.length !== secretLength) return null
  if (member.length === 0 || member.length > longestMember) return null
  if (!isBase64Url(member) || !isBase64Url(secret)) return null
  return { familyId, member, secret }
}

/** `session_id`: the family's id for the root, `<family id>.<member>` for another. */
export function sessionIdOf({ familyId, member }: Pick<Credential, 'familyId' | 'member'>): string {
  return member === rootMember ? familyId : `${familyId}.${member}`
}

/** Reads a session's id, or gives null for what can be none. */
export function parseSessionId(text: string): Pick<Credential, 'familyId' | 'member'> | null {
  const [familyId = '', member, ...more] = text.split('.')
  if (!isFamilyId(familyId) || more.length > 0) return null
  if (member === undefined) return { familyId, member: rootMember }
  // Each session has one id: the root's has no dot.
  const isMember = member !== rootMember && member.length > 0 && member.length <= longestMember && isBase64Url(member)
  return isMember ? { familyId, member } : null
}

/** Whether text can be a family's id: what passes is safe in a store key. */
function isFamilyId(text: string): boolean {
  return text.length === familyIdLength && isBase64Url(text)
}

/** What a session record keeps of the secret: SHA-256, base64url. */
export function hashSecret(secret: string): string {
  return hash('sha256', secret, 'base64url')
}

/** Whether the secret is the one that was hashed, in constant time. */
export function secretFits(secret: string, secretHash: string): boolean {
  const given = Buffer.from(hashSecret(secret))
  const known = Buffer.from(secretHash)
  return given.length === known.length && timingSafeEqual(given, known)
}

/** `size` random bytes as base64url: 16 bytes are 22 characters, 32 bytes are 43. */
export function randomToken(random: Random, size: number): string {
  return random(size).toString('base64url')
}

/** Whether every character is one of base64url's. */
export function isBase64Url(text: string): boolean {
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index)
    const isDigit = code >= 48 && code <= 57
    const isLetter = (code >= 65 && code <= 90) || (code >= 97 && code <= 122)
    if (!isDigit && !isLetter && code !== 45 && code !== 95) return false
  }
  return true
}
