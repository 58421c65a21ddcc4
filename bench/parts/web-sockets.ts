import { type Handshakes, openForSeconds } from '../handshakes.ts'
import { median } from '../turns.ts'
import type { Part } from './part.ts'

/** Those that let WebSockets through; the others have none. */
const able: ReadonlySet<string> = new Set(['nginx', 'gateway', 'other'])

/** What opening a WebSocket costs: the handshake through all stages, a connection on either side, and its end. */
export const webSockets: Part = async ({ subjects, host, rounds, seconds }) => {
  const runs = new Map<string, Handshakes[]>()
  for (let round = 0; round < rounds; round += 1) {
    for (const subject of subjects.filter(({ name }) => able.has(name))) {
      const ofOne = runs.get(subject.name) ?? []
      runs.set(subject.name, ofOne)
      // The first one warms what no other part has used.
      if (round === 0) await openForSeconds(subject, host, seconds)
      ofOne.push(await openForSeconds(subject, host, seconds))
    }
  }
  const gateway = runs.get('gateway') ?? []
  const rows = [...runs].map(([name, ofOne]) => {
    const ratios = name === 'gateway' ? [] : gateway.map((run, round) => run.perCpuSecond / (ofOne[round] ?? run).perCpuSecond)
    return [
      name,
      {
        'opened/s': median(ofOne.map(run => run.opened)) / seconds,
        'opened/CPU-s': median(ofOne.map(run => run.perCpuSecond)),
        ...(ratios.length === 0 ? {} : { 'gateway ÷': median(ratios) }),
      },
    ]
  })
  return { title: 'web-sockets: opened one after the other, 32 at once', rows: Object.fromEntries(rows), bars: [] }
}
