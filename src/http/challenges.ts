/** One challenge of a WWW-Authenticate header: names in lower case, values as they were meant, unquoted. */
export interface Challenge {
  readonly scheme: string
  readonly params: ReadonlyMap<string, string>
}

const space = /[ \t]*/y
const token = /[!#$%&'*+.^_`|~0-9A-Za-z-]+/y
const token68 = /[A-Za-z0-9._~+/-]+=*(?=[ \t]*(?:,|$))/y
const quotedText = /"((?:[^"\\]|\\.)*)"/y

/**
 * Reads the challenges of a WWW-Authenticate header (RFC 9110 §11.6.1): several may stand in one line, with commas
 * between them as between their parameters. It stops at the first thing that is not the grammar, and keeps what came
 * before. What is said twice counts as it was said first.
 */
export function readChallenges(lines: string | readonly string[]): readonly Challenge[] {
  return [lines].flat().flatMap(readLine)
}

function readLine(line: string): Challenge[] {
  const challenges: { scheme: string; params: Map<string, string> }[] = []
  let at = 0

  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at
    const found = pattern.exec(line)
    if (found !== null) at = pattern.lastIndex
    return found
  }

  /** `name = value`; leaves the place as it was where there is none. */
  const takeParam = (into: Map<string, string>): boolean => {
    const start = at
    const name = take(token)?.[0].toLowerCase()
    take(space)
    if (name !== undefined && line[at] === '=') {
      at += 1
      take(space)
      const value = take(quotedText)?.[1]?.replace(/\\(.)/g, '$1') ?? take(token)?.[0]
      if (value !== undefined) {
        if (!into.has(name)) into.set(name, value)
        return true
      }
    }
    at = start
    return false
  }

  for (;;) {
    take(space)
    while (line[at] === ',') {
      at += 1
      take(space)
    }
    const open = challenges.at(-1)
    // Another parameter of the same challenge, or the name of the next.
    if (open === undefined || !takeParam(open.params)) {
      const scheme = take(token)?.[0].toLowerCase()
      if (scheme === undefined) return challenges
      const params = new Map<string, string>()
      challenges.push({ scheme, params })
      take(space)
      if (take(token68) === null) takeParam(params)
    }
    take(space)
    if (line[at] !== ',') return challenges
  }
}
