import { isUtf8 } from 'node:buffer'
import { GatewayError } from '../errors.ts'
import { pathReadings, percentByte } from './path-readings.ts'

/** Bytes of path and query together. RFC 9110 §4.1 asks for at least 8000. */
const maxTargetBytes = 8192

export interface CanonicalPath {
  readonly path: string
  /** With its `?`; empty when there is none. */
  readonly query: string
  readonly hasEncodedSlash: boolean
}

const plain = 0
const slash = 1
const needsReading = 2
const endsPath = 3
const refused = 4

/** What each character means in a path. Those above 0x7F, raw, are refused with the controls. */
const pathClass = new Uint8Array(256).fill(refused, 0, 0x21).fill(refused, 0x7f)
pathClass[0x2f] = slash
pathClass[0x25] = needsReading // %
pathClass[0x3b] = needsReading // ;
pathClass[0x3f] = endsPath // ?
pathClass[0x23] = refused // #: a fragment never belongs in a request
pathClass[0x5c] = refused // \: a slash to some servers

/**
 * Takes an origin-form request target apart, byte for byte, and refuses what two programs could read in two
 * ways (contract.md section 8): dot segments, empty segments, backslashes, `#`, controls and NUL, each raw
 * or encoded, broken percent-encoding and invalid UTF-8. Nothing is ever normalised.
 *
 * @param target as in the request line, one character per byte
 * @throws {GatewayError} `ambiguous_path`; `uri_too_long` over 8 KiB; `bad_request` when it is no path at all
 */
export function canonicalPath(target: string): CanonicalPath {
  if (target.length > maxTargetBytes) throw new GatewayError('uri_too_long', 'the request target is over 8 KiB')
  if (target.charCodeAt(0) !== 0x2f) throw new GatewayError('bad_request', 'the request target is not a path', { reason: 'target_form' })

  let segmentAt = 1
  let mayReadOtherwise = false
  let end = 1
  for (; end < target.length; end++) {
    const code = target.charCodeAt(end)
    const kind = code > 0xff ? refused : pathClass[code]
    if (kind === plain) continue
    if (kind === slash) {
      if (end === segmentAt) throw ambiguous({ reason: 'empty_segment' })
      if (isDotSegment(target, segmentAt, end)) throw ambiguous({ reason: 'dot_segment' })
      segmentAt = end + 1
    } else if (kind === needsReading) mayReadOtherwise = true
    else if (kind === endsPath) break
    else throw ambiguous({ reason: 'character' })
  }
  if (isDotSegment(target, segmentAt, end)) throw ambiguous({ reason: 'dot_segment' })

  const path = end === target.length ? target : target.slice(0, end)
  const query = end === target.length ? '' : target.slice(end)
  if (query !== '') checkQuery(query)
  return { path, query, hasEncodedSlash: mayReadOtherwise && checkReadings(path) }
}

/** Passes everything a browser puts into a query; only what cannot stand in a request line is refused. */
function checkQuery(query: string): void {
  for (let i = 0; i < query.length; i++) {
    const code = query.charCodeAt(i)
    if (code <= 0x20 || code >= 0x7f || code === 0x23) throw ambiguous({ reason: 'query_character' })
  }
}

/** Looks at a path with `%` or `;` as servers behind us might. Returns whether a slash hides in it. */
function checkReadings(path: string): boolean {
  checkEncoding(path)
  const readings = pathReadings(path)
  if (readings === null) throw ambiguous({ reason: 'encoded_too_often' })

  const slashes = countSlashes(path)
  let hasEncodedSlash = false
  for (const reading of readings) {
    if (reading.includes('\\') || reading.includes('\0')) throw ambiguous({ reason: 'encoded_character' })
    let segmentAt = 1
    for (let next = reading.indexOf('/', 1); next !== -1; next = reading.indexOf('/', segmentAt)) {
      if (isDotSegment(reading, segmentAt, next)) throw ambiguous({ reason: 'dot_segment' })
      segmentAt = next + 1
    }
    if (isDotSegment(reading, segmentAt, reading.length)) throw ambiguous({ reason: 'dot_segment' })

    if (countSlashes(reading) > slashes) hasEncodedSlash = true
  }
  return hasEncodedSlash
}

/** The first decoding is the one that every server does: it must be valid UTF-8 without controls. */
function checkEncoding(path: string): void {
  const bytes = Buffer.allocUnsafe(path.length)
  let length = 0
  for (let i = 0; i < path.length; i++) {
    const code = path.charCodeAt(i)
    if (code !== 0x25) {
      bytes[length++] = code
      continue
    }
    const byte = percentByte(path, i)
    if (byte === -1) throw ambiguous({ reason: 'percent_encoding' })
    if (byte < 0x20 || byte === 0x7f || byte === 0x23) throw ambiguous({ reason: 'encoded_character' })
    bytes[length++] = byte
    i += 2
  }
  if (!isUtf8(bytes.subarray(0, length))) throw ambiguous({ reason: 'utf8' })
}

function isDotSegment(text: string, from: number, to: number): boolean {
  const length = to - from
  if (length === 1) return text.charCodeAt(from) === 0x2e
  return length === 2 && text.charCodeAt(from) === 0x2e && text.charCodeAt(from + 1) === 0x2e
}

function countSlashes(text: string): number {
  let count = 0
  for (let at = text.indexOf('/'); at !== -1; at = text.indexOf('/', at + 1)) count++
  return count
}

function ambiguous(why: { readonly reason: string }): GatewayError {
  return new GatewayError('ambiguous_path', 'the request target can be read in more than one way', why)
}
