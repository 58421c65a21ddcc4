import type { IncomingMessage, ServerResponse } from 'node:http'
import type { RouteRule } from '../config/config.ts'
import { GatewayError } from '../errors.ts'
import type { Exchange } from '../http/exchange.ts'
import { createRecent } from '../session/recent.ts'
import type { Caller, CallerStage } from './caller.ts'
import type { Forward } from './forward.ts'
import { readFraming } from './forward-body.ts'
import type { ForwardOutcome } from './forward-outcome.ts'
import { type Assurance, isMetBy, readStepUp, stepUpRequired } from './step-up-challenge.ts'

/** A token that is younger is not renewed because of a 401: a burst of refused calls is no storm of refreshes. */
const coolDownMs = 10_000

/** How long it is remembered of a token that its renewal was of no use; most tokens do not live that long. */
const inVainMs = 10 * 60_000

// RFC 9110 §9.2.2, without TRACE, which never passes.
const idempotent: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'])

export interface UnauthorizedDeps {
  readonly renew: CallerStage['renew']
  readonly isRenewable: CallerStage['isRenewable']
  readonly forward: Forward
  readonly now: () => number
}

/** The lines of a WWW-Authenticate header. */
type Challenge = string | readonly string[] | undefined

/** A request to which the upstream has answered 401. */
export interface Refused {
  readonly req: IncomingMessage
  readonly res: ServerResponse
  readonly exchange: Exchange
  readonly route: RouteRule
  readonly caller: Caller
}

/** What an upstream's 401 brings about: a token may have been revoked before its time, or say too little of the person. */
export interface Unauthorized {
  /**
   * Asked when the upstream has answered 401, before anything of it is passed on: whether it stays here, and
   * `tryAgain` follows. Where the request cannot be repeated the answer goes on, and the token is renewed behind it
   * for the next.
   */
  withholds(req: IncomingMessage, route: RouteRule, caller: Caller, challenge: Challenge): boolean
  /**
   * Renews the token and repeats the request once; whatever comes of that is the answer.
   *
   * @param challenge of the answer that was withheld
   * @throws {GatewayError} `step_up_required` where the upstream asks for another sign-in, `insufficient_scope` where it
   *   goes on asking for what the session is; what `CallerStage.renew` throws, but where the IdP is away or gives no other
   *   token: then the upstream may say its 401 again
   */
  tryAgain(refused: Refused, challenge: Challenge): Promise<ForwardOutcome>
}

/**
 * Creates the answer to an upstream's 401 (RTK-10). One renewal serves all requests whose token was refused, and none
 * is made for a token that is new, or that came of such a renewal and is refused as well: an upstream that always
 * answers 401 costs one refresh for each token.
 */
export function createUnauthorized({ renew, isRenewable, forward, now }: UnauthorizedDeps): Unauthorized {
  /** Tokens that came of such a renewal and were refused too, or will be for all that anybody can see. */
  const inVain = createRecent<true>({ limit: 4096, generationMs: inVainMs, now })

  function isWorthRenewing(route: RouteRule, caller: Caller): boolean {
    const { token } = caller
    if (token === null || !isRenewable(route, caller) || now() - token.refreshedAt < coolDownMs) return false
    return inVain.get(token.token) === undefined
  }

  function markInVain({ token }: Caller): void {
    if (token !== null) inVain.set(token.token, true)
  }

  async function renewBehind(route: RouteRule, caller: Caller): Promise<void> {
    markInVain(await renew(route, caller))
  }

  function refuseLevel(asked: Assurance, { signedIn }: Caller): GatewayError {
    if (signedIn === null || !isMetBy(asked, signedIn.record, now())) return stepUpRequired(asked, { reason: 'upstream_challenge' })
    return new GatewayError('insufficient_scope', 'the upstream goes on asking for the sign-in that there is', {
      reason: 'step_up_in_vain',
    })
  }

  return {
    withholds(req, route, caller, challenge) {
      // To renew the token would bring one of the same level (STEP-01).
      if (readStepUp(challenge) !== null) return true
      if (!isWorthRenewing(route, caller)) return false
      if (idempotent.has(req.method ?? '') && readFraming(req, Number.POSITIVE_INFINITY).kind === 'none') return true
      // Whatever becomes of it, the next request will see.
      renewBehind(route, caller).catch(() => undefined)
      return false
    },

    async tryAgain({ req, res, exchange, route, caller }, challenge) {
      const asked = readStepUp(challenge)
      if (asked !== null) throw refuseLevel(asked, caller)
      const renewed = await renew(route, caller).catch(error => {
        if (error instanceof GatewayError && (error.code === 'idp_unavailable' || error.code === 'insufficient_scope')) return caller
        throw error
      })
      const outcome = await forward(req, res, exchange, route, renewed)
      if (outcome.result === 'answered' && outcome.status === 401 && renewed !== caller) markInVain(renewed)
      return outcome
    },
  }
}
