import type { Request, Response } from 'express'
import { GatewayError } from '../errors.ts'
import { canonicalPath } from '../http/canonical-path.ts'
import type { Target } from '../http/exchange.ts'
import type { Audit } from '../ops/audit.ts'
import { auditOf } from '../ops/trail.ts'
import type { Attempt } from '../session/attempts.ts'
import { type Random, randomToken } from '../session/credential.ts'
import { handOver } from '../session/express-session.ts'
import type { SignedIn, SignIn } from '../session/session.ts'
import type { Admit } from '../tokens/admit.ts'
import type { StepUp } from '../tokens/step-up.ts'
import { exchangeOf, noteVisit, redirect, visitOf } from './respond.ts'

export interface RaiseDeps {
  readonly config: { readonly paths: { readonly base: string } }
  readonly stepUp: StepUp
  readonly admit: Admit
  /** Whether a GET for this target would send the person to yet another step-up. */
  readonly asksForMore: (target: Target, signedIn: SignedIn) => boolean
  readonly audit: Audit
  readonly random: Random
}

/** A sign-in that is to raise a session, as it was taken at /auth/continue. */
export interface Raise {
  readonly before: SignedIn
  readonly signIn: SignIn
  readonly attempt: Attempt
  /** Where it leads, judged once more. */
  readonly returnTo: string
}

/**
 * Creates the end of a step-up: the session that is there gets the level of a sign-in by the same person. Whatever
 * does not fit leaves it as it was, and the person sees why: to be sent to sign in again by itself would be a loop
 * (RFC 9470 §9).
 *
 * @throws {GatewayError} `step_up_required` (`other_person`, `acr_not_met`, `step_up_in_vain`), and what `StepUp` and
 *   `Admit` throw
 */
export function createRaise(deps: RaiseDeps): (req: Request, res: Response, raise: Raise) => Promise<void> {
  const loginPath = `${deps.config.paths.base}/login`

  return async function raise(req, res, { before, signIn, attempt, returnTo }) {
    noteVisit(res, { signInPath: `${loginPath}?${queryOf(attempt)}` })
    const { target } = exchangeOf(res)
    requireSamePerson(before, signIn)
    requireMet(attempt, signIn)

    const next = { ...before.credential, secret: randomToken(deps.random, 32) }
    const raised = await deps.stepUp.raise(before, next, signIn)
    // Another tab has done the same: this browser has its cookie, or will in a moment.
    if (raised === 'overtaken') return redirect(res, 303, returnTo)
    await deps.admit(next, signIn, attempt.begunAt)
    await handOver(req, next)

    const acr = signIn.acr === null ? {} : { acr: signIn.acr }
    auditOf(deps.audit, visitOf(res).trail)('step_up', { ...acr, amr: signIn.amr, outcome: 'ok' })
    const [address = ''] = returnTo.split('#')
    if (deps.asksForMore({ origin: target.origin, ...canonicalPath(address) }, raised)) throw notEnough({ reason: 'step_up_in_vain' })
    redirect(res, 303, returnTo)
  }
}

function requireSamePerson({ record }: SignedIn, { provider, sub }: SignIn): void {
  if (record.provider !== provider || record.sub !== sub) throw notEnough({ reason: 'other_person' })
}

/** `max_age` was checked with the ID token; `acr_values` is a wish to the provider, which says what became of it. */
function requireMet({ acrValues }: Attempt, { acr }: SignIn): void {
  if (acrValues === undefined || (acr !== null && acrValues.split(' ').includes(acr))) return
  throw notEnough({ reason: 'acr_not_met' })
}

function notEnough(why: { readonly reason: string }): GatewayError {
  return new GatewayError('step_up_required', 'the sign-in does not raise the session to what was asked for', why)
}

function queryOf({ returnTo, acrValues, maxAge }: Attempt): URLSearchParams {
  return new URLSearchParams({
    return_to: returnTo,
    ...(acrValues === undefined ? {} : { acr_values: acrValues }),
    ...(maxAge === undefined ? {} : { max_age: String(maxAge) }),
  })
}
