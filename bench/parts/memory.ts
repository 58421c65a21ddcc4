import { readResidentMiB } from '../process-tree.ts'
import type { Part, Row } from './part.ts'

/** What the subjects hold in memory: once they listen, and after all that was measured before. */
export const memory: Part = async ({ subjects, idleMiB }) => {
  const rows = subjects.map(({ name, program }): [string, Row] => [
    name,
    { 'idle MiB': idleMiB.get(name) ?? Number.NaN, 'loaded MiB': readResidentMiB(program.pid) },
  ])
  return { title: 'memory: resident', rows: Object.fromEntries(rows), bars: [] }
}
