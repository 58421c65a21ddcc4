import { against, median, takeTurns } from '../turns.ts'
import { paths } from '../upstream.ts'
import { barOf, type Part } from './part.ts'

/** What one request alone waits. */
export const latency: Part = async ({ subjects, load, rounds, seconds }) => {
  const runs = await takeTurns({ subjects, rounds, load, options: { path: paths.short, connections: 1, seconds } })
  const added = (other: string) => against(runs, other, (gateway, one) => gateway.p50Ms - one.p50Ms)
  const rows = [...runs].map(([name, ofOne]) => {
    const p50Ms = ofOne.map(run => run.p50Ms)
    const more = added(name)
    return [
      name,
      {
        'p50 ms': median(p50Ms),
        lowest: Math.min(...p50Ms),
        highest: Math.max(...p50Ms),
        'p99 ms': median(ofOne.map(run => run.p99Ms)),
        ...(more === undefined ? {} : { 'gateway adds': more }),
      },
    ]
  })
  return {
    title: 'latency: 200 bytes of JSON, one connection',
    rows: Object.fromEntries(rows),
    bars: barOf('ms more than nginx at one connection, p50', added('nginx'), 'at most', 0.2),
  }
}
