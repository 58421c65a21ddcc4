import type { Request, RequestHandler, Response } from 'express'
import type { GatewayConfig } from '../config/config.ts'
import { GatewayError } from '../errors.ts'
import type { Target } from '../http/exchange.ts'
import type { Provider } from '../oidc/provider.ts'
import { handOffPage } from '../pages/hand-off-page.ts'
import type { Attempt, Attempts, AttemptTicket, NativeAsk } from '../session/attempts.ts'
import { type AttemptCookies, isAttemptId } from './attempt-cookies.ts'
import { callbackUri } from './login.ts'
import { namedProvider } from './named-provider.ts'
import { requireNavigation } from './navigation.ts'
import { isSame } from './proofs.ts'
import { readParams, readQuery } from './query.ts'
import { exchangeOf, noteVisit, sendPage } from './respond.ts'

export interface CallbackDeps {
  readonly config: GatewayConfig
  readonly providers: ReadonlyMap<string, Provider>
  readonly attempts: Attempts
  readonly cookies: AttemptCookies
  readonly nativeLeg: NativeLeg | null
}

/** Where the sign-in of a native client goes on, instead of in a browser session. */
export interface NativeLeg {
  approvalPath(attemptId: string): string
  /** Tells the client that nothing comes of it. @throws {unknown} the same error, where no client waits for an answer */
  fail(res: Response, ask: NativeAsk, error: unknown): Promise<void>
}

/**
 * The one method that the callback of a provider takes: the one that its response mode means (FLOW-12).
 *
 * @throws {GatewayError} `no_route`
 */
export function callbackMethod(providers: CallbackDeps['providers'], target: Target): 'GET' | 'POST' {
  return namedProvider(providers, target).config.responseMode === 'form_post' ? 'POST' : 'GET'
}

/**
 * Lets the provider's answer in where a person brings it.
 *
 * A form comes from the provider's site, which the check of contract.md section 8a would refuse. It is not made here,
 * because that check protects what a session cookie may do, and the callback has none: its proof is the state, which
 * only who saw the authorization request knows, together with the attempt's cookie, which only this browser has.
 *
 * @throws {GatewayError} `navigation_required`
 */
export const admitAnswer: RequestHandler = (req, _res, next) => {
  requireNavigation(req)
  next()
}

/**
 * GET, POST /auth/callback/{provider}: takes what the provider sent, once, and parks the sign-in for /auth/continue.
 *
 * It is the end of a chain of redirects between sites, so the Strict session cookie is not there: it neither reads nor
 * makes a session. A wrong state spends nothing, or anybody could spoil a sign-in; from the right one on, the attempt
 * is used up whatever comes of it, before the provider is asked (FLOW-08).
 *
 * @throws {GatewayError} `bad_request`, `attempt_unknown`, `attempt_replayed`, and what `Provider.redeem` throws
 */
