import type { Load, LoadOptions, Run } from './load.ts'
import type { Subject } from './subjects/subject.ts'

/** The runs of each subject, by its name; equal places were measured one after the other. */
export type Rounds = ReadonlyMap<string, readonly Run[]>

export interface Turns {
  readonly subjects: readonly Subject[]
  readonly rounds: number
  readonly load: Load
  readonly options: LoadOptions
}

/** Lets the subjects take turns, round after round, so that the machine's moods meet all alike; each is warmed for a second before. */
export async function takeTurns({ subjects, rounds, load, options }: Turns): Promise<Rounds> {
  const runs = new Map<string, Run[]>(subjects.map(({ name }) => [name, []]))
  for (let round = 0; round < rounds; round += 1) {
    for (const subject of subjects) {
      await load(subject, { ...options, seconds: 1 })
      runs.get(subject.name)?.push(await load(subject, options))
    }
  }
  return runs
}

/**
 * How the gateway does against another subject.
 *
 * @param compare one round's figure from both
 * @returns the median of the rounds; undefined when the other does not take part
 */
export function against(rounds: Rounds, other: string, compare: (gateway: Run, other: Run) => number): number | undefined {
  const others = rounds.get(other)
  if (others === undefined || other === 'gateway') return undefined
  const compared = rounds.get('gateway')?.map((run, round) => compare(run, others[round] ?? run))
  return compared && median(compared)
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length / 2
  const [low, high] = [sorted[Math.ceil(middle) - 1], sorted[Math.floor(middle)]]
  if (low === undefined || high === undefined) throw new TypeError('there is no median of nothing')
  return (low + high) / 2
}
