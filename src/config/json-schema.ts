import { z } from 'zod'
import { secrets } from './references.ts'
import { createConfigSchema } from './schema.ts'
import { isMap } from './schema-forms.ts'

export type JsonSchema = Readonly<Record<string, unknown>>

const outside = [{ $ref: '#/$defs/env' }, { $ref: '#/$defs/file' }]

/**
 * The JSON Schema (draft 2020-12) of the configuration file, for editors: names, descriptions with units and
 * defaults, and the ways to write a value that comes from outside. What is checked at the start is more than
 * it can say.
 */
export function createJsonSchema(): JsonSchema {
  const { $schema, ...root } = z.toJSONSchema(createConfigSchema(), {
    target: 'draft-2020-12',
    io: 'input',
    override({ zodSchema, jsonSchema }) {
      if (secrets.get(zodSchema as z.core.$ZodType as z.ZodType)?.isSecret === true) jsonSchema.writeOnly = true
    },
  })
  return {
    $schema,
    title: 'Sallyport configuration',
    ...describe(root as JsonSchema),
    $defs: {
      env: reference('env', 'Name of the environment variable that holds the value.'),
      file: reference('file', 'Path of the file that holds the value, relative to this file. A newline at its end is dropped.'),
    },
  }
}

/** Says the default in words too, and lets every single value also come from outside; a secret only so. */
function describe(node: JsonSchema): JsonSchema {
  const { description, default: byDefault, anyOf, ...rest } = node
  // That a whole section may be left out is seen from its members.
  const words = byDefault === undefined || rest.properties !== undefined ? '' : ` Default: ${inWords(byDefault)}.`
  const shown = {
    ...(description !== undefined && { description: `${description}${words}` }),
    ...(byDefault !== undefined && { default: byDefault }),
  }
  if (rest.type === 'object') return { ...shown, ...rest, ...describeMembers(rest) }
  if (rest.type === 'array') return { ...shown, ...rest, items: describe(rest.items as JsonSchema) }

  const branches = (anyOf as JsonSchema[] | undefined) ?? [rest]
  const written = branches.map(branch => (branch.type === 'object' || branch.type === 'array' ? describe(branch) : branch))
  // Where a map has such a name of its own, { file: … } is that map.
  if (branches.some(hasPlaces)) return { ...shown, anyOf: written }
  return rest.writeOnly === true ? { ...shown, writeOnly: true, anyOf: outside } : { ...shown, anyOf: [...written, ...outside] }
}

function hasPlaces({ type, properties, additionalProperties }: JsonSchema): boolean {
  if (type !== 'object') return false
  return isMap(additionalProperties) || (isMap(properties) && ('env' in properties || 'file' in properties))
}

function describeMembers({ properties, additionalProperties }: JsonSchema): JsonSchema {
  return {
    ...(isMap(properties) && {
      properties: Object.fromEntries(Object.entries(properties).map(([name, member]) => [name, describe(member as JsonSchema)])),
    }),
    ...(isMap(additionalProperties) && { additionalProperties: describe(additionalProperties) }),
  }
}

/** As it would be written in the file. */
function inWords(value: unknown): string {
  if (Array.isArray(value)) return `[${value.join(', ')}]`
  return isMap(value) ? '{}' : String(value)
}

function reference(name: string, description: string): JsonSchema {
  const member = { type: 'string', minLength: 1, description }
  return { type: 'object', properties: { [name]: member }, required: [name], additionalProperties: false }
}
