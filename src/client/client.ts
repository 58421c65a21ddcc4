import { type Call, createCall } from './calls.ts'
import { createEvents, type Events } from './events.ts'
import { createLogout, type LogoutOptions } from './logout.ts'
import { createRoundTrips } from './round-trips.ts'
import { forever, readSession, type SessionState } from './session-state.ts'
import { createSignIn, type LoginOptions, type SignInDeps } from './sign-in.ts'
import { createSocketOpener, type LastingSocket, type SocketOptions } from './socket.ts'

export type { CallOptions } from './calls.ts'
export type { SessionEvent } from './events.ts'
export { type EndReason, SallyportError, type SessionState, type SignedIn, type SignedOut } from './session-state.ts'
export type { LoginOptions, SignInAnswer, SignInNeed } from './sign-in.ts'
export type { LastingSocket, SocketOptions } from './socket.ts'
export type { LogoutOptions }

export interface ClientOptions extends Partial<Pick<SignInDeps, 'onSignInNeeded' | 'onLoop'>> {
  /** `paths.base` of the gateway; by default `/auth`. */
  readonly base?: string
  /** How soon after a sign-in another refusal counts as a loop, in seconds; by default 30. */
  readonly loopSeconds?: number
}

/** What a page does with the gateway that it is served through. */
export interface Client {
  /** Who is signed in. @throws {SallyportError} when the gateway cannot say: that is no sign-out */
  getSession(): Promise<SessionState>
  /** Tells first how things are, then what befalls the session, in every tab that listens. @returns what ends it */
  subscribe: Events['subscribe']
  /** Leaves the page for a sign-in. The promise stays open: nothing is to happen after it. */
  login(options?: LoginOptions): Promise<never>
  /** Signs out and leaves the page. @throws {SallyportError} when the session lives on */
  logout(options?: LogoutOptions): Promise<never>
  /** As `fetch`; calls that are refused for want of a sign-in lead to one, together. */
  fetch: Call
  /** A WebSocket that comes back when it is lost, until nobody is signed in any more. */
  openSocket(path: string, options?: SocketOptions): LastingSocket
}

/** Creates the client of a page. One for each page: what is decided once is decided for all its calls. */
export function createClient(options: ClientOptions = {}): Client {
  const { base = '/auth', loopSeconds = 30, onSignInNeeded = () => 'go', onLoop } = options
  const signIn = createSignIn({ base, trips: createRoundTrips(loopSeconds * 1000), onSignInNeeded, onLoop })
  const events = createEvents(base)

  return {
    getSession: () => readSession(base),
    subscribe: events.subscribe,
    login(loginOptions = {}) {
      location.assign(signIn.loginUrl(loginOptions))
      return forever()
    },
    logout: createLogout(base, events),
    fetch: createCall(signIn),
    openSocket: createSocketOpener(base, events),
  }
}
