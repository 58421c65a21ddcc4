import { styleText } from 'node:util'

/** A command that was called wrongly; the sentence says how to call it. */
export class UsageError extends Error {
  override name = 'UsageError'
}

/** What a command was asked for: goes to stdout, and nothing else does. */
export function print(text: string): void {
  process.stdout.write(`${text}\n`)
}

/** As {@link print}, for programs. */
export function printJson(value: unknown): void {
  print(JSON.stringify(value, null, 2))
}

/** Prompts, remarks and complaints: to stderr. */
export function remark(text: string): void {
  process.stderr.write(`${text}\n`)
}

/** Bold on a terminal that wants colours; plain into a pipe and with NO_COLOR. */
export function strong(text: string): string {
  return styleText('bold', text, { stream: process.stdout })
}
