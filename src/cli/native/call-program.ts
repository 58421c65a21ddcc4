import { spawn } from 'node:child_process'
import { abortable } from './interrupts.ts'
import type { CallProgram, ProgramResult } from './secret-place.ts'

// A keychain may ask the person for a password in a window of its own; nobody there must not mean forever.
const timeoutMs = 60_000

/** Runs a program and collects what it says. Secrets go over stdin: every user of the machine can read arguments. */
export const callProgram: CallProgram = (program, args, input) => call(program, args, input, undefined)

/** The same, and ends the program when the person has given up. */
export function callProgramUntil(signal: AbortSignal): CallProgram {
  return (program, args, input) => abortable(call(program, args, input, signal), signal)
}

function call(program: string, args: readonly string[], input: string, signal: AbortSignal | undefined): Promise<ProgramResult> {
  return new Promise(resolve => {
    const child = spawn(program, [...args], { stdio: ['pipe', 'pipe', 'pipe'], timeout: timeoutMs, windowsHide: true, signal })
    const [out, err]: [Buffer[], Buffer[]] = [[], []]
    let problem: string | null = null
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk))
    child.stderr.on('data', (chunk: Buffer) => err.push(chunk))
    // One that ends without reading its stdin is judged by its exit code.
    child.stdin.on('error', () => {})
    const settle = (code: number | null) =>
      resolve({ code, problem, out: Buffer.concat(out).toString('utf8'), err: Buffer.concat(err).toString('utf8') })
    child.on('error', (error: NodeJS.ErrnoException) => {
      problem = error.code ?? error.message
      settle(null)
    })
    child.on('close', settle)
    child.stdin.end(input)
  })
}
