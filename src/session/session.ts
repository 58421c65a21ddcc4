/**
 * What a family holds, once opened. Instants are epoch milliseconds. Everything here is plain JSON.
 */

/** One holder's session: who signed in, when, and until when. Sealed by the gateway; no token, no personal claim. */
export interface SessionRecord {
  /** What holds it: a browser by a cookie; a native client, or an agent, by a handle. */
  readonly kind: 'browser' | 'native' | 'agent'
  /** Grows by one with every write, and is part of what the seal vouches for. */
  readonly version: number
  readonly provider: string
  readonly sub: string
  /** The provider's name for its own session, when it told one. */
  readonly sid: string | null
  /** What this session may do: of a browser what the provider granted at the sign-in, of a native client what the person approved. */
  readonly scopes: readonly string[]
  /** The origin that the cookie belongs to; at any other origin it counts for nothing. */
  readonly origin: string
  /** What began it, for the person to know it again: "Firefox on Linux"; empty when nobody can say. */
  readonly device: string
  /** The client address that it began from. */
  readonly address: string
  readonly createdAt: number
  /** When the person last authenticated at the provider: its `auth_time`, or the sign-in where it says none. */
  readonly authTime: number
  readonly acr: string | null
  readonly amr: readonly string[]
  /** When the idle clock was last pushed. */
  readonly touchedAt: number
  readonly idleExpiresAt: number
  readonly absoluteExpiresAt: number
  /** SHA-256 of the credential's secret, base64url. */
  readonly secretHash: string
  /**
   * The vault's data key: wrapped under HKDF(gateway key, secret) when the sealing is `holder`, under the
   * gateway key alone when it is `gateway`.
   */
  readonly sealing: 'holder' | 'gateway'
  readonly wrap: string
  /** Of one that was delegated: the same hash of the root's secret, which shows who held a root that is gone. */
  readonly rootHash?: string
  /** Of a native client and its agents alone. */
  readonly client?: ClientGrant
  /** Of an agent alone. */
  readonly agent?: AgentGrant
}

/** What an agent is held to: handed on by a native client or by another agent (RFC 8693), or made by the person themself. */
export interface AgentGrant {
  /** What whoever handed it on calls it: a name that nobody has checked. */
  readonly name: string
  /** The member that handed it on; null of one that the person has made, which is a root. */
  readonly parent: string | null
  /** Who acts, the agent first, then those behind it (RFC 8693 §4.1). */
  readonly act: readonly string[]
  /** The calls that it may make, as `GET /api/orders/*`; null for all that its scopes let it. */
  readonly routes: readonly string[] | null
  /** How many calls it may make at all; null for no limit. */
  readonly maxCalls: number | null
  /** What those behind it may still call, where that is limited: its calls are theirs as well. */
  readonly sharedBudgets: readonly CallBudget[]
  /** Whether it may hand on in its turn. */
  readonly delegates: boolean
}

/** How many calls a member of a family may make, with all that it has handed on to. */
export interface CallBudget {
  readonly member: string
  readonly maxCalls: number
  /** When the member ends, in epoch ms. */
  readonly until: number
}

/** To whom a handle was given, and for what, beside its scopes. */
export interface ClientGrant {
  readonly id: string
  /** As the person saw it at the approval. */
  readonly name: string
  /** What it is limited to: an origin, or one with the path of a route (RFC 8707); null for no limit. */
  readonly resources: readonly string[] | null
  /** The client address that the handle was given to; that of the browser that approved it is the session's own. */
  readonly redeemedFrom: string
  /** SHA-256 of the secret of the code that it was given for; null where it was by no code. A code that comes again is known by it. */
  readonly codeHash: string | null
}

/** The family's tokens and claims. Sealed with a random data key of its own. */
export interface Vault {
  /** Grows by one with every write. */
  readonly version: number
  readonly refreshToken: string | null
  /** Kept only where a route attaches it, or the provider's logout needs it as a hint. */
  readonly idToken: KeptToken | null
  /** When the grant ends at the provider, where it says so; it moves with every renewal. */
  readonly grantExpiresAt: number | null
  /** Audiences that the sign-in named; null where the provider wants to hear of none, and any may be asked for. */
  readonly audiences: readonly string[] | null
  /** What was asked for and what was granted at the sign-in: a renewal asks for nothing beyond (RFC 6749 §6). */
  readonly scopes: readonly string[]
  /** Access tokens by slot (TokenDemand); the sign-in's own is under the empty string. */
  readonly access: Readonly<Record<string, AccessToken>>
  readonly claims: Readonly<Record<string, unknown>>
}

export interface KeptToken {
  readonly token: string
  readonly expiresAt: number
  readonly refreshedAt: number
}

export interface AccessToken extends KeptToken {
  /** What the provider granted, which may be less than what was asked. */
  readonly scopes: readonly string[]
}

/** What a holder presents: `<family id>.<member>.<secret>`. */
export interface Credential {
  /** 128 random bits, base64url (22 characters); public, stable for the session's whole life. */
  readonly familyId: string
  /** `0` for the root. */
  readonly member: string
  /** 256 random bits, base64url (43 characters). */
  readonly secret: string
}

/** Why a session is no more; the word in tombstones, in GET /auth/session and in the audit. */
export type EndReason = 'idle' | 'expired' | 'revoked' | 'logged_out'

/** A family as its holder sees it: opened, within its deadlines. */
export interface SignedIn {
  /** `session_id`: public, for logs and lists. That of the root is the family's id; that of another is `<family id>.<member>`. */
  readonly sessionId: string
  readonly credential: Credential
  readonly record: SessionRecord
  readonly vault: Vault
}

/** How a session begins: where, and by what. */
export type Beginning = Pick<SessionRecord, 'origin' | 'device' | 'address'> & {
  /** With it, the session is a native client's. */
  readonly client?: ClientGrant & { readonly scopes: readonly string[] }
  /** With it besides, an agent's. */
  readonly agent?: AgentGrant & {
    /** Until its end, used or not. */
    readonly lifeMs: number
  }
}

/** A user, everywhere: a `sub` means nothing without its provider. */
export interface User {
  readonly provider: string
  readonly sub: string
}

/** A family that has just ended: what it was, and what can still be given back to the provider. */
export interface Ended {
  readonly sessionId: string
  readonly record: SessionRecord
  /** Null where nobody at hand could open it. */
  readonly vault: Vault | null
}

/** What a sign-in brings, from which a session begins. */
export interface SignIn {
  readonly provider: string
  readonly sub: string
  readonly authTime: number
  readonly acr: string | null
  readonly amr: readonly string[]
  readonly sid: string | null
  readonly idToken: KeptToken | null
  readonly refreshToken: string | null
  /** Until when the provider says that the refresh token can be used; null when it says nothing, or that it has no end. */
  readonly grantExpiresAt: number | null
  /** Audiences that the sign-in named; null where the provider wants to hear of none. */
  readonly audiences: readonly string[] | null
  /** What was asked for and what was granted. */
  readonly scopes: readonly string[]
  readonly access: AccessToken
  readonly claims: Readonly<Record<string, unknown>>
}
