import { setTimeout as wait } from 'node:timers/promises'

const patienceMs = 20_000

/** Asks again until it is so. What throws is not so yet; past 20 s, why is told. */
export async function until(isSo: () => Promise<boolean>): Promise<void> {
  const giveUpAt = Date.now() + patienceMs
  for (;;) {
    let reason: unknown
    try {
      if (await isSo()) return
    } catch (error) {
      reason = error
    }
    if (Date.now() > giveUpAt) throw new Error('it did not become so', { cause: reason })
    await wait(50)
  }
}
