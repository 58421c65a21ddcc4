import type { RouteRule } from '../config/config.ts'
import { GatewayError } from '../errors.ts'
import { clearCookie, findCookie } from '../http/cookies.ts'
import { endedCode } from '../session/ended-code.ts'
import type { Families, FamilyState } from '../session/families.ts'
import type { Credential, SignedIn } from '../session/session.ts'

export interface SessionStageDeps {
  readonly cookie: { readonly name: string; readonly isSecure: boolean }
  readonly readCookie: (raw: string) => Credential | null
  readonly families: Families
}

/** What the cookie header says of a session, before the store is asked. */
export interface PresentedSession {
  readonly credential: Credential | null
  /** Whether the cookie's name stands in the request at all, valid or not: then the cross-site check applies. */
  readonly isPresent: boolean
  /** Two cookies of that name: neither counts (RFC 6265bis §8.6). */
  readonly isAmbiguous: boolean
}

/** Creates the reader of a request's session: first the cookie, then the store. */
export function createSessionStage(deps: SessionStageDeps) {
  const nobody: PresentedSession = { credential: null, isPresent: false, isAmbiguous: false }
  const ambiguous: PresentedSession = { credential: null, isPresent: true, isAmbiguous: true }
  const clearing = { 'set-cookie': clearCookie(deps.cookie.name, { isSecure: deps.cookie.isSecure }) }

  return {
    /** Reads the cookie; no store, no waiting. */
    readPresented(cookieHeader: string | undefined): PresentedSession {
      const found = findCookie(cookieHeader, deps.cookie.name)
      if (found.count === 0) return nobody
      if (found.count > 1) return ambiguous
      return { credential: deps.readCookie(found.value), isPresent: true, isAmbiguous: false }
    },

    /**
     * Reads the session. On a route that takes anyone it is never asked for; on one where it is optional an
     * ended session is no session.
     *
     * @returns the session, or null where the route can do without
     * @throws {GatewayError} `not_signed_in`, `session_idle`, `session_expired`, `session_revoked`;
     *   `store_unavailable`, never taken for signed out
     */
    async readSession(route: RouteRule, presented: PresentedSession, origin: string): Promise<SignedIn | null> {
      const { credential } = presented
      const family: FamilyState = credential === null ? { state: 'none' } : await deps.families.read(credential)
      // A cookie belongs to one origin: carried to another it is nobody's.
      if (family.state === 'live' && family.signedIn.record.origin === origin) return family.signedIn
      if (route.access === 'optional') return null
      const code = family.state === 'ended' ? endedCode[family.reason] : 'not_signed_in'
      throw new GatewayError(code, 'The route needs a session.', presented.isAmbiguous ? { headers: clearing, reason: 'two_cookies' } : {})
    },
  }
}
