import type { RoundTrips } from './round-trips.ts'
import { SallyportError } from './session-state.ts'

/** What GET /auth/login takes (docs/endpoints.md). */
export interface LoginOptions {
  /** A path on this origin, with query and fragment; by default the page that is open. */
  readonly returnTo?: string
  readonly provider?: string
  readonly prompt?: string
  readonly acrValues?: string
  /** Seconds since the person last authenticated, at most. */
  readonly maxAge?: number
  readonly loginHint?: string
}

/** A call was refused until somebody signs in, anew or with more. */
export interface SignInNeed {
  /** Such as `session_expired`, or `step_up_required`. */
  readonly code: string
  /** Where the sign-in begins, with what the call asked for and the way back to this page. */
  readonly loginUrl: string
}

/** `go` navigates to the sign-in; `stay` gives the refusal to whoever called. */
export type SignInAnswer = 'go' | 'stay'

/** A sign-in came back and the call is refused as before: to sign in again would lead in a circle. */
export class SignInLoopError extends SallyportError {
  override readonly name = 'SignInLoopError'
}

export interface SignInDeps {
  readonly base: string
  readonly trips: RoundTrips
  readonly onSignInNeeded: (need: SignInNeed) => SignInAnswer | Promise<SignInAnswer>
  readonly onLoop: ((error: SignInLoopError) => void) | undefined
}

/** What becomes of calls that are refused for want of a sign-in: one decision for all that were on their way. */
export interface SignIn {
  /** To be asked before a call, and given to `decide` with its refusal. */
  round(): number
  /** @returns whether the page is being left. @throws {SignInLoopError} where nobody listens for loops */
  decide(code: string, loginUrl: unknown, round: number): Promise<boolean>
  loginUrl(options: LoginOptions): string
}

export function createSignIn({ base, trips, onSignInNeeded, onLoop }: SignInDeps): SignIn {
  let round = 0
  let decision: Promise<boolean> = Promise.resolve(false)
  let isOpen = false
  let hasLeft = false

  // Brought back from the browser's memory by "Back": calls that were left waiting would wait for ever.
  globalThis.addEventListener?.('pageshow', event => {
    if (event.persisted && hasLeft) location.reload()
  })

  async function run(need: SignInNeed, purpose: string): Promise<boolean> {
    if ((await onSignInNeeded(need)) === 'stay') return false
    if (!trips.leave(purpose)) {
      const error = new SignInLoopError(`${need.code}, right after a sign-in`, 401, need.code)
      if (onLoop === undefined) throw error
      onLoop(error)
      return false
    }
    hasLeft = true
    location.assign(need.loginUrl)
    return true
  }

  return {
    round: () => round,
    decide(code, told, calledIn) {
      // A call that set out before the last decision is part of what was decided.
      if (isOpen || calledIn < round) return decision
      isOpen = true
      const url = ownUrl(told, base)
      const purpose = code === 'step_up_required' ? url.href : 'sign-in'
      url.searchParams.set('return_to', here())
      decision = run({ code, loginUrl: url.pathname + url.search }, purpose).finally(() => {
        isOpen = false
        round++
      })
      return decision
    },
    loginUrl({ returnTo = here(), provider, prompt, acrValues, maxAge, loginHint }) {
      const query = new URLSearchParams({ return_to: returnTo })
      const given = { provider, prompt, acr_values: acrValues, max_age: maxAge, login_hint: loginHint }
      for (const [name, value] of Object.entries(given)) if (value !== undefined) query.set(name, String(value))
      return `${base}/login?${query}`
    },
  }
}

/** The address from a refusal; our own where that leads to another origin, or is none. */
function ownUrl(told: unknown, base: string): URL {
  const own = new URL(`${base}/login`, location.origin)
  const url = typeof told === 'string' ? new URL(told, own) : own
  return url.origin === own.origin ? url : own
}

function here(): string {
  return location.pathname + location.search + location.hash
}
