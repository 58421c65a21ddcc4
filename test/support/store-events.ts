import { setTimeout as wait } from 'node:timers/promises'
import type { StoreEvent, StoreEventListener } from '../../src/store/redis-health.ts'
import { livedMs } from './lived-time.ts'

export interface StoreEvents {
  /** For the store's options. */
  readonly onEvent: StoreEventListener
  /** All that was told so far: `up`, or the event, `: ` and the reason. */
  readonly told: readonly string[]
  /** Waits for the next event of that name that nobody has waited for yet; gives the ms it lived meanwhile. */
  until(event: StoreEvent): Promise<number>
  /** Waits until a text that fits has been told, before or now. */
  untilTold(text: RegExp): Promise<void>
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
      heard = 1 + (await find((text, index) => index >= heard && text.startsWith(event), event))
      return livedMs() - startedAt
    },
    async untilTold(pattern) {
      await find(text => pattern.test(text), String(pattern))
    },
  }

  async function find(fits: (text: string, index: number) => boolean, wanted: string): Promise<number> {
    const giveUp = AbortSignal.timeout(patienceMs)
    for (;;) {
      const found = told.findIndex(fits)
      if (found !== -1) return found
      if (giveUp.aborted) throw new Error(`the store did not tell ${wanted}, but: ${told.join(', ')}`)
      await Promise.race([wait(200), new Promise<void>(resolve => (onTold = resolve))])
    }
  }
}
