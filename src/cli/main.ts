#!/usr/bin/env node
import { readFileSync } from 'node:fs'
import { ConfigError } from '../config/mistakes.ts'
import { print, remark, UsageError } from './terminal.ts'
import { usageOf } from './usage.ts'

/** Runs with what follows the command's name; resolves with the exit code (contract.md section 11). */
type Command = (args: readonly string[]) => number | Promise<number>

// Each is imported when it is asked for: `keys generate` starts without the schema, `config` without the gateway.
const commands: Readonly<Record<string, () => Promise<Command>>> = {
  serve: async () => (await import('./serve.ts')).serve,
  demo: async () => (await import('./demo.ts')).demo,
  'config check': async () => (await import('./config-check.ts')).checkConfig,
  'config schema': async () => (await import('./config-schema.ts')).printSchema,
  'config explain': async () => (await import('./config-explain.ts')).explainRequest,
  'keys generate': async () => (await import('./keys.ts')).generateKey,
}

const exitCode = { other: 1, usageOrConfig: 2 }

async function run(args: readonly string[]): Promise<number> {
  if (args[0] === '--version') {
    print(version())
    return 0
  }
  const firstOption = args.findIndex(arg => arg.startsWith('-'))
  const words = firstOption === -1 ? args : args.slice(0, firstOption)
  const name = [words.slice(0, 2).join(' '), words[0] ?? ''].find(candidate => candidate in commands)
  if (args.some(arg => arg === '--help' || arg === '-h')) {
    print(usageOf(name ?? words.join(' ')))
    return 0
  }
  const load = name === undefined ? undefined : commands[name]
  if (load === undefined || name === undefined) {
    throw new UsageError(
      words.length === 0
        ? 'which command? See sallyport --help'
        : `there is no command "${words.slice(0, 2).join(' ')}": see sallyport --help`,
    )
  }
  const command = await load()
  return command(args.slice(name.split(' ').length))
}

/** What went wrong, in words; an unexpected error keeps its stack. */
function complain(error: unknown): number {
  if (error instanceof ConfigError) {
    remark(error.message)
    return exitCode.usageOrConfig
  }
  const code = String((error as NodeJS.ErrnoException).code ?? '')
  if (error instanceof UsageError || code.startsWith('ERR_PARSE_ARGS_')) {
    remark(`sallyport: ${(error as Error).message}`)
    return exitCode.usageOrConfig
  }
  remark(`sallyport: ${error instanceof Error && code === '' ? error.stack : (error as Error).message}`)
  return exitCode.other
}

function version(): string {
  // Two folders up from src/cli and from dist/cli alike.
  const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }
  return manifest.version
}

// `sallyport config schema | head` closes our output early, which is nobody's mistake.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : exitCode.other))
process.exitCode = await run(process.argv.slice(2)).catch(complain)
