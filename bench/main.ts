import { parseArgs } from 'node:util'
import { bodies } from './parts/bodies.ts'
import { handles } from './parts/handles.ts'
import { latency } from './parts/latency.ts'
import { memory } from './parts/memory.ts'
import type { Outcome, Part } from './parts/part.ts'
import { revocation } from './parts/revocation.ts'
import { throughput } from './parts/throughput.ts'
import { webSockets } from './parts/web-sockets.ts'
import { requirePrograms } from './programs.ts'
import { describeMachine, formatReport, listMissed, type Report } from './report.ts'
import { onStand } from './stand.ts'

const allParts: Readonly<Record<string, Part>> = { throughput, handles, latency, bodies, 'web-sockets': webSockets, revocation, memory }

const only = { type: 'string', default: Object.keys(allParts).join(',') } as const

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '2' },
    only,
    against: { type: 'string' },
    json: { type: 'boolean', default: false },
    check: { type: 'boolean', default: false },
  },
})

async function bench(): Promise<Report> {
  const chosen = choose(values.only)
  const settings = { rounds: readCount('rounds', values.rounds), seconds: readCount('seconds', values.seconds) }
  const machine = describeMachine()
  const parts = await onStand({ ...settings, against: values.against }, async stand => {
    const outcomes: Record<string, Outcome> = {}
    for (const [name, part] of chosen) outcomes[name] = await part(stand)
    return outcomes
  })
  return { ...machine, ...settings, parts, missed: listMissed(parts) }
}

/** In the order in which they run, whichever the order of the names. */
function choose(names: string): readonly [string, Part][] {
  const wanted = names.split(',')
  const unknown = wanted.find(name => allParts[name] === undefined)
  if (unknown !== undefined) throw new Error(`--only ${unknown}: the parts are ${Object.keys(allParts).join(', ')}`)
  return Object.entries(allParts).filter(([name]) => wanted.includes(name))
}

function readCount(name: string, text: string): number {
  if (!/^[1-9]\d{0,2}$/.test(text)) throw new Error(`--${name} must be a whole number from 1 to 999`)
  return Number(text)
}

try {
  requirePrograms()
  const report = await bench()
  console.log(values.json ? JSON.stringify(report, null, 2) : formatReport(report))
  if (values.check && report.missed.length > 0) {
    console.error(['', ...report.missed].join('\n'))
    process.exitCode = 1
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}
