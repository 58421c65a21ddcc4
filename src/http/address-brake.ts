import { networkOf } from './client-address.ts'

/** How many of one address's requests may come to nothing in a minute before it is told to wait, where nobody says otherwise. */
const defaultLimit = 60
const windowMs = 60_000
/** Addresses that are counted in one minute; any others are over the limit at once. */
const mostAddresses = 10_000

/** Counts what came to nothing, for each client address, in this process. */
export interface AddressBrake {
  count(address: string): void
  /** Whether the address has used up what it may have in this minute. */
  isOver(address: string): boolean
}

export function createAddressBrake(now: () => number, limit = defaultLimit): AddressBrake {
  const counts = new Map<string, number>()
  let beganAt = now()

  function beginAnew(): void {
    if (now() - beganAt < windowMs) return
    beganAt = now()
    counts.clear()
  }

  return {
    count(address) {
      beginAnew()
      const network = networkOf(address)
      if (counts.size < mostAddresses || counts.has(network)) counts.set(network, (counts.get(network) ?? 0) + 1)
    },
    isOver(address) {
      beginAnew()
      const network = networkOf(address)
      return (counts.get(network) ?? (counts.size < mostAddresses ? 0 : limit)) >= limit
    },
  }
}
