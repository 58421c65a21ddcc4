import { readAdminTokens } from './admin-tokens.ts'
import { readAssertionKeys } from './assertion-keys.ts'
import { buildConfig } from './build.ts'
import { checkProcess } from './check-process.ts'
import { checkDraft } from './checks.ts'
import { readClientAuths } from './client-auth.ts'
import type { GatewayConfig } from './config.ts'
import { deepFreeze } from './deep-freeze.ts'
import { readDraft } from './draft.ts'
import { readFolders } from './folders.ts'
import { readKeys } from './keys.ts'
import { ConfigError, type Mistake } from './mistakes.ts'
import { type ReferenceDeps, resolveReferences } from './references.ts'
import { type ConfigSchema, createConfigSchema } from './schema.ts'

export interface CompileOptions {
  /** Relative paths in `{ file: path }` start here; the working directory when not given. */
  readonly baseDir?: string
  /** What `{ env: NAME }` reads; the process's own environment when not given. */
  readonly env?: NodeJS.ProcessEnv
  /** Epoch ms, for the dates of certificates; the machine's clock when not given. */
  readonly now?: () => number
}

/**
 * Turns options, as they would stand in YAML, into a configuration that the program can rely on.
 *
 * @param value plain data, of the shape of contract.md section 7
 * @returns deeply frozen
 * @throws {ConfigError} with everything that is wrong with it
 */
export function compileConfig(value: unknown, options: CompileOptions = {}): GatewayConfig {
  const { baseDir = process.cwd(), env = process.env, now = Date.now } = options
  const judged = judgeOptions(createConfigSchema(), value, { env, baseDirOf: () => baseDir }, now)
  if ('config' in judged) return judged.config
  throw new ConfigError(judged.mistakes)
}

/** As {@link compileConfig}, for options from several files; the mistakes are the caller's to place. */
export function judgeOptions(
  schema: ConfigSchema,
  value: unknown,
  deps: ReferenceDeps,
  now: () => number = Date.now,
): { config: GatewayConfig } | { mistakes: readonly Mistake[] } {
  const resolved = resolveReferences(schema, value, deps)
  const { draft, mistakes: misread } = readDraft(schema, resolved.value, resolved.mistakes)
  const { keys, mistakes: unreadable } = readKeys(draft, deps)
  const { clientAuths, mistakes: unproven } = readClientAuths(draft, deps)
  const { adminTokens, mistakes: unusable } = readAdminTokens(draft, deps)
  const { assertionKeys, mistakes: unsigned } = readAssertionKeys(draft, deps)
  const { folders, mistakes: misplaced } = readFolders(draft, deps)
  const contradictions = checkDraft(draft, { keys, clientAuths, adminTokens, assertionKeys, now: now() })
  const mistakes = [
    ...checkProcess(deps.env, process.execArgv),
    ...resolved.mistakes,
    ...misread,
    ...unreadable,
    ...unproven,
    ...unusable,
    ...unsigned,
    ...misplaced,
    ...contradictions,
  ]

  if (mistakes.length > 0 || draft.whole === null) return { mistakes }
  const read = {
    sealingKeys: [...keys.values()],
    clientAuths,
    adminTokens: [...adminTokens.values()],
    assertionKeys: [...assertionKeys.values()],
    folders,
  }
  return { config: deepFreeze(buildConfig(draft.whole, read)) }
}
