import { takeTurns } from '../turns.ts'
import { paths } from '../upstream.ts'
import { barOf, type Part } from './part.ts'
import { describeRounds, ratioTo } from './requests-per-cpu-second.ts'

const connections = 64

/** Short answers over 64 connections. */
export const throughput: Part = async ({ subjects, load, rounds, seconds }) => {
  const runs = await takeTurns({ subjects, rounds, load, options: { path: paths.short, connections, seconds } })
  return {
    title: `throughput: 200 bytes of JSON, ${connections} connections`,
    rows: describeRounds(runs),
    bars: [
      ...barOf("of nginx's requests per CPU-second", ratioTo(runs, 'nginx'), 'at least', 0.3),
      ...barOf("of the raw Node core's requests per CPU-second", ratioTo(runs, 'raw'), 'at least', 0.8),
      ...barOf("times the textbook composition's requests per CPU-second", ratioTo(runs, 'textbook'), 'at least', 3.5),
    ],
  }
}
