import { setTimeout } from 'node:timers/promises'

/**
 * Waits until something has come about in another process, or behind an answer, looking again and again.
 *
 * @param hasHappened asked every 10 ms; false, null and undefined mean not yet, and so does an error, which is told in
 *   the end
 * @param withinMs after which the test has failed: far longer than it can take on a busy machine
 */
export async function eventually<Result>(
  hasHappened: () => Result | Promise<Result>,
  withinMs = 20_000,
): Promise<Exclude<Result, false | null | undefined>> {
  const giveUpAt = performance.now() + withinMs
  for (;;) {
    let cause: unknown
    try {
      const result = await hasHappened()
      if (result !== false && result !== null && result !== undefined) return result as Exclude<Result, false | null | undefined>
    } catch (error) {
      cause = error
    }
    if (performance.now() > giveUpAt) throw new Error(`did not come about within ${withinMs} ms: ${hasHappened}`, { cause })
    await setTimeout(10)
  }
}
