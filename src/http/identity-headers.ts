/** Who a request is for, as far as an upstream may be told. */
export interface Person {
  readonly provider: string
  readonly sub: string
  /** The native client that acts for them, and all that act, the first first; null and none for a browser. */
  readonly clientId: string | null
  readonly actors: readonly string[]
  readonly claims: Readonly<Record<string, unknown>>
}

/** Bytes of one value, and of all together: upstreams commonly refuse heads over 8 KiB with an answer nobody understands. */
const maxValueBytes = 4096
const maxTotalBytes = 6144

/**
 * Adds a route's identity headers to a raw header list.
 *
 * Values are percent-encoded UTF-8: `%`, controls and all beyond ASCII, so that `decodeURIComponent` gives
 * the claim back. Lists are joined with commas; a comma inside an element is encoded, so that no element can
 * be taken for two. A claim that is missing, empty, an object or too large gives no header at all: half a
 * list of groups would be a lie.
 *
 * @param headers header name to claim name, as name, claim, …
 */
export function addIdentityHeaders(list: string[], headers: readonly string[], person: Person): void {
  let total = 0
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] ?? ''
    const value = headerValue(readClaim(person, headers[i + 1] ?? ''))
    if (value === '' || value.length > maxValueBytes || total + value.length > maxTotalBytes) continue
    total += value.length
    list.push(name, value)
  }
}

function readClaim(person: Person, claim: string): unknown {
  if (claim === 'sub') return person.sub
  if (claim === 'provider') return person.provider
  if (claim === 'client_id') return person.clientId
  if (claim === 'act') return person.actors
  return Object.hasOwn(person.claims, claim) ? person.claims[claim] : undefined
}

function headerValue(value: unknown): string {
  if (typeof value === 'string') return encode(value, false)
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  if (!Array.isArray(value)) return ''
  const elements: string[] = []
  for (const element of value) {
    if (typeof element === 'string') elements.push(encode(element, true))
    else if (typeof element === 'number' || typeof element === 'boolean') elements.push(String(element))
  }
  return elements.join(',')
}

function encode(text: string, isElement: boolean): string {
  if (isPlain(text, isElement)) return text
  let encoded = ''
  for (const byte of Buffer.from(text, 'utf8')) {
    if (byte > 0x20 && byte < 0x7f && byte !== 0x25 && !(isElement && byte === 0x2c)) encoded += String.fromCharCode(byte)
    else encoded += `%${byte < 16 ? '0' : ''}${byte.toString(16).toUpperCase()}`
  }
  return encoded
}

/** Whether a value can stand as it is. A space may, but not at an end, where parsers take it away. */
function isPlain(text: string, isElement: boolean): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === 0x20 && i > 0 && i < text.length - 1) continue
    if (code <= 0x20 || code >= 0x7f || code === 0x25 || (isElement && code === 0x2c)) return false
  }
  return true
}