export function createCallback(deps: CallbackDeps): RequestHandler {
  const { config, attempts, cookies } = deps
  const loginPath = `${config.paths.base}/login`

  return async function callback(req, res) {
    const { target } = exchangeOf(res)
    const provider = namedProvider(deps.providers, target)
    const isForm = provider.config.responseMode === 'form_post'
    // Nobody can ask for a form once more by a link.
    if (isForm) noteVisit(res, { signInPath: loginPath })
    // The form alone counts where there is one: what stands in the address besides is nobody's answer.
    const answer = isForm ? readParams(String(req.body ?? '')) : readQuery(target)
    const { ticket, attempt, take } = await openAttempt(req, res, answer.get('state') ?? '')
    if (!(await take())) throw replayed()
    if (attempt.native !== undefined) return await finishNative(res, provider, answer, ticket, attempt, attempt.native)

    // From here on the same address leads to a replay: whoever tries again begins again.
    noteVisit(res, { signInPath: `${loginPath}?return_to=${encodeURIComponent(attempt.returnTo)}` })
    try {
      await redeem(res, provider, answer, ticket, attempt)
    } catch (error) {
      cookies.clear(res, ticket.id)
      if (!isSilentRefusal(error, attempt)) throw error
      // The application asked whether there is a session at the provider. There is none; that is its answer (IDT-17).
      return sendPage(res, handOffPage({ brand: config.pages, purpose: 'back', to: attempt.returnTo }))
    }
    sendPage(res, handOffPage({ brand: config.pages, purpose: 'sign_in', to: `${config.paths.base}/continue/${ticket.id}` }))
  }

  /** A native client's sign-in has no page of its own to come back to: it is the client that begins again. */
  async function finishNative(
    res: Response,
    provider: Provider,
    answer: URLSearchParams,
    ticket: AttemptTicket,
    attempt: Attempt,
    ask: NativeAsk,
  ): Promise<void> {
    noteVisit(res, { signInPath: null })
    if (deps.nativeLeg === null)
      throw new GatewayError('attempt_unknown', 'no native client signs in here any more', { reason: 'no_attempt' })
    try {
      await redeem(res, provider, answer, ticket, attempt)
    } catch (error) {
      cookies.clear(res, ticket.id)
      return await deps.nativeLeg.fail(res, ask, error)
    }
    sendPage(res, handOffPage({ brand: config.pages, purpose: 'sign_in', to: deps.nativeLeg.approvalPath(ticket.id) }))
  }

  /** Finds the attempt that the state and the browser's own cookie agree on. Spends nothing, asks nobody. */
  async function openAttempt(req: Request, res: Response, state: string) {
    const id = state.slice(0, state.indexOf('.'))
    if (!isAttemptId(id)) throw new GatewayError('bad_request', 'the state is missing or malformed', { reason: 'state_malformed' })
    const ticket = cookies.find(req, id)
    // Another browser's callback, or one that nobody here asked for (login CSRF).
    if (ticket === null) throw new GatewayError('attempt_unknown', 'the browser holds no ticket', { reason: 'no_ticket' })

    const opened = await attempts.open(ticket)
    // The cookie stays: the first of two callbacks may be on its way to /continue and needs it there.
    if (opened === 'spent') throw replayed()
    if (opened === 'unknown') {
      cookies.clear(res, id)
      throw new GatewayError('attempt_unknown', 'the attempt is over or was never begun', { reason: 'no_attempt' })
    }
    const { take, ...attempt } = opened
    if (!isSame(attempt.state, state)) throw new GatewayError('bad_request', 'the state is not the one sent', { reason: 'state_mismatch' })
    return { ticket, attempt, take }
  }

  async function redeem(
    res: Response,
    provider: Provider,
    answer: URLSearchParams,
    ticket: AttemptTicket,
    attempt: Attempt,
  ): Promise<void> {
    const { origin } = exchangeOf(res).target
    // Another connection's answer, be it to the same issuer (mix-up; RFC 9700 §4.4).
    if (attempt.provider !== provider.config.id)
      throw new GatewayError('bad_request', 'another provider answers', { reason: 'provider_mismatch' })
    if (attempt.origin !== origin.href)
      throw new GatewayError('bad_request', 'the answer comes to another origin', { reason: 'origin_mismatch' })
    const signIn = await provider.redeem({
      redirectUri: callbackUri(config, origin.href, provider.config.id),
      query: answer,
      state: attempt.state,
      nonce: attempt.nonce,
      verifier: attempt.verifier,
      ...(attempt.maxAge === undefined ? {} : { maxAge: attempt.maxAge }),
    })
    await attempts.park(ticket, attempt, signIn)
  }
}

// OpenID Connect Core §3.1.2.6: what a provider answers to prompt=none when it would have to ask.
const silentErrors = ['login_required', 'interaction_required', 'consent_required', 'account_selection_required']

/** Only where we asked for silence: a provider that says so unasked would send the browser round and round. */
function isSilentRefusal(error: unknown, attempt: Attempt): boolean {
  return attempt.isSilent === true && error instanceof GatewayError && silentErrors.includes(error.reason ?? '')
}

function replayed(): GatewayError {
  return new GatewayError('attempt_replayed', 'the callback was presented before', { reason: 'callback' })
}
