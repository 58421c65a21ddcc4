import type { IncomingMessage } from 'node:http'
import express, { type ErrorRequestHandler, type Express, type Request, type RequestHandler, type Response } from 'express'
import type { GatewayConfig } from '../config/config.ts'
import { GatewayError } from '../errors.ts'
import type { Exchange, Target } from '../http/exchange.ts'
import type { Provider } from '../oidc/provider.ts'
import type { Audit } from '../ops/audit.ts'
import type { Attempts } from '../session/attempts.ts'
import type { Random } from '../session/credential.ts'
import { createExpressSession } from '../session/express-session.ts'
import type { Families } from '../session/families.ts'
import { createAttemptCookies } from './attempt-cookies.ts'
import { createBounce } from './bounce.ts'
import { createCallback } from './callback.ts'
import { createContinue } from './continue.ts'
import { createSessionReader } from './live-session.ts'
import { createLogin } from './login.ts'
import { createConfirmLogout, createLoggedOut, createLogout } from './logout.ts'
import { readLogoutForm } from './logout-form.ts'
import { createProofs } from './proofs.ts'
import { exchangeOf } from './respond.ts'
import { createReturnTo } from './return-to.ts'
import { createSession } from './session.ts'

/**
 * Refuses what another site began (contract.md section 8a).
 *
 * @param isOwnForm whether the body held the token of one of our own forms, which counts where Origin is `null`
 * @throws {GatewayError} `cross_site_refused`
 */
export type RejectCrossSite = (req: IncomingMessage, exchange: Exchange, isOwnForm?: boolean) => void

export interface EndpointDeps {
  readonly config: GatewayConfig
  readonly providers: ReadonlyMap<string, Provider>
  readonly attempts: Attempts
  readonly families: Families
  /** The session cookie. */
  readonly cookie: { readonly name: string; readonly isSecure: boolean }
  /** Whether a GET for this target reaches a route of kind `page`. */
  readonly isPage: (target: Target) => boolean
  readonly rejectCrossSite: RejectCrossSite
  /** Sets the headers of every answer, before anything else can fail. */
  readonly headers: RequestHandler
  /** Answers with an error, as a page or as problem+json, and audits it. */
  readonly refuse: (req: Request, res: Response, error: unknown) => void
  readonly audit: Audit
  readonly now: () => number
  readonly random: Random
}

/**
 * Creates our own endpoints, all under `paths.base`. What the gateway has read of the request comes with the answer, in
 * `res.locals`; nothing here looks at Host.
 */
export function createEndpoints(deps: EndpointDeps): Express {
  const { config, cookie } = deps
  const { cookieKeys } = config.session
  const session = createExpressSession({ families: deps.families, cookie, keys: cookieKeys, random: deps.random })
  const readSession = createSessionReader({ session, cookie })
  const parts = {
    ...deps,
    cookies: createAttemptCookies(config.session.cookie),
    proofs: createProofs({ keys: cookieKeys, now: deps.now }),
    bounce: createBounce(deps),
    returnTo: createReturnTo(deps),
  }

  const app = express()
  app.disable('x-powered-by').disable('etag').set('query parser', false)
  app.enable('case sensitive routing').enable('strict routing')
  app.use(deps.headers, trustConfiguredScheme)

  // No HEAD where GET changes something: HEAD is for looking.
  endpoint('/login', 'GET', { get: [readSession, createLogin(parts)] })
  endpoint('/callback/:provider', 'GET', { get: [createCallback(parts)] })
  endpoint('/continue/:attempt', 'GET', { get: [readSession, createContinue(parts)] })
  endpoint('/session', 'GET, HEAD', { get: [readSession, createSession(parts)] })
  endpoint('/logout', 'GET, HEAD, POST', {
    get: [readSession, createConfirmLogout(parts)],
    post: [readSession, readLogoutForm, createLogout(parts)],
  })
  endpoint('/logged-out', 'GET, HEAD', { get: [createLoggedOut(parts)] })

  app.use(noRoute)
  app.use(((error, req, res, _next) => deps.refuse(req, res, error)) satisfies ErrorRequestHandler)
  return app

  function endpoint(path: string, allow: string, handlers: { readonly get: RequestHandler[]; readonly post?: RequestHandler[] }): void {
    const notAllowed = rejectMethod(allow)
    const route = app.route(config.paths.base + path)
    // Express would answer HEAD with the handlers of GET.
    if (!allow.includes('HEAD')) route.head(notAllowed)
    route.get(...handlers.get)
    if (handlers.post !== undefined) route.post(...handlers.post)
    route.all(notAllowed)
  }
}

/** express-session asks `req.secure`; the configured origin says what is https, not the socket (contract.md section 4). */
const trustConfiguredScheme: RequestHandler = (req, res, next) => {
  Object.defineProperty(req, 'secure', { value: exchangeOf(res).target.origin.isSecure })
  next()
}

function rejectMethod(allow: string): RequestHandler {
  return () => {
    throw new GatewayError('method_not_allowed', 'the endpoint does not take this method', { headers: { allow } })
  }
}

const noRoute: RequestHandler = () => {
  throw new GatewayError('no_route', 'we have no endpoint of this name')
}
