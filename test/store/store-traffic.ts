import { setTimeout as wait } from 'node:timers/promises'
import { livedMs } from '../support/lived-time.ts'
import { isUnavailable } from './store-under-test.ts'

export interface Outcome {
  readonly isAnswered: boolean
  readonly tookMs: number
}

/**
 * Makes these calls every 20 ms until it is stopped, or the test ends; a failure other than `store_unavailable`
 * fails the test.
 */
export function startTraffic(
  t: { after(clean: () => void): void },
  calls: readonly (() => Promise<unknown>)[],
): { stop(): Promise<readonly Outcome[]> } {
  const outcomes: Promise<Outcome>[] = []
  const end = new AbortController()
  const running = run()
  t.after(() => end.abort())

  async function run(): Promise<void> {
    while (!end.signal.aborted) {
      for (const call of calls) outcomes.push(observe(call))
      await wait(20)
    }
  }

  return {
    async stop() {
      end.abort()
      await running
      return Promise.all(outcomes)
    },
  }
}

async function observe(call: () => Promise<unknown>): Promise<Outcome> {
  const startedAt = livedMs()
  try {
    await call()
    return { isAnswered: true, tookMs: livedMs() - startedAt }
  } catch (error) {
    isUnavailable(error)
    return { isAnswered: false, tookMs: livedMs() - startedAt }
  }
}

export function longest(outcomes: readonly Outcome[]): number {
  return Math.max(0, ...outcomes.map(outcome => outcome.tookMs))
}
