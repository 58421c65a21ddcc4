import { readFileSync } from 'node:fs'

// Lists the packages of a CycloneDX bill of materials with their licences, a line each. A package without one is a
// mistake: somebody has to find out before it is given to others.

interface Component {
  readonly name: string
  readonly version: string
  readonly group?: string
  readonly licenses?: readonly { readonly license?: { readonly id?: string; readonly name?: string }; readonly expression?: string }[]
}

const [file = ''] = process.argv.slice(2)
const { components } = JSON.parse(readFileSync(file, 'utf8')) as { components: readonly Component[] }
const lines = components.map(component => [nameOf(component), component.version, licenceOf(component)])
const unlicensed = lines.filter(([, , licence]) => licence === '')
if (unlicensed.length > 0) {
  console.error(`no licence is given for: ${unlicensed.map(([name]) => name).join(', ')}`)
  process.exitCode = 1
}
console.log(
  lines
    .map(line => line.join('\t'))
    .toSorted()
    .join('\n'),
)

function nameOf({ group, name }: Component): string {
  return group === undefined || name.startsWith(group) ? name : `${group}/${name}`
}

function licenceOf({ licenses = [] }: Component): string {
  return licenses.map(({ license, expression }) => expression ?? license?.id ?? license?.name ?? '').join(', ')
}
