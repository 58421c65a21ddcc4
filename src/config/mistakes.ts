/** Where an option stands in the configuration: keys and list positions from the outermost in. */
export type ConfigPath = readonly (string | number)[]

/** One thing wrong with the configuration, and what to do about it. Names options, never their values. */
export interface Mistake {
  readonly path: ConfigPath
  readonly message: string
  readonly file?: string
  /** From 1; only together with `column`. */
  readonly line?: number
  readonly column?: number
}

/** A configuration that was refused. Holds everything that is wrong with it, in the order of the files. */
export class ConfigError extends Error {
  override name = 'ConfigError'
  readonly mistakes: readonly Mistake[]

  constructor(mistakes: readonly Mistake[]) {
    const count = mistakes.length === 1 ? '1 mistake' : `${mistakes.length} mistakes`
    super([`the configuration has ${count}:`, ...mistakes.map(describeMistake)].join('\n'))
    this.mistakes = mistakes
  }
}

/** One line for a terminal: `gateway.yaml:12:5 routes[1].path: must start with /`. */
export function describeMistake(mistake: Mistake): string {
  const position = mistake.line === undefined ? '' : `:${mistake.line}:${mistake.column}`
  const place = mistake.file === undefined ? '' : `${mistake.file}${position} `
  const path = formatPath(mistake.path)
  return `${place}${path === '' ? '' : `${path}: `}${mistake.message}`
}

/** As operators write it, list positions from 0: `routes[1].timeouts.idle`. */
export function formatPath(path: ConfigPath): string {
  let text = ''
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`
    else text += `${text === '' ? '' : '.'}${printable(part)}`
  }
  return text
}

/** A key is the operator's text and goes to a terminal: no control characters, no endless lines. */
export function printable(text: string): string {
  const visible = text.replace(/[^\x20-\x7e]/g, '?')
  return visible.length > 80 ? `${visible.slice(0, 77)}...` : visible
}

/** Whether a path is the other one or lies under it. */
export function isWithin(path: ConfigPath, outer: ConfigPath): boolean {
  return outer.length <= path.length && outer.every((part, i) => part === path[i])
}
