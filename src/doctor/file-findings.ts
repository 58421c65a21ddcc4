import { statSync } from 'node:fs'
import { type Finding, ok, warning } from './finding.ts'

const readableByOthers = 0o004

/** Looks at who may read the files that hold secrets. */
export function findingsOfFiles(files: readonly { readonly file: string; readonly option: string }[]): readonly Finding[] {
  const open = files.filter(({ file }) => ((statSync(file, { throwIfNoEntry: false })?.mode ?? 0) & readableByOthers) !== 0)
  if (open.length > 0) return open.map(({ option }) => warning(option, 'its file may be read by everybody on this machine: chmod o-r'))
  return files.length === 0 ? [] : [ok('files', 'no secret can be read by everybody on this machine')]
}
