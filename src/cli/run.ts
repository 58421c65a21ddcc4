import { ConfigError } from '../config/mistakes.ts'
import { version } from '../ops/version.ts'
import { type Command, CommandError, exitCode, isUsageError, type Terminal, UsageError } from './terminal.ts'
import { usageOf } from './usage.ts'

// Each is imported when it is asked for: `keys generate` starts without the schema, `config` without the gateway.
const commands: Readonly<Record<string, () => Promise<Command>>> = {
  serve: async () => (await import('./serve.ts')).serve,
  demo: async () => (await import('./demo.ts')).demo,
  doctor: async () => (await import('./doctor.ts')).diagnose,
  'config check': async () => (await import('./config-check.ts')).checkConfig,
  'config schema': async () => (await import('./config-schema.ts')).printSchema,
  'config explain': async () => (await import('./config-explain.ts')).explainRequest,
  'keys generate': async () => (await import('./keys.ts')).generateKey,
  'secrets status': async () => (await import('./secrets.ts')).showSecrets,
  'sessions ls': async () => (await import('./sessions.ts')).listSessions,
  'sessions revoke': async () => (await import('./sessions.ts')).revokeSessions,
  login: async () => (await import('./native/login.ts')).login,
  logout: async () => (await import('./native/logout.ts')).logout,
  status: async () => (await import('./native/status.ts')).status,
  token: async () => (await import('./native/token.ts')).token,
  curl: async () => (await import('./native/curl.ts')).curl,
  run: async () => (await import('./native/run-command.ts')).runCommand,
  'exec-credential': async () => (await import('./native/exec-credential.ts')).execCredential,
}

/**
 * Runs a command line.
 *
 * @param args what follows the program's name
 * @returns the exit code (contract.md section 11); never throws
 */
export async function run(args: readonly string[], terminal: Terminal): Promise<number> {
  try {
    return await dispatch(args, terminal)
  } catch (error) {
    return complain(error, terminal)
  }
}

async function dispatch(args: readonly string[], terminal: Terminal): Promise<number> {
  const firstOption = args.findIndex(arg => arg.startsWith('-'))
  const words = firstOption === -1 ? args : args.slice(0, firstOption)
  const name = [words.slice(0, 2).join(' '), words[0] ?? ''].find(candidate => Object.hasOwn(commands, candidate))
  // What follows `--` belongs to another program.
  const ours = args.includes('--') ? args.slice(0, args.indexOf('--')) : args
  if (args[0] === '--version' || ours.includes('--help') || ours.includes('-h')) {
    terminal.print(args[0] === '--version' ? version : usageOf(name ?? words.join(' ')))
    return exitCode.ok
  }
  const load = name === undefined ? undefined : commands[name]
  if (load === undefined || name === undefined) {
    const called = words.slice(0, 2).join(' ')
    throw new UsageError(`${called === '' ? 'which command?' : `there is no command "${called}".`} See sallyport --help`)
  }
  const command = await load()
  return command(args.slice(name.split(' ').length), terminal)
}

/** Says what went wrong; an error that nobody expected keeps its stack. */
function complain(error: unknown, terminal: Terminal): number {
  if (error instanceof ConfigError) {
    terminal.remark(error.message)
    return exitCode.usageOrConfig
  }
  if (!(error instanceof Error)) throw error
  if (error instanceof CommandError) {
    terminal.remark(`sallyport: ${error.message}`)
    return error.exitCode
  }
  if (isUsageError(error)) {
    terminal.remark(`sallyport: ${error.message}`)
    return exitCode.usageOrConfig
  }
  terminal.remark(`sallyport: ${'code' in error ? error.message : error.stack}`)
  return exitCode.other
}
