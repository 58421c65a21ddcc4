import { readProjectFile } from './project-files.ts'

/** Commands that a page shows, as one block: what a reader copies. */
export interface DocumentedCommands {
  /** `docs/operations.md:8`, the line of its first command. */
  readonly place: string
  /** The block as it stands there. */
  readonly text: string
}

/** The blocks of shell commands of a page, in order. */
export function documentedCommands(file: string): readonly DocumentedCommands[] {
  return blocksOf(file, 'sh').map(({ line, text }) => ({ place: `${file}:${line}`, text }))
}

/** What stands in the blocks of a page that have no language: what a program says. */
export function documentedOutput(file: string): readonly string[] {
  return blocksOf(file, '').map(({ text }) => text)
}

/** Commands in the running text that begin with a word: `sallyport doctor`. */
export function namedCommands(file: string, first: string): readonly DocumentedCommands[] {
  return readProjectFile(file)
    .split('\n')
    .flatMap((line, at) =>
      [...line.matchAll(/`([^`]+)`/g)].flatMap(([, text = '']) =>
        text.startsWith(`${first} `) ? [{ place: `${file}:${at + 1}`, text }] : [],
      ),
    )
}

function blocksOf(file: string, language: string) {
  const blocks: { line: number; text: string }[] = []
  let open: { language: string; line: number; lines: string[] } | null = null
  for (const [at, text] of readProjectFile(file).split('\n').entries()) {
    const fence = /^```(.*)$/.exec(text)
    if (fence === null) open?.lines.push(text)
    else if (open === null) open = { language: fence[1] ?? '', line: at + 2, lines: [] }
    else {
      if (open.language === language) blocks.push({ line: open.line, text: open.lines.join('\n') })
      open = null
    }
  }
  return blocks
}
