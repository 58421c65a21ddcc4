import type { RouteRule } from '../config/config.ts'
import { createNativeClients } from '../config/native-clients.ts'
import type { NativeConfig } from '../config/native-config.ts'
import { GatewayError } from '../errors.ts'
import type { AddressBrake } from '../http/address-brake.ts'
import { clearCookie, findCookie } from '../http/cookies.ts'
import type { Exchange } from '../http/exchange.ts'
import { handleChallenge } from '../http/handle-challenge.ts'
import { endedCode } from '../session/ended-code.ts'
import type { Families, FamilyState } from '../session/families.ts'
import { bringsHandle } from '../session/handle.ts'
import type { Credential, SignedIn } from '../session/session.ts'
import { subjectOf } from '../session/subject.ts'
import type { Spend } from '../tokens/spend.ts'
import { RefusedHolder } from './refused-holder.ts'

export interface SessionStageDeps {
  readonly cookie: { readonly name: string; readonly isSecure: boolean }
  readonly readCookie: (raw: string) => Credential | null
  /** The credential in an Authorization header that brings a handle. */
  readonly readHandle: (authorization: string) => Credential | null
  /** Null where no native client signs in: then no handle means anything. */
  readonly native: NativeConfig | null
  readonly spend: Spend
  /** Counts handles that are none. */
  readonly brake: AddressBrake
  readonly families: Families
}

/** What the headers say of a session, before the store is asked. */
export interface PresentedSession {
  readonly credential: Credential | null
  /** Whether it is a native client's: then no cookie counts, and no other site can have sent it. */
  readonly isHandle: boolean
  /** Whether the cookie's name stands in the request at all, valid or not: then the cross-site check applies. */
  readonly isPresent: boolean
  /** Two cookies of that name: neither counts (RFC 6265bis §8.6). */
  readonly isAmbiguous: boolean
}

/** Creates the reader of a request's session: first the cookie or the handle, then the store. */
export function createSessionStage(deps: SessionStageDeps) {
  const nobody: PresentedSession = { credential: null, isHandle: false, isPresent: false, isAmbiguous: false }
  const ambiguous: PresentedSession = { credential: null, isHandle: false, isPresent: true, isAmbiguous: true }
  const clearing = { 'set-cookie': clearCookie(deps.cookie.name, { isSecure: deps.cookie.isSecure }) }

  const clients = deps.native === null ? null : createNativeClients(deps.native)

  /** @throws {GatewayError} `invalid_handle`, `too_many_requests`, `store_unavailable` */
  async function readHeld(route: RouteRule | null, credential: Credential | null, exchange: Exchange): Promise<SignedIn> {
    const { target, clientAddress } = exchange
    // Whoever guesses is not worth a look into the store.
    if (deps.brake.isOver(clientAddress)) throw new GatewayError('too_many_requests', 'too many handles of this address are none')
    const family: FamilyState = credential === null ? { state: 'none' } : await deps.families.read(credential)
    let why = whyNotHeld(family)
    if (why === null && family.state === 'live') {
      const { signedIn } = family
      // Our own endpoints are no calls that anybody limits, and of most sessions nobody limits any: they wait for nothing.
      if (route === null || signedIn.record.agent === undefined || (await deps.spend(signedIn))) return signedIn
      why = { reason: 'budget_exhausted' }
    }
    if (family.state === 'none') deps.brake.count(clientAddress)
    const message = 'the handle opens no session'
    const headers = { 'www-authenticate': handleChallenge(target.origin.href, route, { error: 'invalid_token' }) }
    // A browser's credential is no handle, whoever shows it as one.
    const isKnown = family.state === 'live' && family.signedIn.record.client !== undefined
    if (isKnown) throw new RefusedHolder(subjectOf(family.signedIn), 'invalid_handle', message, { ...why, headers })
    throw new GatewayError('invalid_handle', message, { ...why, headers })
  }

  function whyNotHeld(family: FamilyState): { readonly reason: string } | null {
    if (family.state === 'ended') return { reason: family.reason }
    if (family.state === 'none') return { reason: 'unknown_handle' }
    const { client } = family.signedIn.record
    // A client that is no longer configured has no say any more, and neither has a browser's session by this way.
    return client === undefined || clients?.get(client.id) === undefined ? { reason: 'unknown_handle' } : null
  }

  /** @throws {GatewayError} as `readSession` says, for a cookie */
  async function readCookied(route: RouteRule, presented: PresentedSession, { target }: Exchange): Promise<SignedIn | null> {
    const { credential } = presented
    const family: FamilyState = credential === null ? { state: 'none' } : await deps.families.read(credential)
    // A cookie belongs to one origin: carried to another it is nobody's.
    if (family.state === 'live' && family.signedIn.record.origin === target.origin.href) return family.signedIn
    if (route.access === 'optional') return null
    const code = family.state === 'ended' ? endedCode[family.reason] : 'not_signed_in'
    throw new GatewayError(code, 'The route needs a session.', presented.isAmbiguous ? { headers: clearing, reason: 'two_cookies' } : {})
  }

  return {
    nobody,

    readHeld,

    /**
     * Reads the cookie, or the handle; no store, no waiting.
     *
     * @throws {GatewayError} `two_credentials`
     */
    readPresented(cookieHeader: string | undefined, authorization: string | undefined): PresentedSession {
      const found = findCookie(cookieHeader, deps.cookie.name)
      if (authorization !== undefined && deps.native !== null && bringsHandle(authorization)) {
        if (found.count > 0) throw new GatewayError('two_credentials', 'a handle and a session cookie in one request')
        return { credential: deps.readHandle(authorization), isHandle: true, isPresent: false, isAmbiguous: false }
      }
      if (found.count === 0) return nobody
      if (found.count > 1) return ambiguous
      return { credential: deps.readCookie(found.value), isHandle: false, isPresent: true, isAmbiguous: false }
    },

    /**
     * Reads the session. On a route that takes anyone it is never asked for; on one where it is optional an
     * ended session is no session.
     *
     * @returns the session, or null where the route can do without
     * @throws {GatewayError} `not_signed_in`, `session_idle`, `session_expired`, `session_revoked`; of a handle
     *   `invalid_handle`, `too_many_requests`; `store_unavailable`, never taken for signed out
     */
    readSession(route: RouteRule, presented: PresentedSession, exchange: Exchange): Promise<SignedIn | null> {
      return presented.isHandle ? readHeld(route, presented.credential, exchange) : readCookied(route, presented, exchange)
    },
  }
}
