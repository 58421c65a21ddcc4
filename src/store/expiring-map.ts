/** A map of strings whose entries run out. Nothing in it is ever seen after its time. */
export interface ExpiringMap {
  get(key: string): string | undefined
  /** Whether so many new keys fit. To be asked before each addition: it is also what drops old entries. */
  hasRoomFor(additions: number): boolean
  set(key: string, value: string, lifeMs: number): void
  /** Changes the value and leaves the life; nothing happens where there is none. */
  replace(key: string, value: string): void
  /** Lets an entry live for so many ms at least; nothing happens where there is none. */
  prolong(key: string, lifeMs: number): void
  delete(key: string): boolean
  /** How many entries are held in memory, run out or not. */
  size(): number
}

interface Entry {
  readonly value: string
  readonly expiresAt: number
}

// For each addition so many entries are looked at in turn: the sweep goes round faster than the map grows,
// and no timer is needed that would keep the process alive.
const sweptPerAddition = 4

export function createExpiringMap(deps: { now: () => number; maxEntries: number }): ExpiringMap {
  const entries = new Map<string, Entry>()
  let cursor = entries.entries()

  function live(key: string): Entry | undefined {
    const entry = entries.get(key)
    if (entry === undefined || entry.expiresAt > deps.now()) return entry
    entries.delete(key)
    return undefined
  }

  function sweep(steps: number): void {
    for (let step = 0; step < steps; step += 1) {
      const next = cursor.next()
      if (next.done === true) {
        cursor = entries.entries()
        return
      }
      const [key, entry] = next.value
      if (entry.expiresAt <= deps.now()) entries.delete(key)
    }
  }

  return {
    get: key => live(key)?.value,
    hasRoomFor(additions) {
      sweep(additions * sweptPerAddition)
      return entries.size + additions <= deps.maxEntries
    },
    set(key, value, lifeMs) {
      entries.set(key, { value, expiresAt: deps.now() + lifeMs })
    },
    replace(key, value) {
      const entry = live(key)
      if (entry !== undefined) entries.set(key, { ...entry, value })
    },
    prolong(key, lifeMs) {
      const entry = live(key)
      if (entry !== undefined) entries.set(key, { ...entry, expiresAt: Math.max(entry.expiresAt, deps.now() + lifeMs) })
    },
    delete(key) {
      const wasLive = live(key) !== undefined
      return entries.delete(key) && wasLive
    },
    size: () => entries.size,
  }
}
