/** Lists of names by the time at which they pass: what sorted sets are to Redis. */
export interface MemoryLists {
  /** Adds a name, or moves its time; where what has passed is dropped, never to an earlier one. False, and nothing done, when it is new and there is no room for it. */
  put(list: string, name: string, lifeMs: number): boolean
  remove(list: string, name: string): void
  /** Every name whose time has not passed, the soonest first. */
  read(list: string): readonly string[]
  /** Up to `limit` names whose time has come; each comes again in `againInMs`. */
  takePassed(list: string, limit: number, againInMs: number): readonly string[]
}

// As in expiring-map.ts: the sweep goes round faster than the lists grow.
const sweptPerAddition = 4

/**
 * @param deps.keepsPassed what has passed stays until it is removed, for `takePassed` to find; otherwise
 *   additions drop it
 */
export function createMemoryLists(deps: {
  readonly now: () => number
  readonly maxNames: number
  readonly keepsPassed: boolean
}): MemoryLists {
  const lists = new Map<string, Map<string, number>>()
  let cursor = lists.keys()
  /** Names over all lists. */
  let held = 0

  function namesWhere(list: string, hasPassed: boolean): readonly string[] {
    const now = deps.now()
    const found = [...(lists.get(list) ?? [])].filter(([, at]) => at <= now === hasPassed)
    return found.sort(([, one], [, other]) => one - other).map(([name]) => name)
  }

  function write(list: string, name: string, lifeMs: number): void {
    const entries = lists.get(list) ?? new Map<string, number>()
    if (!entries.has(name)) held += 1
    lists.set(list, entries.set(name, deps.now() + lifeMs))
  }

  function remove(list: string, name: string): void {
    const entries = lists.get(list)
    if (entries?.delete(name)) held -= 1
    if (entries?.size === 0) lists.delete(list)
  }

  function dropPassed(list: string): void {
    for (const name of namesWhere(list, true)) remove(list, name)
  }

  function sweep(): void {
    for (let step = 0; step < sweptPerAddition; step += 1) {
      const next = cursor.next()
      if (next.done === true) {
        cursor = lists.keys()
        return
      }
      dropPassed(next.value)
    }
  }

  return {
    put(list, name, lifeMs) {
      if (!deps.keepsPassed) {
        dropPassed(list)
        sweep()
      }
      if (held >= deps.maxNames && lists.get(list)?.has(name) !== true) return false
      const leftMs = deps.keepsPassed ? 0 : (lists.get(list)?.get(name) ?? 0) - deps.now()
      write(list, name, Math.max(lifeMs, leftMs))
      return true
    },
    remove,
    read: list => namesWhere(list, false),
    takePassed(list, limit, againInMs) {
      const taken = namesWhere(list, true).slice(0, limit)
      for (const name of taken) write(list, name, againInMs)
      return taken
    },
  }
}
