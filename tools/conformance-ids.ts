import { readFileSync, writeFileSync } from 'node:fs'

// Lists the ids of the conformance checklist in test/data/conformance-ids.json, so that the tests can tell a row
// that exists from one that does not where the checklist is not at hand.
//
//   node tools/conformance-ids.ts <path of conformance.md>

const [, , checklist] = process.argv
if (checklist === undefined) {
  console.error('usage: node tools/conformance-ids.ts <path of conformance.md>')
  process.exit(2)
}

const requirements: Record<string, string> = {}
const attacks: Record<string, string[]> = {}

for (const line of readFileSync(checklist, 'utf8').split('\n')) {
  const cells = line.split('|').map(cell => cell.trim())
  // | # | ID | requirement | level | source | test |, or | ID | attack | what to send | result | requirements |
  const [, first = '', second = '', , level = '', related = ''] = cells
  if (/^\d+$/.test(first) && /^[A-Z]+-\d+$/.test(second)) requirements[second] = level
  else if (/^A-\d+$/.test(first)) attacks[first] = related.match(/[A-Z]+-\d+/g) ?? []
}

const file = new URL('../test/data/conformance-ids.json', import.meta.url)
writeFileSync(file, `${JSON.stringify({ requirements, attacks }, null, 2)}\n`)
console.log(`${Object.keys(requirements).length} requirements, ${Object.keys(attacks).length} attacks`)
