import { delimiter } from 'node:path'
import { UsageError } from './terminal.ts'

/** How `--config` is declared for `parseArgs`. */
export const configOption = { config: { type: 'string', multiple: true } } as const

/** The configuration files to load: those given, else those of SALLYPORT_CONFIG, separated as in PATH. */
export function configFiles(given: readonly string[] | undefined, env: NodeJS.ProcessEnv): readonly string[] {
  const files = given ?? (env.SALLYPORT_CONFIG ?? '').split(delimiter)
  const named = files.filter(file => file !== '')
  if (named.length === 0) throw new UsageError('which configuration? Give --config FILE, or set SALLYPORT_CONFIG')
  return named
}
