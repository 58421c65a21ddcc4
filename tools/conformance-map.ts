import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import ids from '../test/data/conformance-ids.json' with { type: 'json' }
import { ownerOf } from './conformance-owners.ts'

// The map from the rows of the conformance checklist to the tests that name them, kept in docs/security.md.
//
//   node tools/conformance-map.ts           says whether the page is current
//   node tools/conformance-map.ts --write   brings it up to date; part of `npm run fix`

const root = join(import.meta.dirname, '..')
const page = join(root, 'docs/security.md')
const begin = '<!-- conformance map: made by tools/conformance-map.ts -->'
const end = '<!-- end of the conformance map -->'

/** Every id of the checklist: requirements, then attacks. */
export const conformanceIds: readonly string[] = [...Object.keys(ids.requirements), ...Object.keys(ids.attacks)]

/** The page as it is, and as it would be if the map were made now. */
export function conformancePage(): { readonly found: string; readonly wanted: string } {
  const found = readFileSync(page, 'utf8')
  const from = found.indexOf(begin)
  const to = found.indexOf(end)
  if (from < 0 || to < from) throw new TypeError(`docs/security.md has lost the marks around the conformance map`)
  return { found, wanted: `${found.slice(0, from + begin.length)}\n\n${renderMap(namedRows())}\n${found.slice(to)}` }
}

/** Which tests, and tables that tests run over, name which ids. Not in comments: a comment proves nothing. */
export function namedRows(): Map<string, string[]> {
  const named = new Map<string, string[]>()
  for (const file of testFiles()) {
    const code = readFileSync(join(root, file), 'utf8').replace(/^\s*(\/\/|\/?\*).*$/gm, '')
    for (const id of new Set(code.match(/\b[A-Z]+-\d{2,3}\b/g))) named.set(id, [...(named.get(id) ?? []), file])
  }
  return named
}

function testFiles(): string[] {
  return readdirSync(join(root, 'test'), { recursive: true, encoding: 'utf8' })
    .filter(file => /\.(ts|json)$/.test(file) && file !== 'data/conformance-ids.json')
    .map(file => `test/${file}`)
    .sort()
}

function renderMap(named: Map<string, string[]>): string {
  const covered = conformanceIds.filter(id => named.has(id))
  const open = conformanceIds.filter(id => !named.has(id))
  return [
    `${count(covered, false)} of ${count(conformanceIds, false)} requirements and ${count(covered, true)} of ${count(conformanceIds, true)} attack cases are named by tests.`,
    '',
    '| row | level | tests |',
    '| --- | --- | --- |',
    ...covered.map(id => `| ${id} | ${levelOf(id)} | ${(named.get(id) ?? []).map(link).join(', ')} |`),
    '',
    '### Rows that no test names yet',
    '',
    '| owner | rows |',
    '| --- | --- |',
    ...[...Map.groupBy(open, owner)].map(([name, rows]) => `| ${name} | ${rows.join(', ')} |`),
    '',
  ].join('\n')
}

function count(list: readonly string[], attacks: boolean): number {
  return list.filter(id => id in ids.attacks === attacks).length
}

function levelOf(id: string): string {
  return (ids.requirements as Record<string, string>)[id] ?? 'attack'
}

/** An attack belongs to whoever owns the first row that it attacks. */
function owner(id: string): string {
  return ownerOf((ids.attacks as Record<string, string[]>)[id]?.[0] ?? id)
}

function link(file: string): string {
  return `[${file.replace(/^test\/|(\.test)?\.(ts|json)$/g, '')}](../${file})`
}

if (import.meta.main) {
  const { found, wanted } = conformancePage()
  if (process.argv.includes('--write')) writeFileSync(page, wanted)
  else if (found !== wanted) {
    console.error('docs/security.md: the conformance map is stale; npm run fix brings it up to date')
    process.exitCode = 1
  }
}
