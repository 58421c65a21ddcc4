import { type Document, isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument, visit, type YAMLError } from 'yaml'
import type { ConfigPath, Mistake } from './mistakes.ts'
import { readText } from './outside.ts'

/** One configuration file, read. */
export interface ConfigSource {
  readonly file: string
  /** Plain data; undefined for a file that is empty or cannot be used, and then `mistakes` says why. */
  readonly value: unknown
  readonly mistakes: readonly Mistake[]
  /** Where a path stands in this file: its key, or the list's item. Null when the file does not have it. */
  locate(path: ConfigPath): Position | null
}

export interface Position {
  readonly line: number
  readonly column: number
}

// Far more than anybody writes by hand; few enough that aliases of aliases cannot fill the memory.
const maxAliasCount = 50

/** Reads a YAML 1.2 file (JSON is YAML too). Never throws: what is wrong is in `mistakes`. */
export function readSource(file: string): ConfigSource {
  const text = readText(file)
  if ('problem' in text) return unusable(file, [{ path: [], file, message: text.problem }])
  return parseSource(file, text.value)
}

/** As {@link readSource}, from the file's text. */
export function parseSource(file: string, text: string): ConfigSource {
  const lines = new LineCounter()
  const mistakeAt = (offset: number, message: string): Mistake => ({ path: [], file, ...position(lines, offset), message })
  try {
    const document = parseDocument(text, {
      schema: 'core',
      strict: true,
      uniqueKeys: true,
      stringKeys: true,
      prettyErrors: false,
      lineCounter: lines,
    })
    const dangling = danglingAliases(document)
    const mistakes = [
      ...tellErrors(document).map(error => mistakeAt(error.pos[0], sentenceFor(error))),
      ...dangling.map(offset => mistakeAt(offset, 'this alias (*name) has no anchor (&name) before it')),
    ]
    if (dangling.length > 0 || document.errors.some(error => error.code !== 'DUPLICATE_KEY')) return unusable(file, mistakes)

    if (document.contents !== null && !isMap(document.contents) && !isEmpty(document.contents)) {
      return unusable(file, [...mistakes, mistakeAt(0, 'must hold options, one `name: value` a line')])
    }
    return {
      file,
      value: isMap(document.contents) ? document.toJS({ maxAliasCount }) : undefined,
      mistakes,
      locate: path => locate(document, lines, path),
    }
  } catch {
    // The parser's recursion, or its refusal of aliases that multiply.
    return unusable(file, [mistakeAt(0, 'is nested too deeply or uses too many aliases to be read')])
  }
}

function unusable(file: string, mistakes: readonly Mistake[]): ConfigSource {
  return { file, value: undefined, mistakes, locate: () => null }
}

/** One slip in the punctuation makes the parser stumble over all that follows: only the first of its errors helps. */
function tellErrors(document: Document.Parsed): YAMLError[] {
  const duplicates = document.errors.filter(error => error.code === 'DUPLICATE_KEY')
  const others = document.errors.filter(error => error.code !== 'DUPLICATE_KEY')
  return [...duplicates, ...others.slice(0, 1), ...document.warnings]
}

/** Where aliases stand that the parser passes and nothing can resolve. */
function danglingAliases(document: Document.Parsed): number[] {
  const offsets: number[] = []
  visit(document, {
    Alias(_key, alias) {
      if (alias.resolve(document) === undefined) offsets.push(alias.range?.[0] ?? 0)
    },
  })
  return offsets
}

/** By code and not by message: the parser's messages may quote the line, and a secret may stand in it. */
function sentenceFor(error: YAMLError): string {
  switch (error.code) {
    case 'DUPLICATE_KEY':
      return 'this name stands here twice: remove one of the two'
    case 'TAB_AS_INDENT':
      return 'is indented with a tab: use spaces'
    case 'BAD_INDENT':
      return 'is not indented like its neighbours, or a bracket before it is still open'
    case 'MULTIPLE_DOCS':
      return 'a second document begins here: remove the --- line'
    case 'TAG_RESOLVE_FAILED':
      return 'tags (!name) are not used here: write the plain value'
    case 'MISSING_CHAR':
      return 'is not valid YAML: a closing quote, bracket or comma, or a space after a colon is missing'
    case 'BAD_SCALAR_START':
      return 'a value cannot start with this character: put it in quotes'
    case 'NON_STRING_KEY':
      return 'names must be plain text'
    default:
      return 'is not valid YAML: check the quotes, brackets and indentation here and in the line before'
  }
}

function locate(document: Document.Parsed, lines: LineCounter, path: ConfigPath): Position | null {
  let node: Node | null = document.contents
  let offset = node?.range?.[0] ?? 0
  for (const part of path) {
    if (isAlias(node)) node = node.resolve(document) ?? null
    if (typeof part === 'number' && isSeq(node) && node.items[part] !== undefined) {
      node = node.items[part] as Node
      offset = node.range?.[0] ?? offset
    } else if (typeof part === 'string' && isMap(node)) {
      // The last one, as in the data, when a name stands there twice.
      const pair = node.items.findLast(item => isScalar(item.key) && String(item.key.value) === part)
      if (pair === undefined) return null
      offset = (pair.key as Node).range?.[0] ?? offset
      node = pair.value as Node | null
    } else return null
  }
  return position(lines, offset)
}

function position(lines: LineCounter, offset: number): Position {
  const { line, col } = lines.linePos(offset)
  return { line: Math.max(line, 1), column: Math.max(col, 1) }
}

function isEmpty(node: Node): boolean {
  return isScalar(node) && node.value === null
}
