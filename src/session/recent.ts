/**
 * Remembers what was used lately: at most about `limit` entries, none unused for longer than two
 * generations of `generationMs`. A hit costs one look-up; there is no timer and no list to keep in order.
 */
export interface Recent<Value> {
  get(key: string): Value | undefined
  set(key: string, value: Value): void
  delete(key: string): void
}

export function createRecent<Value>(options: {
  readonly limit: number
  readonly generationMs: number
  readonly now: () => number
}): Recent<Value> {
  let young = new Map<string, Value>()
  let old = new Map<string, Value>()
  let bornAt = options.now()

  function turn() {
    const now = options.now()
    if (now - bornAt < options.generationMs && young.size < options.limit / 2) return
    // After a pause of two generations both are stale.
    old = now - bornAt < 2 * options.generationMs ? young : new Map()
    young = new Map()
    bornAt = now
  }

  return {
    get(key) {
      turn()
      const value = young.get(key)
      if (value !== undefined) return value
      const kept = old.get(key)
      if (kept !== undefined) young.set(key, kept)
      return kept
    },
    set(key, value) {
      turn()
      young.set(key, value)
    },
    delete(key) {
      young.delete(key)
      old.delete(key)
    },
  }
}
