/** Over which a limit is counted, in microseconds: of these Redis and JavaScript both count without rounding. */
export const windowUs = 60_000_000

/** How long one request fills its bucket, in whole microseconds. */
export function intervalUs(perMinute: number): number {
  return Math.floor(windowUs / perMinute)
}

/**
 * Buckets that leak: each takes so many at once as a limit allows in a minute, and empties within a minute. It is one
 * instant, at which the bucket will be empty (the generic cell rate algorithm of ITU-T I.371, with a burst of a whole
 * minute). What is refused fills nothing, so who waits as long as told is let in.
 */
export interface Buckets {
  /** Adds one where there is room: 0, or how many ms until there is. Null: as many buckets are held as may be. */
  add(key: string, perMinute: number): number | null
  /** The same without adding. */
  waitMs(key: string, perMinute: number): number
  /** Takes a bucket for full, for so many ms, as somebody else has found it. */
  fill(key: string, perMinute: number, waitMs: number): void
}

// For each new bucket so many are looked at in turn, and dropped when they are empty: no timer is needed.
const sweptPerAddition = 4

/** @param deps.now epoch ms */
export function createBuckets({ now, maxBuckets }: { readonly now: () => number; readonly maxBuckets: number }): Buckets {
  /** When each will be empty: epoch µs. */
  const emptyAt = new Map<string, number>()
  let cursor = emptyAt.entries()

  /** How full it is, in µs that it takes to empty. A clock that was set back must not lock anybody out for longer. */
  function level(key: string, at: number): number {
    return Math.min(Math.max((emptyAt.get(key) ?? 0) - at, 0), windowUs)
  }

  function hasRoom(key: string, at: number): boolean {
    if (emptyAt.has(key)) return true
    for (let step = 0; step < sweptPerAddition; step += 1) {
      const next = cursor.next()
      if (next.done === true) {
        cursor = emptyAt.entries()
        break
      }
      if (next.value[1] <= at) emptyAt.delete(next.value[0])
    }
    return emptyAt.size < maxBuckets
  }

  const nowUs = () => Math.round(now() * 1000)

  return {
    add(key, perMinute) {
      const at = nowUs()
      const filled = level(key, at) + intervalUs(perMinute)
      if (filled > windowUs) return Math.ceil((filled - windowUs) / 1000)
      if (!hasRoom(key, at)) return null
      emptyAt.set(key, at + filled)
      return 0
    },
    waitMs(key, perMinute) {
      if (emptyAt.size === 0) return 0
      const over = level(key, nowUs()) + intervalUs(perMinute) - windowUs
      return over > 0 ? Math.ceil(over / 1000) : 0
    },
    fill(key, perMinute, waitMs) {
      const at = nowUs()
      if (hasRoom(key, at)) emptyAt.set(key, at + windowUs - intervalUs(perMinute) + waitMs * 1000)
    },
  }
}
