/** How often a path is decoded to see what a server behind us might make of it. Nobody encodes more often than this. */
const maxDepth = 4

const percent = 0x25

/**
 * The other ways in which a server might read a path: decoded once, twice and so on, each also with path
 * parameters (`;v=1`) taken out and repeated slashes merged, as several application servers do.
 *
 * Decoded bytes above 0x7F stand as one character each. Empty for a path that can only be read in one way.
 *
 * @returns null when decoding does not come to an end after four times
 */
export function pathReadings(path: string): string[] | null {
  const readings: string[] = []
  let reading = path
  for (let depth = 0; depth <= maxDepth; depth++) {
    const bare = mergeSlashes(withoutParameters(reading))
    if (bare !== reading) readings.push(bare)

    const decoded = decodePercent(reading)
    if (decoded === reading) return readings
    readings.push(decoded)
    reading = decoded
  }
  return null
}

/** Decodes each well-formed `%XX` once, to the character of that code; everything else stays. */
export function decodePercent(text: string): string {
  let at = text.indexOf('%')
  if (at === -1) return text

  let decoded = ''
  let copied = 0
  for (; at !== -1; at = text.indexOf('%', at)) {
    const byte = percentByte(text, at)
    if (byte === -1) {
      at += 1
      continue
    }
    decoded += text.slice(copied, at) + String.fromCharCode(byte)
    at += 3
    copied = at
  }
  return copied === 0 ? text : decoded + text.slice(copied)
}

/** The byte that the `%XX` at `at` stands for; -1 when it is not well-formed. */
export function percentByte(text: string, at: number): number {
  if (text.charCodeAt(at) !== percent) return -1
  const high = hexDigit(text.charCodeAt(at + 1))
  const low = hexDigit(text.charCodeAt(at + 2))
  return high === -1 || low === -1 ? -1 : high * 16 + low
}

/** The value of a hexadecimal digit, -1 for another character and for the end of the text (NaN). */
function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30
  const lower = code | 0x20
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1
}

function withoutParameters(path: string): string {
  let at = path.indexOf(';')
  if (at === -1) return path

  let kept = ''
  let from = 0
  while (at !== -1) {
    kept += path.slice(from, at)
    const slash = path.indexOf('/', at)
    if (slash === -1) return kept
    from = slash
    at = path.indexOf(';', slash)
  }
  return kept + path.slice(from)
}

function mergeSlashes(path: string): string {
  if (!path.includes('//')) return path
  let merged = ''
  for (let i = 0; i < path.length; i++) {
    if (path[i] !== '/' || path[i - 1] !== '/') merged += path[i]
  }
  return merged
}
