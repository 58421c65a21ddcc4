import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chmod, mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { projectRoot } from './project-files.ts'
import { filesUnder } from './staged-image.ts'

const run = promisify(execFile)

/** Why a root for the image cannot be made here, if it cannot. */
export const noDpkg = existsSync('/usr/bin/dpkg-query') ? false : 'needs Debian: the libraries are found through dpkg'
/** Why nothing can be started in it, if it cannot. */
export const noChroot = noDpkg || (process.getuid?.() === 0 ? false : 'needs root: nobody else may change the root of a process')

/** Makes the whole root of the image, as the Dockerfile does, out of this machine's Node and libraries. */
export async function stageRoot(): Promise<{ readonly root: string; remove(): Promise<void> }> {
  const root = await mkdtemp(join(tmpdir(), 'sallyport-root-'))
  await run('sh', [join(projectRoot, 'scripts/stage.sh'), join(root, 'app')])
  await run(process.execPath, [join(projectRoot, 'tools/image-root.ts'), root])
  // mkdtemp lets nobody else in; the image's user is somebody else.
  await chmod(root, 0o755)
  await run('chmod', ['-R', 'a+rX,go-w', root])
  return { root, remove: () => rm(root, { recursive: true, force: true }) }
}

/** What starts a program of a root within it, as the image's user. */
export function within(root: string, program: string, ...args: readonly string[]): readonly [string, readonly string[]] {
  return ['/usr/sbin/chroot', ['--userspec=65532:65532', root, program, ...args]]
}

/** What a program of the root prints, run within it. */
export async function outputOf(root: string, program: string, ...args: readonly string[]): Promise<string> {
  const { stdout } = await run(...within(root, program, ...args), { env: {} })
  return stdout.trim()
}

/** The files of a folder that the kernel or the loader can run, relative to it, sorted. */
export async function binariesUnder(folder: string): Promise<readonly string[]> {
  const files = [...(await filesUnder(folder)).keys()].toSorted()
  const found: string[] = []
  // One after the other: all at once would be thousands of open files.
  for (const file of files) if (await isBinary(join(folder, file))) found.push(file)
  return found
}

async function isBinary(file: string): Promise<boolean> {
  await using handle = await open(file)
  const { buffer } = await handle.read(Buffer.alloc(4), 0, 4, 0)
  return buffer.toString('latin1') === '\x7fELF'
}
