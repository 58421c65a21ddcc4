import { styleText } from 'node:util'

/** What a command has to do with the world outside: its environment, and where its words go. */
export interface Terminal {
  readonly env: NodeJS.ProcessEnv
  /** What the command was asked for: to stdout, and nothing else goes there. */
  print(text: string): void
  /** Prompts, remarks and complaints: to stderr. */
  remark(text: string): void
  /** Emphasised where the terminal and its user want that. */
  strong(text: string): string
}

/** Does a command's work with the arguments after its name; the exit code (contract.md section 11). */
export type Command = (args: readonly string[], terminal: Terminal) => number | Promise<number>

/** A command that was called wrongly; the sentence says how to call it. */
export class UsageError extends Error {
  override name = 'UsageError'
}

/** Whether a command was called wrongly, by our own judgement or that of `parseArgs`. */
export function isUsageError(error: Error): boolean {
  return error instanceof UsageError || ('code' in error && String(error.code).startsWith('ERR_PARSE_ARGS_'))
}

/** Contract.md section 11. */
export const exitCode = {
  ok: 0,
  other: 1,
  usageOrConfig: 2,
  denied: 3,
  loginNeeded: 4,
  timedOut: 5,
  unreachable: 6,
  notStored: 7,
  securityStop: 8,
  interrupted: 130,
} as const

/** What a command could not do, in a sentence for the person, and the exit code that says so to a program. */
export class CommandError extends Error {
  override name = 'CommandError'
  readonly exitCode: number

  constructor(message: string, exitCode: number) {
    super(message)
    this.exitCode = exitCode
  }
}

/** The terminal of this process. */
export function openTerminal(): Terminal {
  return {
    env: process.env,
    print: text => void process.stdout.write(`${text}\n`),
    remark: text => void process.stderr.write(`${text}\n`),
    // Plain into a pipe and with NO_COLOR.
    strong: text => styleText('bold', text, { stream: process.stdout }),
  }
}

/**
 * As {@link Terminal.print}, for programs. People see it as well, and servers wrote parts of it: what steers a terminal
 * stands there escaped, which is the same to whoever parses it.
 */
export function printJson(terminal: Terminal, value: unknown): void {
  terminal.print(JSON.stringify(value, null, 2).replace(/(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, escapeJson))
}

/** In UTF-16, as JSON escapes. */
function escapeJson(text: string): string {
  return Array.from({ length: text.length }, (_, at) => `\\u${text.charCodeAt(at).toString(16).padStart(4, '0')}`).join('')
}
