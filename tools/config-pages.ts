import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createJsonSchema, type JsonSchema } from '../src/config/json-schema.ts'

// What is made from the schema of the configuration: config/gateway.schema.json, and the tables of options in
// docs/configuration.md.
//
//   node tools/config-pages.ts --write   brings both up to date

const root = join(import.meta.dirname, '..')
const begin = '<!-- options: made by tools/config-pages.ts -->'
const end = '<!-- end of the options -->'

/** One option as documentation names it: `routes[].timeouts.idle`, `identityProviders.<name>.issuer`. */
export interface OptionEntry {
  readonly path: string
  readonly description: string
  /** As the file would write it; null where there is none. */
  readonly byDefault: string | null
  readonly isRequired: boolean
}

/** Every option of the schema that has a value of its own, in its order. */
export function listOptions(): readonly OptionEntry[] {
  return membersOf(createJsonSchema(), '')
}

/** Both pages as they are, and as they would be if they were made now. */
export function configPages(): readonly { readonly file: string; readonly found: string; readonly wanted: string }[] {
  const schema = 'config/gateway.schema.json'
  const docs = 'docs/configuration.md'
  const page = read(docs)
  const from = page.indexOf(begin)
  const to = page.indexOf(end)
  if (from < 0 || to < from) throw new TypeError(`${docs} has lost the marks around the options`)
  return [
    { file: schema, found: read(schema), wanted: `${JSON.stringify(createJsonSchema(), null, 2)}\n` },
    { file: docs, found: page, wanted: `${page.slice(0, from + begin.length)}\n\n${renderTables()}\n${page.slice(to)}` },
  ]
}

function membersOf(node: JsonSchema, path: string): OptionEntry[] {
  const branch = branchesOf(node).find(({ type }) => type === 'object') ?? node
  const properties = Object.entries((branch.properties ?? {}) as Record<string, JsonSchema>)
  const required = (branch.required ?? []) as readonly string[]
  const own = properties.flatMap(([name, member]) => {
    const place = path === '' ? name : `${path}.${name}`
    const isSection = member.properties !== undefined && (member.default !== undefined || required.includes(name))
    return [...(isSection ? [] : [describe(member, place, required.includes(name))]), ...membersOf(member, place)]
  })
  const named = branch.additionalProperties === undefined ? [] : membersOf(branch.additionalProperties as JsonSchema, `${path}.<name>`)
  return [...own, ...named, ...(branch.items === undefined ? [] : membersOf(branch.items as JsonSchema, `${path}[]`))]
}

/** What a node may be, but for the ways to write it from outside. */
function branchesOf(node: JsonSchema): readonly JsonSchema[] {
  return ((node.anyOf ?? []) as JsonSchema[]).filter(branch => branch.$ref === undefined)
}

function describe(node: JsonSchema, path: string, isRequired: boolean): OptionEntry {
  const [description = '', byDefault = null] = String(node.description).split(/ Default: (.*)\.$/)
  return { path, description, byDefault, isRequired }
}

function renderTables(): string {
  const sections = Map.groupBy(listOptions(), ({ path }) => path.split(/[.[]/)[0] ?? '')
  return [...sections]
    .map(([section, options]) =>
      [`### ${section}`, '', '| option | what it is | default |', '| --- | --- | --- |', ...options.map(renderRow), ''].join('\n'),
    )
    .join('\n')
}

function renderRow({ path, description, byDefault, isRequired }: OptionEntry): string {
  const fallback = byDefault === null ? (isRequired ? 'required' : '') : `\`${byDefault}\``
  return `| \`${path}\` | ${description.replaceAll('|', '\\|')} | ${fallback} |`
}

function read(file: string): string {
  return readFileSync(join(root, file), 'utf8')
}

if (import.meta.main && process.argv.includes('--write')) {
  for (const { file, wanted } of configPages()) writeFileSync(join(root, file), wanted)
}
