import { setTimeout } from 'node:timers/promises'

/**
 * Waits until something has come about in another process, or behind an answer, looking again and again.
 *
 * @param hasHappened asked every 10 ms; false, null and undefined mean not yet
 * @param withinMs after which the test has failed: far longer than it can take on a busy machine
 */
export async function eventually<Result>(
  hasHappened: () => Result | Promise<Result>,
  withinMs = 15_000,
): Promise<Exclude<Result, false | null | undefined>> {
  const giveUpAt = performance.now() + withinMs
  for (;;) {
    const result = await hasHappened()
    if (result !== false && result !== null && result !== undefined) return result as Exclude<Result, false | null | undefined>
    if (performance.now() > giveUpAt) throw new Error(`did not come about within ${withinMs} ms: ${hasHappened}`)
    await setTimeout(10)
  }
}
