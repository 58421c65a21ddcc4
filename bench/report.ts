import type { Run } from './load.ts'

/** The first bar: what share of bare nginx's requests per CPU-second the gateway must reach. docs/decisions. */
export const bar = 0.22

export interface Result {
  readonly node: string
  readonly rounds: number
  readonly seconds: number
  readonly connections: number
  readonly sessions: number
  readonly candidates: Readonly<Record<string, Row>>
  /** Gateway over nginx, of the medians. */
  readonly ratios: { readonly requestsPerCpuSecond: number; readonly p50: number; readonly p99: number }
  readonly bar: { readonly least: number; readonly isMet: boolean }
}

/** Medians, with the spread of the figure that counts. */
export interface Row extends Omit<Run, 'requests'> {
  readonly lowest: number
  readonly highest: number
}

/** Sums up the runs of one candidate. */
export function summarise(runs: readonly Run[]): Row {
  const perCpuSecond = runs.map(run => run.requestsPerCpuSecond)
  return {
    requestsPerSecond: median(runs.map(run => run.requestsPerSecond)),
    requestsPerCpuSecond: median(perCpuSecond),
    lowest: Math.min(...perCpuSecond),
    highest: Math.max(...perCpuSecond),
    cpuPercent: median(runs.map(run => run.cpuPercent)),
    p50Ms: median(runs.map(run => run.p50Ms)),
    p99Ms: median(runs.map(run => run.p99Ms)),
  }
}

/** The gateway against nginx. */
export function compare(gateway: Row, nginx: Row): Pick<Result, 'ratios' | 'bar'> {
  const requestsPerCpuSecond = gateway.requestsPerCpuSecond / nginx.requestsPerCpuSecond
  return {
    ratios: { requestsPerCpuSecond, p50: gateway.p50Ms / nginx.p50Ms, p99: gateway.p99Ms / nginx.p99Ms },
    bar: { least: bar, isMet: requestsPerCpuSecond >= bar },
  }
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length / 2
  const [low, high] = [sorted[Math.ceil(middle) - 1], sorted[Math.floor(middle)]]
  if (low === undefined || high === undefined) throw new TypeError('there is no median of nothing')
  return (low + high) / 2
}

/** The result as a table for people. */
export function formatTable(result: Result): string {
  const head = ['', 'req/s', 'req/CPU-s', 'lowest', 'highest', 'CPU %', 'p50 ms', 'p99 ms']
  const rows = Object.entries(result.candidates).map(([name, row]) => [
    name,
    ...[row.requestsPerSecond, row.requestsPerCpuSecond, row.lowest, row.highest, row.cpuPercent].map(value => value.toFixed(0)),
    ...[row.p50Ms, row.p99Ms].map(value => value.toFixed(2)),
  ])
  const { ratios } = result
  const last = ['ratio', '', ratios.requestsPerCpuSecond.toFixed(3), '', '', '', ratios.p50.toFixed(2), ratios.p99.toFixed(2)]
  const lines = [head, ...rows, last].map(([name = '', ...cells]) => name.padEnd(9) + cells.map(cell => cell.padStart(11)).join(''))
  const verdict = `${result.bar.isMet ? 'met' : 'NOT MET'}: at least ${result.bar.least} of nginx's requests per CPU-second`
  return `${result.rounds} rounds of ${result.seconds} s, ${result.connections} connections, ${result.sessions} sessions, Node ${result.node}; medians\n\n${lines.join('\n')}\n\nFirst bar ${verdict}.`
}
