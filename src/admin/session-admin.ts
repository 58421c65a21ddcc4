/** A living session as a list shows it: nothing of it opens anything. Instants are epoch milliseconds. */
export interface ListedSession {
  /** Public: `V`, or `V.<member>` for one that was delegated. */
  readonly sessionId: string
  readonly kind: 'browser'
  readonly provider: string
  readonly sub: string
  readonly origin: string
  /** "Firefox on Linux"; empty when unknown. */
  readonly device: string
  /** Client address at the sign-in. */
  readonly address: string
  readonly scopes: readonly string[]
  readonly createdAt: number
  readonly authTime: number
  readonly acr: string | null
  /** When it was last used, to about a thirtieth of the idle timeout. */
  readonly touchedAt: number
  readonly idleExpiresAt: number
  readonly absoluteExpiresAt: number
  readonly children: readonly ListedSession[]
}

/** A person: a provider's name in the configuration, and the `sub` there. */
export interface User {
  readonly provider: string
  readonly sub: string
}

/** What the admin port needs of the sessions. Every method may throw GatewayError `store_unavailable`. */
export interface SessionAdmin {
  /** Sessions of a user, the newest first. */
  list(user: User): Promise<readonly ListedSession[]>
  /** Ends one, with its children; false when there is none of that id, or it ended already. */
  endOne(sessionId: string): Promise<boolean>
  /** Ends all of a user's; how many. */
  endAll(user: User): Promise<number>
}
