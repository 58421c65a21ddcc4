import { readStrictJson } from './strict-json.ts'

/** What a signed JWT says, as long as nobody has looked at its signature. */
export interface JwtParts {
  readonly header: Readonly<Record<string, unknown>>
  readonly payload: Readonly<Record<string, unknown>>
}

/** Reads a JWT of three parts; null when it is none, or its JSON has more than one meaning. */
export function readJwt(jwt: string): JwtParts | null {
  const header = readPart(jwt, 0)
  const payload = payloadOf(jwt)
  return jwt.split('.').length === 3 && isObject(header) && isObject(payload) ? { header, payload } : null
}

/**
 * What keeps a JWT from being an ID token or UserInfo, before anybody looks at its signature; null when nothing
 * does: it is another kind of token (RFC 8725 §3.11, IDT-13), or can be read in two ways.
 */
export function jwtFault(jwt: string): 'form' | 'crit' | 'typ' | 'events' | null {
  const parts = readJwt(jwt)
  if (parts === null) return 'form'
  const { header, payload } = parts
  // We know none of the extensions that must be understood, and the one that our library knows has no place in a JWT
  // (RFC 7515 §4.1.11, RFC 7797 §7): it changes what was signed.
  if (header.crit !== undefined) return 'crit'
  // Access tokens, logout tokens and client assertions say so here; ID tokens say JWT, or nothing.
  if (header.typ !== undefined && !/^(application\/)?jwt$/i.test(String(header.typ))) return 'typ'
  // Of logout tokens and other security events (RFC 8417 §2.2).
  return payload.events === undefined ? null : 'events'
}

/** The claims of a JWT whose signature nobody has looked at; undefined when they are not JSON of one meaning. */
export function payloadOf(jwt: string): unknown {
  return readPart(jwt, 1)
}

function readPart(jwt: string, position: 0 | 1): unknown {
  return readStrictJson(Buffer.from(jwt.split('.')[position] ?? '', 'base64url'))
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
