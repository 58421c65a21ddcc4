/** Lists of names by the time at which they pass: what sorted sets are to Redis. */
export interface MemoryLists {
  /** Adds a name, or moves its time; drops what has passed. */
  add(list: string, name: string, lifeMs: number): void
  /** Likewise, and drops nothing: `takePassed` is to find it. */
  schedule(list: string, name: string, lifeMs: number): void
  remove(list: string, name: string): void
  /** Every name, the soonest first. */
  read(list: string): readonly string[]
  /** Up to `limit` names whose time has come; each comes again in `againInMs`. */
  takePassed(list: string, limit: number, againInMs: number): readonly string[]
}

// As in expiring-map.ts: the sweep goes round faster than the lists grow.
const sweptPerAddition = 4

export function createMemoryLists(deps: { readonly now: () => number }): MemoryLists {
  const lists = new Map<string, Map<string, number>>()
  let cursor = lists.keys()

  function sorted(list: string): readonly (readonly [name: string, at: number])[] {
    return [...(lists.get(list) ?? [])].sort(([, one], [, other]) => one - other)
  }

  function remove(list: string, name: string): void {
    const entries = lists.get(list)
    entries?.delete(name)
    if (entries?.size === 0) lists.delete(list)
  }

  function dropPassed(list: string): void {
    const now = deps.now()
    for (const [name, at] of sorted(list)) if (at <= now) remove(list, name)
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

  function schedule(list: string, name: string, lifeMs: number): void {
    const entries = lists.get(list) ?? new Map<string, number>()
    lists.set(list, entries.set(name, deps.now() + lifeMs))
  }

  return {
    add(list, name, lifeMs) {
      dropPassed(list)
      sweep()
      schedule(list, name, lifeMs)
    },
    schedule,
    remove,
    read: list => sorted(list).map(([name]) => name),
    takePassed(list, limit, againInMs) {
      const now = deps.now()
      const passed = sorted(list).filter(([, at]) => at <= now)
      const taken = passed.slice(0, limit).map(([name]) => name)
      for (const name of taken) schedule(list, name, againInMs)
      return taken
    },
  }
}
