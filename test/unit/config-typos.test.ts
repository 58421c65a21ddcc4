import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { parse } from 'yaml'
import { compileConfig } from '../../src/config/compile.ts'
import { ConfigError, type ConfigPath } from '../../src/config/mistakes.ts'
import { createConfigSchema } from '../../src/config/schema.ts'
import { formsAt, isMap, namesOf } from '../../src/config/schema-forms.ts'

const schema = createConfigSchema()
const example = parse(readFileSync(new URL('../../config/gateway.example.yaml', import.meta.url), 'utf8')) as unknown
const places = optionsIn(example, [])

describe('a typo', () => {
  it('OPS-01 in the name of any option is refused at its place, whatever the typo', () => {
    assert.ok(places.length > 80)
    fc.assert(
      fc.property(
        fc.constantFrom(...places),
        fc.nat(),
        fc.nat(4),
        fc.constantFrom(...'abcdefghijklmnopqrstuvwxyzA_-. '),
        (path, at, kind, letter) => {
          const name = String(path.at(-1))
          const typo = misspell(name, at % name.length, kind, letter)
          fc.pre(typo !== '' && !namesOf(formsAt(schema, path.slice(0, -1))).includes(typo))

          const wrong = rename(example, path, typo)

          assert.throws(
            () => compileConfig(wrong, { env: {}, baseDir: '/nonexistent' }),
            error =>
              error instanceof ConfigError &&
              error.mistakes.some(
                ({ path: told, message }) => samePath(told, [...path.slice(0, -1), typo]) && /is not an option/.test(message),
              ),
          )
        },
      ),
      { numRuns: 300 },
    )
  })

  it('of one letter in a long name is told the name that was meant', () => {
    for (const path of places) {
      const name = String(path.at(-1))
      if (name.length < 6) continue
      const typo = misspell(name, 3, 1, 'x')

      const message = mistakeAt(rename(example, path, typo), [...path.slice(0, -1), typo])

      assert.match(message, new RegExp(`did you mean ${name}\\?`), `${path.join('.')} as ${typo}`)
    }
  })
})

/** Where the schema's own names stand in a configuration; not those that the operator chose. */
function optionsIn(value: unknown, path: ConfigPath): ConfigPath[] {
  if (Array.isArray(value)) return value.flatMap((item, i) => optionsIn(item, [...path, i]))
  const forms = formsAt(schema, path)
  if (!isMap(value) || forms.map === undefined) return []
  const known = namesOf(forms)
  return Object.entries(value).flatMap(([key, held]) => [
    ...(known.includes(key) ? [[...path, key]] : []),
    ...optionsIn(held, [...path, key]),
  ])
}

function misspell(name: string, at: number, kind: number, letter: string): string {
  const [before, here, after] = [name.slice(0, at), name.charAt(at), name.slice(at + 1)]
  switch (kind) {
    case 0:
      return before + after
    case 1:
      return before + letter + here + after
    case 2:
      return before + letter + after
    case 3:
      return before + after.charAt(0) + here + after.slice(1)
    default:
      return before + (here === here.toUpperCase() ? here.toLowerCase() : here.toUpperCase()) + after
  }
}

function rename(value: unknown, path: ConfigPath, name: string): unknown {
  const copy = structuredClone(value)
  let holder = copy as Record<string | number, unknown>
  for (const key of path.slice(0, -1)) holder = holder[key] as Record<string | number, unknown>
  const key = path.at(-1) ?? ''
  holder[name] = holder[key]
  delete holder[key]
  return copy
}

function mistakeAt(value: unknown, path: ConfigPath): string {
  try {
    compileConfig(value, { env: {}, baseDir: '/nonexistent' })
  } catch (error) {
    if (error instanceof ConfigError) return error.mistakes.find(mistake => samePath(mistake.path, path))?.message ?? ''
  }
  return ''
}

function samePath(a: ConfigPath, b: ConfigPath): boolean {
  return a.length === b.length && a.every((part, i) => part === b[i])
}
