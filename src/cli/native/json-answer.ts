import { CommandError, exitCode, printJson, type Terminal, UsageError } from '../terminal.ts'

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

/** Does a command's work; with `--json`, a failure is one JSON object on stdout as well as the sentence on stderr. */
export async function withJsonErrors(json: boolean, terminal: Terminal, work: () => Promise<number>): Promise<number> {
  try {
    return await work()
  } catch (error) {
    if (json && error instanceof CommandError)
      printJson(terminal, { error: words[error.exitCode] ?? 'failed', message: error.message, exit_code: error.exitCode })
    if (json && error instanceof UsageError)
      printJson(terminal, { error: 'usage', message: error.message, exit_code: exitCode.usageOrConfig })
    throw error
  }
}
