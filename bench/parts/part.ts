import type { Load } from '../load.ts'
import type { GatewayFleet } from '../subjects/gateway.ts'
import type { Subject } from '../subjects/subject.ts'

/** All that a part measures with. */
export interface Bench {
  /** In the order of their turns; all are warm. */
  readonly subjects: readonly Subject[]
  readonly gateways: GatewayFleet
  readonly load: Load
  readonly host: string
  readonly rounds: number
  /** Of each run. */
  readonly seconds: number
  /** MiB that each subject had in memory before its first request, by name. */
  readonly idleMiB: ReadonlyMap<string, number>
}

/** One thing that is measured. */
export type Part = (bench: Bench) => Promise<Outcome>

export interface Outcome {
  readonly title: string
  /** Figures by subject and column. */
  readonly rows: Readonly<Record<string, Row>>
  /** Empty where those that it compares do not take part. */
  readonly bars: readonly Bar[]
}

export type Row = Readonly<Record<string, number>>

/** What has to be reached. */
export interface Bar {
  readonly what: string
  readonly measured: number
  readonly bound: 'at least' | 'at most'
  readonly limit: number
}

export function isMet({ measured, bound, limit }: Bar): boolean {
  return bound === 'at least' ? measured >= limit : measured <= limit
}

/** A bar, as a list, for a figure that may not have been measured. */
export function barOf(what: string, measured: number | undefined, bound: Bar['bound'], limit: number): readonly Bar[] {
  return measured === undefined ? [] : [{ what, measured, bound, limit }]
}
