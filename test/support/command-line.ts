import { type ChildProcess, type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import type { TestContext } from 'node:test'
import { eventually } from './eventually.ts'
import { projectRoot } from './project-files.ts'

export interface Ran {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

/** A command line in a terminal, where what it says on stdout and stderr comes together. */
export interface InTerminal extends Running {
  /** What the person types. */
  type(text: string): void
}

/** A command line that goes on. */
export interface Running {
  readonly child: ChildProcess
  readonly ended: Promise<Ran>
  /** All that it has said so far, on stderr and then on stdout. */
  said(): string
}

/** A person's account on a machine: a home of its own, programs of its own before the system's, and a browser that notes where it is sent. */
export interface Home {
  readonly folder: string
  readonly env: NodeJS.ProcessEnv
  /** Variables by which names under .test and .localhost lead to this machine. */
  readonly names: NodeJS.ProcessEnv
  /** Puts a program in front of the system's. @param script of sh, or of node with its line */
  addProgram(name: string, script: string): string
  start(args: readonly string[], options?: StartOptions): Running
  run(args: readonly string[], options?: StartOptions): Promise<Ran>
  /** The same at a terminal: util-linux's `script` makes one. */
  startInTerminal(args: readonly string[], options?: StartOptions): InTerminal
  /** Where the browser was sent; waits until it was. */
  sentTo(): Promise<URL>
  /** So that `sentTo` waits for the next time. */
  forgetBrowser(): void
}

export interface StartOptions {
  readonly env?: NodeJS.ProcessEnv
  readonly input?: string
  /** A program that is given this one as its arguments. */
  readonly through?: string
}

function follow(child: ChildProcessWithoutNullStreams): Running {
  const [out, err]: [Buffer[], Buffer[]] = [[], []]
  child.stdout.on('data', chunk => out.push(chunk))
  child.stderr.on('data', chunk => err.push(chunk))
  const text = (chunks: readonly Buffer[]) => Buffer.concat(chunks).toString()
  const ended = new Promise<Ran>(resolve => child.on('close', code => resolve({ code, out: text(out), err: text(err) })))
  return { child, ended, said: () => text(err) + text(out) }
}

function endGroup({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

const hostsScript = `import dns from 'node:dns'
const { lookup } = dns
dns.lookup = (name, ...rest) => lookup(/\\.(test|localhost)$/.test(name) ? '127.0.0.1' : name, ...rest)
`

const program = join(projectRoot, 'src/cli/main.ts')

// Each of many starts would compile the program anew.
const compiled = mkdtempSync(join(tmpdir(), 'sallyport-compiled-'))
process.on('exit', () => rmSync(compiled, { recursive: true, force: true }))

export function createHome(t: TestContext): Home {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-home-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const bin = join(folder, 'bin')
  mkdirSync(bin)
  const noted = join(folder, 'sent-to')
  const env = {
    PATH: [bin, process.env.PATH].join(delimiter),
    HOME: folder,
    TMPDIR: process.env.TMPDIR,
    NODE_COMPILE_CACHE: compiled,
    XDG_CONFIG_HOME: join(folder, 'config'),
    XDG_STATE_HOME: join(folder, 'state'),
    BROWSER: join(bin, 'browser'),
  }

  function start(args: readonly string[], options: StartOptions = {}): Running {
    const [first = '', ...words] = [...(options.through === undefined ? [] : [options.through]), process.execPath, program, ...args]
    // A group of its own, so that what it started ends with it.
    const child = spawn(first, words, { env: { ...env, ...options.env }, stdio: ['pipe', 'pipe', 'pipe'], detached: true })
    t.after(() => endGroup(child))
    // One that ended without reading its stdin is judged by its exit code.
    child.stdin.on('error', () => {})
    child.stdin.end(options.input ?? '')
    return follow(child)
  }

  const hosts = join(folder, 'hosts.mjs')
  writeFileSync(hosts, hostsScript)
  const home: Home = {
    folder,
    env,
    names: { NODE_OPTIONS: `--import=${hosts}` },
    addProgram(name, script) {
      const file = join(bin, name)
      writeFileSync(file, script.startsWith('#!') ? script : `#!/bin/sh\n${script}\n`)
      chmodSync(file, 0o755)
      return file
    },
    start,
    run: (args, options) => start(args, options).ended,
    startInTerminal(args, options = {}) {
      // In place of the shell that `script` starts: Ctrl-C would reach that too.
      const command = `exec ${[process.execPath, program, ...args].map(word => `'${word}'`).join(' ')}`
      const child = spawn('script', ['-qefc', command, '/dev/null'], { env: { ...env, ...options.env }, stdio: ['pipe', 'pipe', 'pipe'] })
      t.after(() => child.kill('SIGKILL'))
      child.stdin.on('error', () => {})
      return { ...follow(child), type: text => void child.stdin.write(text) }
    },
    forgetBrowser: () => rmSync(noted),
    sentTo: () => eventually(() => new URL(readFileSync(noted, 'utf8').trim())),
  }
  home.addProgram('browser', `printf '%s\\n' "$1" > '${noted}.draft' && mv '${noted}.draft' '${noted}'`)
  // As on a machine without a keyring, whatever this one has.
  home.addProgram('secret-tool', 'echo "secret-tool: Cannot autolaunch D-Bus without X11 $DISPLAY" >&2; exit 1')
  return home
}
