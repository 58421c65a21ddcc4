import { cpus, loadavg } from 'node:os'
import { type Bar, isMet, type Outcome } from './parts/part.ts'

export interface Report {
  readonly node: string
  readonly cpu: string
  /** Of the minute before the run: what else went on. */
  readonly loadAverage: number
  readonly rounds: number
  readonly seconds: number
  readonly parts: Readonly<Record<string, Outcome>>
  /** The bars that were not reached, in words. */
  readonly missed: readonly string[]
}

/** The machine, to be read before a run. */
export function describeMachine(): Pick<Report, 'node' | 'cpu' | 'loadAverage'> {
  return { node: process.versions.node, cpu: cpus()[0]?.model ?? '', loadAverage: loadavg()[0] ?? Number.NaN }
}

export function listMissed(parts: Report['parts']): readonly string[] {
  return Object.entries(parts).flatMap(([name, { bars }]) => bars.filter(bar => !isMet(bar)).map(bar => `${name}: ${formatBar(bar)}`))
}

/** The report for people. */
export function formatReport({ node, cpu, loadAverage, rounds, seconds, parts }: Report): string {
  const head = `Node ${node}, ${cpu}, load average ${round(loadAverage)} before; ${rounds} rounds of ${seconds} s, medians`
  return [head, ...Object.values(parts).map(formatOutcome)].join('\n\n')
}

function formatOutcome({ title, rows, bars }: Outcome): string {
  const columns = [...new Set(Object.values(rows).flatMap(row => Object.keys(row)))]
  const lines = Object.entries(rows).map(([name, row]) =>
    columns.reduce((line, column) => `${line}  ${formatCell(row[column]).padStart(Math.max(column.length, 9))}`, name.padEnd(9)),
  )
  const head = columns.reduce((line, column) => `${line}  ${column.padStart(9)}`, ' '.repeat(9))
  return [title, head, ...lines, ...bars.map(formatBar)].join('\n')
}

function formatCell(value: number | undefined): string {
  return value === undefined ? '' : round(value)
}

function formatBar(bar: Bar): string {
  return `${isMet(bar) ? 'met' : 'NOT MET'}: ${round(bar.measured)} ${bar.what}; ${bar.bound} ${bar.limit}`
}

function round(value: number): string {
  return Number.isInteger(value) || Math.abs(value) >= 100 ? value.toFixed(0) : value.toFixed(3)
}
