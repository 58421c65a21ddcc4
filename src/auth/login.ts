import type { Request, RequestHandler, Response } from 'express'
import type { GatewayConfig, Origin, ProviderConfig } from '../config/config.ts'
import type { Provider } from '../oidc/provider.ts'
import { chooserPage } from '../pages/chooser-page.ts'
import type { AttemptInput, Attempts } from '../session/attempts.ts'
import type { AdmitWithin } from '../store/limiter.ts'
import type { AttemptCookies } from './attempt-cookies.ts'
import type { Bounce } from './bounce.ts'
import { createCountAttempt } from './count-attempt.ts'
import type { FreshAfterLapse } from './lapsed.ts'
import { liveSession } from './live-session.ts'
import { asksAgain, asksStepUp, chooseProviders, keepFresh, readLoginParams } from './login-params.ts'
import { requireNavigation } from './navigation.ts'
import { readQuery } from './query.ts'
import { exchangeOf, redirect, sendPage } from './respond.ts'
import type { ReturnTo } from './return-to.ts'

export interface LoginDeps {
  readonly config: GatewayConfig
  readonly providers: ReadonlyMap<string, Provider>
  readonly attempts: Attempts
  readonly admitWithin: AdmitWithin
  readonly cookies: AttemptCookies
  readonly bounce: Bounce
  readonly returnTo: ReturnTo
  readonly freshAfterLapse: FreshAfterLapse
}

/**
 * GET /auth/login: starts a sign-in attempt and sends the browser to the provider.
 *
 * @throws {GatewayError} `navigation_required`, `bad_request`, `too_many_requests`, `idp_unavailable`, `store_unavailable`
 */
export function createLogin(deps: LoginDeps): RequestHandler {
  const { config, providers, attempts, cookies } = deps
  const countAttempt = createCountAttempt(config.session, deps.admitWithin)

  return async function login(req, res) {
    const { target } = exchangeOf(res)
    requireNavigation(req)
    const query = readQuery(target)
    if (deps.bounce(req, res)) return

    const returnTo = readReturnTo(query, res)
    const before = liveSession(req, target.origin)
    if (before !== null && !asksAgain(query)) return redirect(res, 303, returnTo)

    const raised = before !== null && asksStepUp(query) ? before : null
    const choices = chooseProviders(query, config.identityProviders)
    // Who is signed in is asked again where they signed in.
    const [chosen, ...others] = raised === null ? choices : preferOwn(choices, raised.record.provider)
    if (others.length > 0) return sendPage(res, chooser(query))
    await begin(req, res, query, providers.get(chosen?.id ?? ''), {
      returnTo,
      ...(raised === null ? {} : { stepUp: raised.sessionId }),
    })
  }

  async function begin(
    req: Request,
    res: Response,
    query: URLSearchParams,
    provider: Provider | undefined,
    aim: Pick<AttemptInput, 'returnTo' | 'stepUp'>,
  ): Promise<void> {
    if (provider === undefined) throw new TypeError('a configured provider was not created')
    const { origin } = exchangeOf(res).target
    const asked = readLoginParams(query, provider.config)
    await countAttempt(exchangeOf(res).clientAddress)
    const { params, ...rest } = keepFresh(asked, await freshnessOf(req, origin, provider), provider.config.authorizationParams)
    const { ticket, attempt } = await attempts.begin({ provider: provider.config.id, origin: origin.href, ...aim, ...rest })
    const url = await provider.authorizationUrl({
      redirectUri: callbackUri(config, origin.href, provider.config.id),
      state: attempt.state,
      nonce: attempt.nonce,
      verifier: attempt.verifier,
      params,
    })
    // Last, so that a provider that is down leaves no cookie behind.
    cookies.give(req, res, ticket, provider.config.responseMode)
    redirect(res, 302, url.href)
  }

  /** A provider that does not tell when the person authenticated cannot be held to it (docs/security.md). */
  async function freshnessOf(req: Request, origin: Origin, provider: Provider): Promise<number | undefined> {
    const seconds = deps.freshAfterLapse(req, origin)
    return seconds !== undefined && (await provider.tellsAuthTime()) ? seconds : undefined
  }

  function readReturnTo(query: URLSearchParams, res: Response): string {
    const { origin } = exchangeOf(res).target
    const own = query.get('return_to')
    return own === null ? deps.returnTo(query.get('target_link_uri') ?? '/', origin, { mayBeAbsolute: true }) : deps.returnTo(own, origin)
  }

  /** The same request once more, with the provider named. */
  function chooser(query: URLSearchParams): string {
    const choices = chooseProviders(query, config.identityProviders).map(({ id, label }) => {
      const next = new URLSearchParams(query)
      next.delete('iss')
      next.set('provider', id)
      return { label, href: `${config.paths.base}/login?${next}` }
    })
    return chooserPage({ brand: config.pages, choices })
  }
}

function preferOwn(choices: readonly ProviderConfig[], id: string): readonly ProviderConfig[] {
  const own = choices.filter(choice => choice.id === id)
  return own.length === 0 ? choices : own
}

/** From the configuration alone, never from Host (FLOW-03); each provider has its own (RFC 9700 §4.4.2.2). */
export function callbackUri(config: GatewayConfig, origin: string, providerId: string): string {
  return `${origin}${config.paths.base}/callback/${providerId}`
}
