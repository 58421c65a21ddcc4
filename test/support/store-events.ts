import { setTimeout as wait } from 'node:timers/promises'
import { livedMs } from './lived-time.ts'

export interface StoreEvents {
  /** For the store's options. */
  readonly onEvent: (event: 'down' | 'up', detail: { error: string }) => void
  /** All that was told so far: `up`, or `down: ` and the reason. */
  readonly told: readonly string[]
  /** Waits for the next event of that name that nobody has waited for yet; gives the ms it lived meanwhile. */
  until(event: 'down' | 'up'): Promise<number>
}

const patienceMs = 10_000

/** Listens to what a store tells its operator, so that tests wait for events rather than for times. */
export function listenToStore(): StoreEvents {
  const told: string[] = []
  let heard = 0
  let onTold = () => {}

  return {
    onEvent(event, { error }) {
      told.push(event === 'up' ? event : `${event}: ${error}`)
      onTold()
    },
    told,
    async until(event) {
      const startedAt = livedMs()
      const giveUp = AbortSignal.timeout(patienceMs)
      for (;;) {
        const found = told.findIndex((text, index) => index >= heard && text.startsWith(event))
        if (found !== -1) {
          heard = found + 1
          return livedMs() - startedAt
        }
        if (giveUp.aborted) throw new Error(`the store did not tell that it is ${event}, but: ${told.join(', ')}`)
        await Promise.race([wait(200), new Promise<void>(resolve => (onTold = resolve))])
      }
    },
  }
}
