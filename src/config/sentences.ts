import type { z } from 'zod'
import { type ConfigPath, formatPath, type Mistake, printable } from './mistakes.ts'
import { nearestName } from './nearest.ts'
import { childOf, type Forms, formsAt, formsOf, isMap, namesOf } from './schema-forms.ts'

type Issue = z.core.$ZodIssue

/** What zod says by itself, where the schema has no sentence of its own. Given to `safeParse` as `error`. */
export function sentenceFor(issue: z.core.$ZodRawIssue): string {
  const wanted = {
    string: 'must be a text',
    array: 'must be a list: - one - item - a - line, or [one, item]',
    object: 'must be a map of options',
    record: 'must be a map of names and values',
    boolean: 'must be true or false',
  }
  if (
    issue.code === 'invalid_type' &&
    issue.expected === 'string' &&
    (typeof issue.input === 'number' || typeof issue.input === 'boolean')
  ) {
    return 'must be a text: put it in quotes'
  }
  if (issue.code === 'invalid_type') return wanted[issue.expected as keyof typeof wanted] ?? 'has the wrong kind of value'
  if (issue.code === 'too_small') return issue.origin === 'array' ? `must list at least ${issue.minimum}` : 'must not be empty'
  if (issue.code === 'too_big')
    return issue.origin === 'array' ? `must list at most ${issue.maximum}` : `must be at most ${issue.maximum} characters long`
  if (issue.code === 'invalid_value') {
    const names = issue.values.map(String)
    const nearest = typeof issue.input === 'string' ? nearestName(issue.input, names) : undefined
    return `must be ${names.length === 1 ? '' : 'one of '}${names.join(', ')}${nearest === undefined ? '' : `; did you mean ${nearest}?`}`
  }
  return 'is not a value that can be used'
}

/** Turns what zod found into mistakes, one for each thing to change. */
export function mistakesFrom(schema: z.ZodType, value: unknown, issues: readonly Issue[]): Mistake[] {
  const mistakes: Mistake[] = []
  for (const issue of issues) addIssue(issue, [])
  return mistakes

  function addIssue(issue: Issue, outer: ConfigPath): void {
    const path = [...outer, ...issue.path] as ConfigPath
    const found = valueAt(value, path)
    if (issue.code === 'unrecognized_keys') {
      for (const key of issue.keys) mistakes.push({ path: [...path, key], message: unknownName(schema, path, key) })
    } else if (issue.code === 'invalid_key') {
      mistakes.push({ path, message: issue.issues[0]?.message ?? issue.message })
    } else if (found === undefined) {
      mistakes.push({ path, message: `is missing: add it. ${describeAt(schema, path)}` })
    } else if (found === null) {
      mistakes.push({ path, message: 'has no value: write one, or remove the line' })
    } else if (issue.code === 'invalid_union') {
      const branch = issue.errors.find(errors => errors.every(error => error.path.length > 0 || isAboutContents(error)))
      if (branch === undefined) mistakes.push({ path, message: issue.message })
      else for (const error of branch) addIssue(error, path)
    } else mistakes.push({ path, message: issue.message })
  }
}

/** Whether a union's branch had the right form for the value, and minded only what is in it. */
function isAboutContents(issue: Issue): boolean {
  return issue.code === 'unrecognized_keys' || issue.code === 'custom' || issue.code === 'too_small' || issue.code === 'too_big'
}

function unknownName(schema: z.ZodType, path: ConfigPath, key: string): string {
  const known = namesOf(formsAt(schema, path))
  const nearest = nearestName(key, known)
  if (nearest !== undefined) return `is not an option; did you mean ${nearest}?`
  const elsewhere = placesOf(schema, key)
  if (elsewhere.length === 1) return `is not an option here; ${elsewhere[0]} is one`
  if (elsewhere.length === 2) return `is not an option here; ${elsewhere.join(' and ')} are`
  return `is not an option; ${path.length === 0 ? 'known here' : `known under ${formatPath(path)}`} are ${known.map(printable).join(', ')}`
}

/** The places where an option has this very name. */
function placesOf(schema: z.ZodType, name: string): string[] {
  const places: string[] = []
  const visit = (forms: Forms, path: string) => {
    for (const key of namesOf(forms)) {
      const place = path === '' ? key : `${path}.${key}`
      if (key === name) places.push(place)
      const child = childOf(forms, key)
      if (child !== undefined) visit(formsOf(child), place)
    }
    const item = forms.map === undefined ? childOf(forms, 0) : namesOf(forms).length === 0 ? childOf(forms, '') : undefined
    if (item !== undefined) visit(formsOf(item), `${path}${forms.map === undefined ? '[]' : '.<name>'}`)
  }
  visit(formsOf(schema), '')
  return places
}

function describeAt(schema: z.ZodType, path: ConfigPath): string {
  const key = path.at(-1) ?? ''
  const child = childOf(formsAt(schema, path.slice(0, -1)), key) as z.ZodType | undefined
  return child?.description ?? 'A value is needed here.'
}

function valueAt(value: unknown, path: ConfigPath): unknown {
  let found = value
  for (const key of path) {
    if (Array.isArray(found) && typeof key === 'number') found = found[key]
    else if (isMap(found) && typeof key === 'string' && Object.hasOwn(found, key)) found = found[key]
    else return undefined
  }
  return found
}
