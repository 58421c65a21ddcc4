import type { Request, RequestHandler, Response } from 'express'
import type { AttemptCookies } from '../auth/attempt-cookies.ts'
import type { CountAttempt } from '../auth/count-attempt.ts'
import { callbackUri } from '../auth/login.ts'
import { chooseProviders, readLoginParams } from '../auth/login-params.ts'
import { requireNavigation } from '../auth/navigation.ts'
import { exchangeOf, redirect, sendPage } from '../auth/respond.ts'
import type { GatewayConfig, ProviderConfig } from '../config/config.ts'
import type { NativeClient, NativeConfig } from '../config/native-config.ts'
import { GatewayError } from '../errors.ts'
import type { Provider } from '../oidc/provider.ts'
import { chooserPage } from '../pages/chooser-page.ts'
import { handOffPage } from '../pages/hand-off-page.ts'
import type { Attempts, CodeAnswer, NativeAsk } from '../session/attempts.ts'
import { toOAuthError } from './answer-error.ts'
import { type RequestReader, readResponseMode } from './authorization-request.ts'
import type { ClientAnswer } from './client-answer.ts'
import { OAuthError } from './oauth-error.ts'
import type { PushedRequests } from './pushed-requests.ts'
import { readBodyParams, readOAuthParams } from './read-form.ts'

export interface BeginDeps {
  readonly config: GatewayConfig
  readonly native: NativeConfig
  readonly providers: ReadonlyMap<string, Provider>
  readonly attempts: Attempts
  readonly cookies: AttemptCookies
  readonly countAttempt: CountAttempt
}

export interface AuthorizeDeps extends BeginDeps {
  readonly requests: RequestReader
  readonly pushed: PushedRequests
  readonly answer: ClientAnswer
  readonly begin: Begin
}

/**
 * GET, POST /oauth/authorize: begins a sign-in of its own for a native client, in this browser. A browser session is
 * neither read, made nor ended: who is signed in at the provider is for the approval page to show.
 *
 * @throws {OAuthError | GatewayError} to be shown on a page, as long as nobody knows where an answer may go (NAT-09). What
 *   comes after is told to the client.
 */
export function createAuthorize(deps: AuthorizeDeps): RequestHandler {
  const { config, requests, pushed, answer } = deps

  return async function authorize(req, res) {
    requireNavigation(req)
    const { target, clientAddress } = exchangeOf(res)
    const sent = req.method === 'POST' ? readBodyParams(req) : readOAuthParams(target.query)
    const { params, isPushed, take } = await findRequest(sent)
    const addressed = await requests.address(params, clientAddress)
    requirePushed(addressed.client, isPushed)
    const to = { ...addressed, responseMode: modeOf(params) }
    try {
      const ask = requests.read(params, addressed)
      const [chosen, ...others] = chooseProviders(only(sent, 'provider'), config.identityProviders)
      if (others.length > 0 || chosen === undefined) return sendPage(res, chooser(sent))
      if (!(await take())) throw new OAuthError('invalid_request', 'The pushed request was used before.', { reason: 'request_uri' })
      await deps.begin(req, res, chosen, ask, loginParamsOf(params, chosen))
    } catch (error) {
      answer.turnBack(res, to, toOAuthError(error))
    }
  }

  async function findRequest(sent: URLSearchParams): Promise<{ params: URLSearchParams; isPushed: boolean; take: () => Promise<boolean> }> {
    const requestUri = sent.get('request_uri')
    if (requestUri === null) return { params: sent, isPushed: false, take: async () => true }
    const found = await pushed.open(requestUri, sent.get('client_id') ?? '')
    if (found !== null) return { ...found, isPushed: true }
    throw new GatewayError('bad_request', 'there is no such pushed request', { reason: 'request_uri' })
  }

  /** The same request once more, with the provider named. */
  function chooser(sent: URLSearchParams): string {
    const choices = config.identityProviders.map(({ id, label }) => {
      const next = new URLSearchParams(sent)
      next.set('provider', id)
      return { label, href: `${config.paths.native}/authorize?${next}` }
    })
    return chooserPage({ brand: config.pages, choices })
  }
}

/** Starts the sign-in at the provider. @throws {GatewayError} `too_many_requests`, `idp_unavailable`, `store_unavailable` */
export type Begin = (
  req: Request,
  res: Response,
  provider: ProviderConfig,
  ask: NativeAsk,
  login: ReturnType<typeof readLoginParams>,
) => Promise<void>

/** Creates what begins the sign-in of a native client; its attempt cookie is the one that goes through to the approval (NAT-14). */
export function createBegin({ config, native, providers, attempts, cookies, countAttempt }: BeginDeps): Begin {
  return async function begin(req, res, { id, responseMode }, ask, { params, ...rest }) {
    const provider = providers.get(id)
    if (provider === undefined) throw new TypeError('a configured provider was not created')
    await countAttempt(exchangeOf(res).clientAddress)
    const origin = native.origin.href
    const { ticket, attempt } = await attempts.begin({ provider: id, origin, returnTo: '/', native: ask, ...rest })
    const { state, nonce, verifier } = attempt
    const url = await provider.authorizationUrl({ redirectUri: callbackUri(config, origin, id), state, nonce, verifier, params })
    cookies.give(req, res, ticket, responseMode)
    // It begins with a form of ours: a redirect would be held to the `form-action 'self'` of its page.
    if (ask.answer === null) return sendPage(res, handOffPage({ brand: config.pages, purpose: 'signed_out', to: url.href }))
    redirect(res, 302, url.href)
  }
}

/**
 * The switch of the operator, for each client (RFC 9126 §4). Told on a page: an address that the program did not make is
 * somebody else's, so nobody waits for the answer, and the person is to see that it leads nowhere.
 */
function requirePushed({ par }: NativeClient, isPushed: boolean): void {
  if (par === 'require' && !isPushed) throw new OAuthError('unauthorized_client', 'the request was not pushed', { reason: 'not_pushed' })
}

/** What of an authorization request the provider is told: how to ask the person, and nothing of the protocol (OpenID Connect Core §3.1.2.1). */
function loginParamsOf(params: URLSearchParams, provider: ProviderConfig) {
  return readLoginParams(params, { ...provider, loginParams: [] })
}

function modeOf(params: URLSearchParams): CodeAnswer['responseMode'] {
  try {
    return readResponseMode(params)
  } catch {
    return 'query'
  }
}

function only(params: URLSearchParams, name: string): URLSearchParams {
  const value = params.get(name)
  return new URLSearchParams(value === null ? {} : { [name]: value })
}
