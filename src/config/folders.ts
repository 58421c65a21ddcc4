import { statSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Draft } from './draft.ts'
import type { ConfigPath, Mistake } from './mistakes.ts'
import type { ReferenceDeps } from './references.ts'

/** The folders of routes that serve files, absolute, by the route's position. */
export type Folders = ReadonlyMap<number, string>

/** Finds the folders that routes serve, relative to the file in which they stand. They must be there at the start. */
export function readFolders({ routes }: Draft, deps: Pick<ReferenceDeps, 'baseDirOf'>): { folders: Folders; mistakes: readonly Mistake[] } {
  const folders = new Map<number, string>()
  const mistakes: Mistake[] = []
  for (const [i, { upstream }] of routes) {
    if (upstream?.static === undefined) continue
    const path: ConfigPath = ['routes', i, 'upstream', 'static']
    const folder = resolve(deps.baseDirOf(path), upstream.static)
    folders.set(i, folder)
    if (!isThere(folder, 'isDirectory'))
      mistakes.push({ path, message: 'is not a folder that can be read: build it first, or correct the path' })
    else if (upstream.fallback !== undefined && !isThere(resolve(folder, upstream.fallback), 'isFile'))
      mistakes.push({ path: ['routes', i, 'upstream', 'fallback'], message: 'is not a file in the folder' })
  }
  return { folders, mistakes }
}

function isThere(path: string, kind: 'isDirectory' | 'isFile'): boolean {
  try {
    return statSync(path)[kind]()
  } catch {
    return false
  }
}
