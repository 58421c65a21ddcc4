import type { Run } from '../load.ts'
import { against, median, type Rounds } from '../turns.ts'
import type { Row } from './part.ts'

/** A row for each subject: medians, the spread of the figure that counts, and how the gateway does against it. */
export function describeRounds(rounds: Rounds): Readonly<Record<string, Row>> {
  return Object.fromEntries([...rounds].map(([name, runs]) => [name, describe(name, runs)]))

  function describe(name: string, runs: readonly Run[]): Row {
    const perCpuSecond = runs.map(run => run.requestsPerCpuSecond)
    const ratio = ratioTo(rounds, name)
    return {
      'req/s': median(runs.map(run => run.requestsPerSecond)),
      'req/CPU-s': median(perCpuSecond),
      lowest: Math.min(...perCpuSecond),
      highest: Math.max(...perCpuSecond),
      'CPU %': median(runs.map(run => run.cpuPercent)),
      'p50 ms': median(runs.map(run => run.p50Ms)),
      'p99 ms': median(runs.map(run => run.p99Ms)),
      ...(ratio === undefined ? {} : { 'gateway ÷': ratio }),
    }
  }
}

/** The gateway's requests per CPU-second over another subject's. */
export function ratioTo(rounds: Rounds, other: string): number | undefined {
  return against(rounds, other, (gateway, one) => gateway.requestsPerCpuSecond / one.requestsPerCpuSecond)
}
