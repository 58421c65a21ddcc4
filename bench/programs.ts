import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { availableParallelism } from 'node:os'

/** A program that the benchmark started. */
export interface Program {
  readonly pid: number
  readonly port: number
  readonly stop: () => Promise<void>
}

/** Which core a program runs on: the one under test has a core to itself. */
export const cores = { tested: 1, others: 0 } as const

const packages = { nginx: 'nginx', wrk: 'wrk', 'redis-server': 'redis-server', taskset: 'util-linux' }

/** @throws Error that says what to install, or that one core is too few */
export function requirePrograms(): void {
  const missing = Object.entries(packages).filter(([name]) => !isInstalled(name))
  if (missing.length > 0) {
    const names = missing.map(([name]) => name).join(', ')
    throw new Error(`The benchmark needs ${names}. Debian: apt-get install ${missing.map(([, name]) => name).join(' ')}`)
  }
  if (availableParallelism() < 2) throw new Error('The benchmark needs two cores: one for the program under test, one for all the rest.')
}

function isInstalled(name: string): boolean {
  try {
    // Debian keeps nginx in /usr/sbin, which is not on everybody's PATH.
    execFileSync('sh', ['-c', `PATH="$PATH:/usr/sbin" command -v ${name}`], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

export interface ProgramOptions {
  readonly core: number
  readonly command: readonly string[]
  /** Where it will listen. */
  readonly port: number
  readonly env?: NodeJS.ProcessEnv
}

/** Starts a program on one core and waits until it takes connections. @throws Error with what it said, when it ends instead */
export async function startProgram({ core, command, port, env = {} }: ProgramOptions): Promise<Program> {
  const path = `${process.env.PATH}:/usr/sbin`
  // taskset becomes the program: the pid stays.
  const child = spawn('taskset', ['-c', String(core), ...command], {
    env: { ...process.env, PATH: path, ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  // Whatever ends the benchmark: nothing may stay behind.
  process.once('exit', () => child.kill('SIGKILL'))
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-2000)
  })
  const exited = once(child, 'exit')
  const ended = exited.then(() => {
    throw new Error(`${command[0]} ended at once: ${said}`)
  })
  ended.catch(() => undefined)
  await Promise.race([waitForPort(port), ended])
  return { pid: child.pid ?? 0, port, stop: () => stop(child, exited) }
}

async function stop(child: ChildProcess, exited: Promise<unknown>): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), 3000)
  await exited
  clearTimeout(timer)
}

async function waitForPort(port: number): Promise<void> {
  const giveUpAt = Date.now() + 15_000
  while (!(await takesConnections(port))) {
    if (Date.now() > giveUpAt) throw new Error(`Nothing listens on port ${port} after 15 s.`)
    await new Promise(resolve => setTimeout(resolve, 25))
  }
}

function takesConnections(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
}

/** A port that nobody listens on right now. */
export async function findPort(): Promise<number> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new TypeError('a TCP server has a port')
  return address.port
}
