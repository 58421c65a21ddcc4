import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { chmod, copyFile, mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import { projectRoot } from './project-files.ts'

/** What the image holds beside its base, in a folder, as the Dockerfile's own script puts it there. */
export interface StagedImage {
  /** What is /app in the image. */
  readonly app: string
  /** A copy of the Node that runs the tests, for a user who cannot reach that one. */
  readonly node: string
  remove(): Promise<void>
}

/** Stages it; takes some ten seconds, for npm installs the production dependencies. */
export async function stageImage(): Promise<StagedImage> {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-image-'))
  const app = join(folder, 'app')
  await promisify(execFile)('sh', [join(projectRoot, 'scripts/stage.sh'), app])
  const node = join(folder, 'node')
  await copyFile(process.execPath, node)
  // mkdtemp lets nobody else in; the image's user is somebody else.
  await chmod(folder, 0o755)
  await chmod(node, 0o555)
  await promisify(execFile)('chmod', ['-R', 'a-w,a+rX', app])
  return { app, node, remove: () => rm(folder, { recursive: true, force: true }) }
}

/** The paths of all files under a folder, relative to it, with their sizes in bytes. */
export async function filesUnder(folder: string): Promise<ReadonlyMap<string, number>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const files = entries.filter(entry => entry.isFile()).map(entry => join(entry.parentPath, entry.name))
  return new Map(await Promise.all(files.map(async file => [file.slice(folder.length + 1), (await stat(file)).size] as const)))
}

/** Runs `serve` until the public port listens. Its ports by the name of the event that told them. */
export async function serveStaged(
  t: { after(run: () => unknown): void },
  command: string,
  args: readonly string[],
  options: { readonly env: Record<string, string>; readonly uid?: number; readonly gid?: number },
) {
  const child = spawn(command, args, { ...options, cwd: '/', stdio: ['ignore', 'pipe', 'pipe'] })
  t.after(() => child.kill('SIGKILL'))
  let complaints = ''
  child.stderr.on('data', chunk => {
    complaints += chunk
  })
  const ports = new Map<string, number>()
  const lines = createInterface({ input: child.stdout })
  for await (const line of lines) {
    const { event, port } = JSON.parse(line) as { event: string; port?: number }
    if (port !== undefined) ports.set(event, port)
    if (event === 'listening') return { child, ports }
  }
  return assert.fail(`it ended: ${complaints}`)
}
