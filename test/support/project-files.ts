import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** The project's root folder. */
export const projectRoot = join(import.meta.dirname, '../..')

/** The text of a file of the project. */
export function readProjectFile(file: string): string {
  return readFileSync(join(projectRoot, file), 'utf8')
}

/**
 * The project's files as paths from its root, sorted: all but what .gitignore names.
 *
 * Read from the folders and not from git, so that a file is judged before it is committed.
 */
export function projectFiles(under = ''): string[] {
  const ignored = ignoredNames()
  const found: string[] = []
  const visit = (folder: string) => {
    for (const entry of readdirSync(join(projectRoot, folder), { withFileTypes: true })) {
      if (ignored.has(entry.name) || entry.name.endsWith('.log')) continue
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`
      if (entry.isDirectory()) visit(path)
      else if (entry.isFile()) found.push(path)
    }
  }
  visit(under)
  return found.sort()
}

function ignoredNames(): Set<string> {
  const folders = readProjectFile('.gitignore').match(/^[^*\n]+(?=\/?$)/gm) ?? []
  return new Set(['.git', ...folders])
}
