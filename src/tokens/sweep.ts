import type { Families } from '../session/families.ts'
import type { Store } from '../store/store.ts'

/** Soon enough that tokens are given back within a minute of the session's end. */
const everyMs = 30_000
/** One round takes what one trip to the store and a short burst at the IdP can do. */
const mostAtOnce = 100
/** Whoever took a family and died gives it free after this long. */
const againInMs = 60_000

export interface SweepDeps {
  readonly store: Store
  readonly families: Families
}

/** One round: ends the families whose deadline has passed and whose holder does not come. */
export type Sweep = () => Promise<void>

/**
 * Creates the sweep. Only `sealing: gateway` has use for it: there the gateway can open the tokens of a session that
 * ran out by itself, and gives them back to the IdP. Any replica may do it; each family is taken by one.
 */
export function createSweep({ store, families }: SweepDeps): Sweep {
  return async function sweep() {
    for (;;) {
      const due = await store.takeDue(mostAtOnce, againInMs)
      await Promise.all(due.map(families.lapse))
      if (due.length < mostAtOnce) return
    }
  }
}

/** Runs it again and again. A store that is away is asked again the next time. @returns what stops it */
export function startSweeping(sweep: Sweep): () => void {
  const timer = setInterval(() => sweep().catch(() => undefined), everyMs)
  timer.unref()
  return () => clearInterval(timer)
}
