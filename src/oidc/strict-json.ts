// Metadata, key sets and tokens nest three or four levels.
const deepest = 32

const quote = 0x22
const backslash = 0x5c

/**
 * Reads JSON that has one meaning only, whoever reads it: bytes that are UTF-8, no object with two members of
 * one name, nothing nested deeper than 32 levels (META-08, IDT-16).
 *
 * @returns the value, which is never undefined; undefined when the bytes are no such JSON
 */
export function readStrictJson(bytes: Uint8Array): unknown {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    return hasOneMeaning(text) ? JSON.parse(text) : undefined
  } catch {
    return undefined
  }
}

/** Looks at names and nesting alone; what else may be wrong is for the parser, which comes after it and cannot be nested to death. */
function hasOneMeaning(text: string): boolean {
  // One set of names for each object that is open, null for an array.
  const open: (Set<string> | null)[] = []
  for (let index = 0; index < text.length; index += 1) {
    const character = text[index]
    if (character === '{' || character === '[') {
      open.push(character === '{' ? new Set() : null)
      if (open.length > deepest) return false
    } else if (character === '}' || character === ']') {
      open.pop()
    } else if (character === '"') {
      const end = endOfString(text, index)
      const names = open.at(-1)
      if (names !== undefined && names !== null && isName(text, end)) {
        const name: string = JSON.parse(text.slice(index, end))
        if (names.has(name)) return false
        names.add(name)
      }
      index = end - 1
    }
  }
  return true
}

/** The place after the closing quote, or the text's end. */
function endOfString(text: string, start: number): number {
  let index = start + 1
  while (index < text.length && text.charCodeAt(index) !== quote) index += text.charCodeAt(index) === backslash ? 2 : 1
  return index + 1
}

function isName(text: string, end: number): boolean {
  let index = end
  while (' \t\r\n'.includes(text[index] ?? 'x')) index += 1
  return text[index] === ':'
}
