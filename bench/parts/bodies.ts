import { takeTurns } from '../turns.ts'
import { paths } from '../upstream.ts'
import { barOf, type Part } from './part.ts'
import { describeRounds, ratioTo } from './requests-per-cpu-second.ts'

const connections = 16

/** Large answers. */
export const bodies: Part = async ({ subjects, load, rounds, seconds }) => {
  const runs = await takeTurns({ subjects, rounds, load, options: { path: paths.large, connections, seconds } })
  return {
    title: `bodies: 1 MiB, ${connections} connections`,
    rows: describeRounds(runs),
    bars: barOf("of nginx's bodies of 1 MiB per CPU-second", ratioTo(runs, 'nginx'), 'at least', 0.4),
  }
}
