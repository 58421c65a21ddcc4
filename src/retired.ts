import type { Every } from './session/watch.ts'

/** What a request may take before it is at its upstream: the store, the provider, a lease. From there on it is seen. */
const retireAfterMs = 60_000

/** A gateway, as far as its end is concerned. */
export interface Closable {
  isBusy(): boolean
  close(): Promise<void>
}

/** Gateways whose place another has taken. */
export interface Retired {
  /**
   * Closes a gateway once what it has begun is over: a minute from now at the earliest, and looked at again every minute.
   *
   * @param closeRest closes what it alone has used
   */
  add(gateway: Closable, closeRest: () => Promise<void>): void
  /** Closes all that are left, whatever they still do. */
  close(): Promise<void>
}

export function createRetired(every: Every): Retired {
  const closings = new Set<() => Promise<void>>()

  return {
    add(gateway, closeRest) {
      const stop = every(retireAfterMs, () => {
        if (!gateway.isBusy()) void close()
      })
      async function close(): Promise<void> {
        stop()
        closings.delete(close)
        await gateway.close()
        await closeRest()
      }
      closings.add(close)
    },

    async close() {
      await Promise.all([...closings].map(close => close()))
    },
  }
}
