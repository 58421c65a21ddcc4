import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { constants } from 'node:os'
import { CommandError } from '../terminal.ts'

// What a shell answers with (POSIX, "Exit Status for Commands").
const notFound = 127
const notExecutable = 126

/** What a terminal sends to every process that it runs, ours and the child; forwarding it would make it two. */
const fromTerminal: readonly NodeJS.Signals[] = ['SIGINT', 'SIGQUIT']
const forwarded: readonly NodeJS.Signals[] = [...fromTerminal, 'SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2']

/**
 * Runs a program in our place: signals go to it, and its exit code becomes ours (128 and the signal's number when one
 * ended it).
 *
 * @param onStart gets the process, to talk to it
 * @throws {CommandError} 127 when there is no such program, 126 when it cannot be run
 */
export function runChild(
  [program, ...args]: readonly [string, ...string[]],
  options: SpawnOptions,
  onStart: (child: ChildProcess) => void = () => {},
): Promise<number> {
  return new Promise((resolve, reject) => {
    const signals = process.platform === 'win32' ? fromTerminal : forwarded
    const isForeground = process.stdin.isTTY === true
    // Before the program is there: one that comes right after its start would end us and leave it behind.
    const listeners = signals.map(name => {
      const listener = () => void (isForeground && fromTerminal.includes(name) ? 0 : child.kill(name))
      process.on(name, listener)
      return () => process.off(name, listener)
    })
    const child = spawn(program, args, options)
    const stop = () => {
      for (const end of listeners) end()
    }
    child.on('error', (error: NodeJS.ErrnoException) => {
      stop()
      const what = error.code === 'ENOENT' ? 'is not installed, or not on the PATH' : `cannot be run (${error.code ?? error.message})`
      reject(new CommandError(`${program} ${what}`, error.code === 'ENOENT' ? notFound : notExecutable))
    })
    child.on('close', (code, signal) => {
      stop()
      resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal]))
    })
    onStart(child)
  })
}
