import type { ReadSecret } from '../config/read-secret.ts'
import type { User } from '../session/session.ts'
import type { ListedSession } from '../session/session-list.ts'

/** What the admin port looks at and acts on. */
export interface Administered {
  readonly sessions: SessionAdmin
  readonly secrets: readonly ReadSecret[]
  /** Epoch ms. */
  readonly now: () => number
}

/** What it needs of the sessions. Every method may throw GatewayError `store_unavailable`. */
export interface SessionAdmin {
  /** Sessions of a user, the newest first. */
  list(user: User): Promise<readonly ListedSession[]>
  /** Ends one, with its children; false when there is none of that id, or it ended already. */
  endOne(sessionId: string): Promise<boolean>
  /** Ends all of a user's; how many. */
  endAll(user: User): Promise<number>
}
