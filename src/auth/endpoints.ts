import type { IncomingMessage, ServerResponse } from 'node:http'
import express, { type ErrorRequestHandler, type RequestHandler } from 'express'
import type { GatewayConfig } from '../config/config.ts'
import { assertionKeysPath } from '../config/own-paths.ts'
import { GatewayError } from '../errors.ts'
import type { Exchange, Target } from '../http/exchange.ts'
import { isFormNavigation } from '../http/fetch-metadata.ts'
import { createPageHeaders } from '../http/security-headers.ts'
import type { Provider } from '../oidc/provider.ts'
import type { Audit } from '../ops/audit.ts'
import type { Trail } from '../ops/trail.ts'
import { styles } from '../pages/styles.ts'
import type { Attempts } from '../session/attempts.ts'
import type { Random } from '../session/credential.ts'
import { createExpressSession } from '../session/express-session.ts'
import type { Families } from '../session/families.ts'
import type { Credential, SignedIn } from '../session/session.ts'
import type { SessionList } from '../session/session-list.ts'
import type { Every, Watch } from '../session/watch.ts'
import type { AdmitWithin } from '../store/limiter.ts'
import type { Admit } from '../tokens/admit.ts'
import type { Endings } from '../tokens/endings.ts'
import type { ProviderLogout } from '../tokens/provider-logout.ts'
import type { Renew } from '../tokens/renew.ts'
import type { StepUp } from '../tokens/step-up.ts'
import { createAccount } from './account.ts'
import { createAssertionKeys } from './assertion-keys.ts'
import { createAttemptCookies } from './attempt-cookies.ts'
import { createBackChannelLogout } from './back-channel-logout.ts'
import { createBounce } from './bounce.ts'
import { admitAnswer, callbackMethod, createCallback } from './callback.ts'
import { readCallbackForm } from './callback-form.ts'
import { createContinue } from './continue.ts'
import { createEvents } from './events.ts'
import { createFrontChannelLogout } from './front-channel-logout.ts'
import { createFreshAfterLapse } from './lapsed.ts'
import { createSessionReader } from './live-session.ts'
import { createLogin } from './login.ts'
import { createConfirmLogout, createLoggedOut, createLogout } from './logout.ts'
import { namedProvider } from './named-provider.ts'
import { createProofs } from './proofs.ts'
import { createRefresh } from './refresh.ts'
import { exchangeOf, type Visit, visitOf } from './respond.ts'
import { createReturnTo } from './return-to.ts'
import { createDescribeState, createSession } from './session.ts'
import { createRevokeOthers, createRevokeSession, createSessions } from './sessions.ts'
import { readSmallBody } from './small-body.ts'
import { createRaise } from './step-up.ts'

/**
 * Refuses what another site began (contract.md section 8a).
 *
 * @param isOwnForm whether the body held the token of one of our own forms, which counts where Origin is `null`
 * @throws {GatewayError} `cross_site_refused`
 */
export type RefuseForeign = (req: IncomingMessage, exchange: Exchange, isOwnForm?: boolean) => void

/** The long-lived parts of the gateway that the endpoints work with. */
export interface EndpointParts {
  readonly providers: ReadonlyMap<string, Provider>
  readonly attempts: Attempts
  readonly admitWithin: AdmitWithin
  readonly families: Families
  readonly list: SessionList
  readonly endings: Endings
  readonly providerLogout: ProviderLogout
  readonly admit: Admit
  readonly renew: Renew
  readonly watch: Watch
  readonly every: Every
  readonly stepUp: StepUp
  /** The credential in a session cookie whose signature is ours. */
  readonly readCookie: (raw: string) => Credential | null
  /** The session cookie. */
  readonly cookie: { readonly name: string; readonly isSecure: boolean }
  readonly audit: Audit
  readonly now: () => number
  readonly random: Random
}

/** What the request stages lend. */
export interface EndpointStages {
  /** Whether a GET for this target reaches a route of kind `page`. */
  isPage(target: Target): boolean
  /** Whether a GET for this target would send the person to a step-up. */
  asksForMore(target: Target, signedIn: SignedIn): boolean
  refuseForeign: RefuseForeign
  /** Answers with an error, as a page or as problem+json, and audits it. */
  refuse(req: IncomingMessage, res: ServerResponse, visit: Visit & { readonly route: undefined }, error: unknown): void
}

export interface Endpoints {
  /** Answers a request for a path of our own. Nothing here looks at Host, or reads the target anew. */
  serve(req: IncomingMessage, res: ServerResponse, exchange: Exchange, trail: Trail): void
}

interface Handlers {
  readonly get?: RequestHandler[]
  readonly post?: RequestHandler[]
  readonly delete?: RequestHandler[]
}

