import { CommandError, exitCode, isUsageError, printJson, type Terminal } from '../terminal.ts'

/** What went wrong, as a word for programs: one for each exit code of contract.md section 11. */
const words: Readonly<Record<number, string>> = {
  [exitCode.denied]: 'access_denied',
  [exitCode.loginNeeded]: 'login_required',
  [exitCode.timedOut]: 'timed_out',
  [exitCode.unreachable]: 'gateway_unreachable',
  [exitCode.notStored]: 'not_stored',
  [exitCode.securityStop]: 'security_stop',
  [exitCode.interrupted]: 'interrupted',
}

/**
 * Does a command's work, the reading of its arguments included; with `--json` among them, a failure is one JSON object on
 * stdout as well as the sentence on stderr.
 */
export async function withJsonErrors(args: readonly string[], terminal: Terminal, work: () => Promise<number>): Promise<number> {
  try {
    return await work()
  } catch (error) {
    if (args.includes('--json') && error instanceof Error) printJson(terminal, describe(error))
    throw error
  }
}

function describe(error: Error) {
  const { message } = error
  if (isUsageError(error)) return { error: 'usage', message, exit_code: exitCode.usageOrConfig }
  const exit = error instanceof CommandError ? error.exitCode : exitCode.other
  return { error: words[exit] ?? 'failed', message, exit_code: exit }
}
