import type { z } from 'zod'
import { childOf, formsOf, isMap } from './schema-forms.ts'

/**
 * Lays one file's options over another's: maps merge, lists and single values replace.
 *
 * `{ env: NAME }` and `{ file: path }` are single values, so an overlay may take a secret from elsewhere than
 * the base does; the schema tells them from maps that happen to have such a name.
 */
export function mergeOptions(schema: z.core.$ZodType | undefined, base: unknown, over: unknown): unknown {
  if (base === undefined) return over
  if (over === undefined) return base
  if (!isMap(base) || !isMap(over)) return over
  const forms = schema === undefined ? {} : formsOf(schema)
  if (schema !== undefined && forms.map === undefined) return over

  // Without a prototype, so that a key named __proto__ stays a key, which the checks then refuse.
  const merged: Record<string, unknown> = Object.assign(Object.create(null), base)
  for (const [key, value] of Object.entries(over)) {
    merged[key] = Object.hasOwn(base, key) ? mergeOptions(childOf(forms, key), base[key], value) : value
  }
  return merged
}
