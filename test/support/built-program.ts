import { execFile } from 'node:child_process'
import { cp, mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { projectRoot } from './project-files.ts'

/** The program as JavaScript, in a folder of its own: `dist/` may be old, or not there. */
export interface BuiltProgram {
  /** What Node is given to run. */
  readonly main: string
  remove(): Promise<void>
}

/** Builds it as `npm run build` does. */
export async function buildProgram(): Promise<BuiltProgram> {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-built-'))
  const compiler = join(projectRoot, 'node_modules/.bin/tsc')
  const options = ['-p', join(projectRoot, 'tsconfig.json'), '--declaration', 'false', '--outDir', join(folder, 'dist')]
  const remove = () => rm(folder, { recursive: true, force: true })
  try {
    await promisify(execFile)(process.execPath, [compiler, ...options])
  } catch (error) {
    await remove()
    throw error
  }
  await cp(join(projectRoot, 'package.json'), join(folder, 'package.json'))
  await symlink(join(projectRoot, 'node_modules'), join(folder, 'node_modules'))
  return { main: join(folder, 'dist/cli/main.js'), remove }
}
