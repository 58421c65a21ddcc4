import { dirname, resolve } from 'node:path'
import { judgeOptions } from './compile.ts'
import type { GatewayConfig } from './config.ts'
import { mergeOptions } from './merge.ts'
import { ConfigError, type ConfigPath, type Mistake } from './mistakes.ts'
import type { OnFile } from './references.ts'
import { createConfigSchema } from './schema.ts'
import { type ConfigSource, readSource } from './yaml-source.ts'

/**
 * Loads the configuration from YAML files, laid over each other in the given order: maps merge, lists replace.
 *
 * Paths in `{ file: path }` are relative to the file in which they stand.
 *
 * @param onFile for who wants to know when they change
 * @returns deeply frozen
 * @throws {ConfigError} with everything that is wrong, each mistake with its file, line and column
 */
export function loadConfig(files: readonly string[], env: NodeJS.ProcessEnv = process.env, onFile?: OnFile): GatewayConfig {
  for (const file of files) onFile?.(resolve(file), null)
  const sources = files.map(readSource)
  const unread = sources.flatMap(source => source.mistakes)
  // A file that could not be read at all may hold what would be missed in the others.
  if (sources.some(source => source.value === undefined && source.mistakes.length > 0)) throw new ConfigError(sorted(unread, files))

  const schema = createConfigSchema()
  const value = sources.reduce<unknown>((merged, source) => mergeOptions(schema, merged, source.value), undefined)
  const baseDirOf = (path: ConfigPath) => dirname(ownerOf(path, sources)?.file ?? '.')
  const judged = judgeOptions(schema, value ?? {}, { env, baseDirOf, onFile })
  if ('config' in judged && unread.length === 0) return judged.config

  const placed = 'config' in judged ? [] : judged.mistakes.map(mistake => place(mistake, sources))
  throw new ConfigError(sorted([...unread, ...placed], files))
}

/** The file whose word counts for a path: the last that has it. */
function ownerOf(path: ConfigPath, sources: readonly ConfigSource[]): ConfigSource | undefined {
  return sources.findLast(source => source.locate(path) !== null)
}

/** Gives a mistake its file and line; what is missing is placed where it would belong. */
function place(mistake: Mistake, sources: readonly ConfigSource[]): Mistake {
  if (mistake.path.length === 0) return mistake
  for (let length = mistake.path.length; length > 0; length--) {
    const path = mistake.path.slice(0, length)
    const owner = ownerOf(path, sources)
    const position = owner?.locate(path)
    if (owner !== undefined && position) return { ...mistake, file: owner.file, ...position }
  }
  const [first] = sources
  return first === undefined ? mistake : { ...mistake, file: first.file, line: 1, column: 1 }
}

function sorted(mistakes: readonly Mistake[], files: readonly string[]): Mistake[] {
  const rank = (mistake: Mistake) => (mistake.file === undefined ? -1 : files.indexOf(mistake.file))
  return mistakes.toSorted((a, b) => rank(a) - rank(b) || (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0))
}