/** Creates our own endpoints: an Express app, one line for each. */
export function createEndpoints(config: GatewayConfig, gateway: EndpointParts, stages: EndpointStages): Endpoints {
  const { cookieKeys, cookie } = config.session
  const session = createExpressSession({ families: gateway.families, cookie: gateway.cookie, keys: cookieKeys, random: gateway.random })
  const readSession = createSessionReader({ session, cookie: gateway.cookie })
  const parts = {
    ...gateway,
    config,
    refuseForeign: stages.refuseForeign,
    cookies: createAttemptCookies(cookie),
    proofs: createProofs({ keys: cookieKeys, now: gateway.now }),
    bounce: createBounce({ config, cookie: gateway.cookie }),
    freshAfterLapse: createFreshAfterLapse({ ...gateway, config }),
    returnTo: createReturnTo({ config, isPage: stages.isPage }),
    describeState: createDescribeState({ config, now: gateway.now }),
    asksForMore: stages.asksForMore,
  }
  const raise = createRaise(parts)

  const app = express()
  app.disable('x-powered-by').disable('etag').set('query parser', false)
  app.enable('case sensitive routing').enable('strict routing')
  app.use(ownHeaders(config), takeReading)

  // No HEAD where GET changes something: HEAD is for looking.
  endpoint('/login', 'GET', { get: [readSession, createLogin(parts)] })
  const callback = createCallback(parts)
  endpoint('/callback/:provider', target => callbackMethod(parts.providers, target), {
    get: [admitAnswer, callback],
    post: [admitAnswer, readCallbackForm, callback],
  })
  endpoint('/continue/:attempt', 'GET', { get: [readSession, createContinue({ ...parts, raise })] })
  endpoint('/session', 'GET, HEAD', { get: [readSession, createSession(parts)] })
  endpoint('/session/refresh', 'POST', { post: [readSession, createRefresh(parts)] })
  endpoint('/events', 'GET, HEAD', { get: [readSession, createEvents(parts)] })
  endpoint('/logout', 'GET, HEAD, POST', {
    get: [readSession, createConfirmLogout(parts)],
    // The body first, however slowly it comes: a session that ends meanwhile ends no other.
    post: [readSmallBody, readSession, createLogout(parts)],
  })
  endpoint('/logged-out', 'GET, HEAD', { get: [createLoggedOut(parts)] })
  endpoint('/backchannel-logout/:provider', ofProvider('POST'), { post: [createBackChannelLogout(parts)] })
  endpoint('/frontchannel-logout/:provider', ofProvider('GET'), { get: [createFrontChannelLogout(parts)] })

  endpoint('/account', 'GET, HEAD', { get: [readSession, createAccount(parts)] })
  endpoint('/sessions', 'GET, HEAD', { get: [readSession, createSessions(parts)] })
  endpoint('/sessions/revoke-others', 'POST', { post: [readSmallBody, readSession, createRevokeOthers(parts)] })
  const revokeSession = createRevokeSession(parts)
  endpoint('/sessions/:session_id', 'DELETE', { delete: [readSmallBody, readSession, revokeSession] })
  endpoint('/sessions/:session_id/revoke', 'POST', { post: [readSmallBody, readSession, revokeSession] })

  // Without the session, the cookie and the store: whoever verifies an assertion has none of them.
  if (config.assertionKeys.length > 0)
    endpointAt(assertionKeysPath, assertionKeysPath, 'GET, HEAD', { get: [createAssertionKeys(config.assertionKeys)] })

  app.use(noRoute)
  app.use(((error, req, res, _next) => {
    const { exchange, ...visit } = visitOf(res)
    // Who submits a form of ours, or of a provider, sees what comes of it, as with a link.
    const isNavigation = exchange.isNavigation || isFormNavigation(req)
    stages.refuse(req, res, { ...visit, exchange: { ...exchange, isNavigation }, route: undefined }, error)
  }) satisfies ErrorRequestHandler)

  return {
    serve(req, res, exchange, trail) {
      Object.assign(res, { locals: { exchange, trail } satisfies Visit })
      app(req, res)
    },
  }

  function endpoint(path: string, allow: string | ((target: Target) => string), handlers: Handlers): void {
    endpointAt(config.paths.base + path, literal(config.paths.base) + path, allow, handlers)
  }

  /** @param name for the log; `pattern` says the same to Express */
  function endpointAt(name: string, pattern: string, allow: string | ((target: Target) => string), handlers: Handlers): void {
    const route = app.route(pattern)
    // Before all handlers: Express would answer HEAD with those of GET.
    route.all((req, res, next) => {
      const { exchange, trail } = visitOf(res)
      trail.route = name
      rejectMethod(req.method, typeof allow === 'string' ? allow : allow(exchange.target))
      next()
    })
    for (const method of ['get', 'post', 'delete'] as const) {
      const chain = handlers[method]
      if (chain !== undefined) route[method](...chain)
    }
  }

  /** The same methods for every provider that there is. */
  function ofProvider(allow: string): (target: Target) => string {
    return target => {
      namedProvider(parts.providers, target)
      return allow
    }
  }
}

/** A path as text to Express, which would read some of its characters as pattern. */
function literal(path: string): string {
  return path.replace(/[()+!:*]/g, '\\$&')
}

/** The headers of our pages, on our other answers too: they forbid what those never do. */
function ownHeaders(config: GatewayConfig): RequestHandler {
  const { logo } = config.pages
  const options = { stylesheet: styles, ...(logo === undefined ? {} : { logo }) }
  const [secure, plain] = [true, false].map(isSecure => createPageHeaders({ ...options, isSecure })) as [
    readonly string[],
    readonly string[],
  ]

  return function setHeaders(_req, res, next) {
    const { target, requestId } = exchangeOf(res)
    const headers = target.origin.isSecure ? secure : plain
    for (let at = 0; at < headers.length; at += 2) res.set(headers[at] ?? '', headers[at + 1] ?? '')
    res.set({ 'cache-control': 'no-store', 'x-request-id': requestId })
    next()
  }
}

/** What the gateway has read of the request stands, not what Express or express-session would make of it. */
const takeReading: RequestHandler = (req, res, next) => {
  const { target } = exchangeOf(res)
  req.url = target.path + target.query
  // The configured origin says what is https, not the socket: without this there would be no Secure cookie.
  Object.defineProperty(req, 'secure', { value: target.origin.isSecure })
  next()
}

/** @param allow as the header of this name has it: methods, with commas between */
function rejectMethod(method: string, allow: string): void {
  if (allow.split(', ').includes(method)) return
  throw new GatewayError('method_not_allowed', 'the endpoint does not take this method', { headers: { allow } })
}

const noRoute: RequestHandler = () => {
  throw new GatewayError('no_route', 'we have no endpoint of this name')
}
