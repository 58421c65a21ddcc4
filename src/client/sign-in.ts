import type { RoundTrips } from './round-trips.ts'
import { SallyportError } from './session-state.ts'

export interface LoginOptions {
  /** A path on this origin, with query and fragment; by default the page that is open. */
  readonly returnTo?: string
  /** What else GET /auth/login takes (docs/endpoints.md), such as `{ acr_values: 'mfa' }`. */
  readonly query?: Readonly<Record<string, string>>
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

export interface SignInDeps {
  readonly base: string
  readonly trips: RoundTrips
  readonly onSignInNeeded: (need: SignInNeed) => SignInAnswer | Promise<SignInAnswer>
  readonly onLoop: ((error: SallyportError) => void) | undefined
}

/** What becomes of calls that are refused for want of a sign-in: one decision for all that were on their way. */
export interface SignIn {
  /** To be asked before a call, and given to `decide` with its refusal. */
  round(): number
  /** @returns whether the page is being left. @throws {SallyportError} `sign_in_loop`, where nobody listens for loops */
  decide(code: string, round: number, loginUrl?: string): Promise<boolean>
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
      const error = new SallyportError(401, 'sign_in_loop')
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
    decide(code, calledIn, told = `${base}/login`) {
      // A call that set out before the last decision is part of what was decided.
      if (isOpen || calledIn < round) return decision
      isOpen = true
      const url = new URL(told, location.origin)
      url.searchParams.set('return_to', here())
      // A sign-in and a step-up may follow one another; `told` is another for each, and for each demand.
      decision = run({ code, loginUrl: url.pathname + url.search }, told).finally(() => {
        isOpen = false
        round++
      })
      return decision
    },
    loginUrl: ({ returnTo = here(), query }) => `${base}/login?${new URLSearchParams({ ...query, return_to: returnTo })}`,
  }
}

function here(): string {
  return location.pathname + location.search + location.hash
}
