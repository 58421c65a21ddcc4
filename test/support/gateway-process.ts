import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { pathToFileURL } from 'node:url'
import { eventually } from './eventually.ts'
import type { Line } from './gateway.ts'
import type { MemoryUse } from './memory-witness.ts'
import { projectRoot } from './project-files.ts'

/** A gateway in a process of its own, started as operators start one: `sallyport serve`. */
export interface GatewayProcess {
  readonly pid: number
  /** Of the public port, on loopback. */
  readonly port: number
  /** The authority that browsers see; requests carry it as Host. */
  readonly host: string
  /** Of the admin port; null where the configuration has none. */
  readonly adminPort: number | null
  /** Its configuration, which it reads anew when it changes; beside it there is room for more. */
  readonly file: string
  /** Log and audit as they were written so far. */
  readonly lines: readonly Line[]
  /** Has it read its configuration now. */
  hangUp(): void
  /** Asks it to end and waits until it has. Gives its exit code, null when a signal ended it. */
  stop(): Promise<number | null>
  /** Ends it at once, as a crash does. */
  kill(): Promise<void>
  /** How much memory it uses: now, or (`settle`) when garbage has been collected. Only of one that is watched. */
  memory(question: 'look' | 'settle'): Promise<MemoryUse>
}

export interface GatewayProcessOptions {
  /** The authority of its first origin. */
  readonly host: string
  /** The configuration; JSON is YAML. Ports of its own choice, please: 0. */
  readonly config: Readonly<Record<string, unknown>>
  /** All of its environment. */
  readonly env: Readonly<Record<string, string>>
  /** What Node is given to run; the sources when not given. */
  readonly program?: string
  /** For hours of load: it tells its memory, and no line of a request is kept here. */
  readonly isWatched?: boolean
  /** False where the store is not there yet. */
  readonly waitsForStore?: boolean
}

const sources = join(projectRoot, 'src/cli/main.ts')
const watching = ['--expose-gc', '--import', pathToFileURL(join(projectRoot, 'test/support/memory-witness.ts')).href]

const patienceMs = 30_000

const running = new Set<ChildProcess>()
// The tests may end in any way, by the runner's own timeout, too: nothing may stay behind.
process.once('SIGTERM', () => process.exit(143))
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** Starts one. Resolves when it listens and, with Redis, is connected to it; rejects with its complaints when it ends instead. */
export async function startGatewayProcess(options: GatewayProcessOptions): Promise<GatewayProcess> {
  const { host, config, env, program = sources, waitsForStore = usesRedis(config), isWatched = false } = options
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-gateway-'))
  const file = join(folder, 'gateway.yaml')
  await writeFile(file, JSON.stringify(config))
  const child = spawn(process.execPath, [...(isWatched ? watching : []), program, 'serve', '--config', file], {
    env: { NODE_ENV: 'production', ...env },
    stdio: isWatched ? ['ignore', 'pipe', 'pipe', 'ipc'] : ['ignore', 'pipe', 'pipe'],
  }) as ChildProcess & { readonly stdout: Readable; readonly stderr: Readable }
  running.add(child)
  const ended = once(child, 'exit').then(async () => {
    running.delete(child)
    await rm(folder, { recursive: true, force: true })
  })
  const lines: Line[] = []
  let complaints = ''
  createInterface(child.stdout).on('line', text => {
    const line = JSON.parse(text) as Line
    if (!isWatched || line.event !== 'request') lines.push(line)
  })
  child.stderr.on('data', chunk => {
    complaints += chunk
  })
  const find = (event: string) => lines.find(line => line.event === event)

  try {
    const isUp = () => find('listening') !== undefined && (find('store_up') !== undefined || !waitsForStore)
    await eventually(() => isUp() || !isRunning(child), patienceMs)
    if (!isRunning(child)) throw new Error(`the gateway has ended: ${complaints}`)
  } catch (error) {
    child.kill('SIGKILL')
    throw error
  }

  async function end(signal: 'SIGTERM' | 'SIGKILL'): Promise<number | null> {
    if (isRunning(child)) child.kill(signal)
    await ended
    return child.exitCode
  }

  return {
    pid: Number(child.pid),
    port: Number(find('listening')?.port),
    host,
    adminPort: find('admin_listening') === undefined ? null : Number(find('admin_listening')?.port),
    file,
    lines,
    hangUp: () => void child.kill('SIGHUP'),
    stop: () => end('SIGTERM'),
    async kill() {
      await end('SIGKILL')
    },
    async memory(question) {
      const answer = once(child, 'message', { signal: AbortSignal.timeout(patienceMs) })
      child.send(question)
      return (await answer)[0] as MemoryUse
    },
  }
}

function usesRedis({ session }: GatewayProcessOptions['config']): boolean {
  return (session as { readonly store?: { readonly kind?: string } } | undefined)?.store?.kind !== 'memory'
}

function isRunning(child: ChildProcess): boolean {
  return child.exitCode === null && child.signalCode === null
}
