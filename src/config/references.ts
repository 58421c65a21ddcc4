import { z } from 'zod'
import type { ConfigPath, Mistake } from './mistakes.ts'
import { type OutsideDeps, readReference } from './outside.ts'
import { childOf, type Forms, formsOf, isMap, mayComeFromOutside } from './schema-forms.ts'

/** Options whose value is a secret, by the schema of the value; the few of which not every value is one can tell. */
export const secrets = z.registry<{ isSecret: true | ((value: unknown) => boolean) }>()

export interface ReferenceDeps {
  readonly env: NodeJS.ProcessEnv
  /** The folder of the file in which a path stands. */
  readonly baseDirOf: (path: ConfigPath) => string
  readonly onFile?: OnFile | undefined
}

/** Told of each file that is read: which, and for which option; null for a file of the configuration itself. */
export type OnFile = (file: string, option: ConfigPath | null) => void

/** What reading a reference needs, where it stands. */
export function outsideOf({ env, baseDirOf, onFile }: ReferenceDeps, path: ConfigPath): OutsideDeps {
  return { env, baseDir: baseDirOf(path), onFile: onFile && (file => onFile(file, path)) }
}

/**
 * Replaces every `{ env: NAME }` and `{ file: path }` by what it names, and refuses secrets written out.
 *
 * A value that could not be had becomes undefined and has a mistake; the rest is still judged.
 */
export function resolveReferences(
  schema: z.core.$ZodType,
  value: unknown,
  deps: ReferenceDeps,
): { value: unknown; mistakes: readonly Mistake[] } {
  const mistakes: Mistake[] = []

  function resolveAt(forms: Forms, node: unknown, path: ConfigPath): unknown {
    if (isMap(node)) return isReference(forms, node) ? readAt(node, path) : resolveMap(forms, node, path)
    if (Array.isArray(node)) {
      const item = childOf(forms, 0)
      return item === undefined ? node : node.map((entry, i) => resolveAt(formsOf(item), entry, [...path, i]))
    }
    if (node !== undefined && node !== null && forms.scalar !== undefined && isSecret(forms.scalar, node)) {
      mistakes.push({ path, message: 'is a secret: write { env: NAME } or { file: path } and keep the value out of this file' })
      return undefined
    }
    return node
  }

  function resolveMap(forms: Forms, node: Readonly<Record<string, unknown>>, path: ConfigPath): unknown {
    const resolved: Record<string, unknown> = Object.create(null)
    for (const [key, entry] of Object.entries(node)) {
      // Some readers of plain data would take this key for the object's prototype, and so would zod overlook it.
      if (key === '__proto__') mistakes.push({ path: [...path, key], message: 'is not a name that can be used: remove it' })
      else {
        const child = childOf(forms, key)
        resolved[key] = child === undefined ? entry : resolveAt(formsOf(child), entry, [...path, key])
      }
    }
    return resolved
  }

  function readAt(node: Readonly<Record<string, unknown>>, path: ConfigPath): string | undefined {
    if (Object.keys(node).some(key => key !== 'env' && key !== 'file')) {
      mistakes.push({ path, message: 'must be a single value, or { env: NAME } or { file: path } and nothing else' })
      return undefined
    }
    const found = readReference(node, outsideOf(deps, path))
    if ('value' in found) return found.value
    mistakes.push({ path, message: found.problem })
    return undefined
  }

  return { value: resolveAt(formsOf(schema), value, []), mistakes }
}

/** Where a map may stand as well as a single value, it is the map's own names that decide. */
function isReference(forms: Forms, node: Readonly<Record<string, unknown>>): boolean {
  if (forms.scalar === undefined) return false
  return forms.map === undefined || (isOnlyReference(node) && mayComeFromOutside(forms))
}

/** Whether nothing stands in a map but what names a place to read from. */
function isOnlyReference(node: Readonly<Record<string, unknown>>): boolean {
  const names = Object.keys(node)
  return names.length === 1 && (names[0] === 'env' || names[0] === 'file')
}

function isSecret(schema: z.ZodType, value: unknown): boolean {
  const judge = secrets.get(schema)?.isSecret ?? false
  return typeof judge === 'function' ? judge(value) : judge
}
