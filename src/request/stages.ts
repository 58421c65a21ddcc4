import type { IncomingMessage, ServerResponse } from 'node:http'
import type { GatewayConfig, RouteRule } from '../config/config.ts'
import { createOwnPathTest } from '../config/own-paths.ts'
import { GatewayError } from '../errors.ts'
import { clientAddress, createTrustedProxies } from '../http/client-address.ts'
import { type Cors, isPreflight } from '../http/cors.ts'
import type { Exchange, Target } from '../http/exchange.ts'
import { isNavigation } from '../http/fetch-metadata.ts'
import { refuseRepeatedHeaders } from '../http/repeated-headers.ts'
import type { RequestHead } from '../http/request-head.ts'
import { requestId } from '../http/request-id.ts'
import { readTarget } from '../http/target.ts'
import { describeFailure, type Log } from '../ops/log.ts'
import type { Metrics } from '../ops/metrics.ts'
import type { BeginTrace } from '../ops/tracing.ts'
import { auditOf, type Trail, writeRequest } from '../ops/trail.ts'
import { bringsHandle } from '../session/handle.ts'
import type { SignedIn } from '../session/session.ts'
import { subjectOf } from '../session/subject.ts'
import type { AdmitWithin } from '../store/limiter.ts'
import { decideAccess } from './access.ts'
import { type Caller, type CallerDeps, createCallerStage } from './caller.ts'
import { refuseCrossSite, refuseForeignPage } from './cross-site.ts'
import { refuseForeignSocket } from './foreign-socket.ts'
import type { Forward } from './forward.ts'
import type { ForwardOutcome } from './forward-outcome.ts'
import { afterCounting, createLimitStage } from './limits.ts'
import type { Refuse } from './refuse.ts'
import { admitMethod, matchRoute } from './route.ts'
import { createSessionStage, type PresentedSession, type SessionStageDeps } from './session.ts'
import { createUnauthorized, type Refused } from './unauthorized.ts'
import { createWebSocketStages, type WebSocketDeps } from './web-socket.ts'

export interface StageDeps extends CallerDeps, SessionStageDeps, WebSocketDeps {
  readonly config: GatewayConfig
  readonly now: () => number
  readonly log: Log
  readonly cors: Cors
  readonly admitWithin: AdmitWithin
  readonly forward: Forward
  readonly refuse: Refuse
  readonly metrics: Metrics
  readonly beginTrace: BeginTrace
}

export type Stages = ReturnType<typeof createStages>

type Withheld = Extract<ForwardOutcome, { readonly result: 'unauthorized' }>

/** Binds the stages of a request to one configuration. Each is a plain function; gateway.ts has their order. */
export function createStages(deps: StageDeps) {
  const { config, cors, now, metrics, beginTrace } = deps
  const proxies = createTrustedProxies(config.listen.trustedProxies)
  const checkCrossSite = refuseCrossSite(config.csrf)
  const checkPage = refuseForeignPage(config.origins, config.csrf)
  const { nobody, readPresented, readHeld, readSession } = createSessionStage(deps)
  const { countRequest, countUser } = createLimitStage(deps)
  const isOwnPath = createOwnPathTest(config.paths.base)

  function admit(target: Target, method: string): RouteRule {
    const route = matchRoute(config.routes, target)
    admitMethod(route, method)
    return route
  }

  function closeTrail(trail: Trail, res: ServerResponse): void {
    metrics.request(trail.route, trail.outcome)
    trail.trace?.end({ route: trail.route, status: res.statusCode, outcome: trail.outcome })
    writeRequest(deps.log, trail, res.statusCode, now)
    if (trail.subject?.kind === 'agent') noteAgentCall(trail, res.statusCode)
  }

  /** Of agents the audit holds every call, whatever the level of the log: nobody sits in front of them. */
  function noteAgentCall(trail: Trail, status: number): void {
    const outcome = trail.outcome === 'ok' ? 'ok' : status >= 400 && status < 500 ? 'refused' : 'failed'
    auditOf(deps.audit, trail)('agent_call', { status, duration_ms: now() - trail.startedAt, outcome })
  }

  const callers = createCallerStage(deps)
  const unauthorized = createUnauthorized({ ...callers, forward: deps.forward, now })

  function readExchange(req: RequestHead, { requestId, method, clientAddress, trace }: Trail): Exchange {
    refuseRepeatedHeaders(req)
    const target = readTarget(req, { origins: config.servedOrigins, proxies })
    // A program that signs in by a handle gets JSON, whatever it says that it accepts.
    const isPerson = isNavigation(req) && !bringsHandle(req.headers.authorization)
    return { requestId, method, clientAddress, target, isNavigation: isPerson, trace }
  }

  return {
    openTrail(req: RequestHead): Trail {
      return {
        requestId: requestId(req),
        method: req.method ?? '',
        clientAddress: clientAddress(req, proxies),
        userAgent: req.headers['user-agent'],
        startedAt: now(),
        arrivedAt: metrics.clock(),
        trace: beginTrace(req),
        route: undefined,
        subject: undefined,
        outcome: 'ok',
      }
    },

    readExchange,

    /** A program asked, whatever the browser says: nobody is shown a page, or sent anywhere. */
    readHandshake: (req: RequestHead, trail: Trail): Exchange => ({
      ...readExchange(req, trail),
      isNavigation: false,
      upgrade: 'websocket',
    }),

    isOurs: ({ target }: Exchange) => isOwnPath(target.path),

    findRoute({ target }: Exchange, trail: Trail): RouteRule {
      const route = matchRoute(config.routes, target)
      trail.route = route.path
      return route
    },

    admitMethod,

    /** For the public port: what only a proxy serves is not here, for whomever. */
    admitProxied(route: RouteRule): void {
      if (route.upstream.kind === 'none')
        throw new GatewayError('no_route', 'the route has no upstream: a proxy serves it', { reason: 'forward_auth_only' })
    },

    isPreflight,

    /** Here, without a session and without the upstream (CSRF-06). */
    answerPreflight(req: IncomingMessage, res: ServerResponse, route: RouteRule, trail: Trail): void {
      res.writeHead(204, [...cors.preflightHeaders(req.headers, route.methods), 'x-request-id', trail.requestId])
      res.end()
      closeTrail(trail, res)
    },

    /** On a route that takes anyone nobody looks at the cookie: it outlives an outage of the store. */
    readPresented({ headers }: RequestHead, route: RouteRule): PresentedSession {
      return route.access === 'anyone' ? nobody : readPresented(headers.cookie, headers.authorization)
    },

    /** Only what a cookie authenticates can be forged by another site. */
    refuseCrossSite(req: RequestHead, exchange: Exchange, route: RouteRule, presented: PresentedSession): void {
      const { method, isNavigation, target, upgrade } = exchange
      if (upgrade !== undefined) {
        const allowed = route.websocket?.origins ?? []
        refuseForeignSocket({ headers: req.headers, origin: target.origin, allowed, hasCookie: presented.isPresent })
        return
      }
      if (presented.isHandle) checkPage(req.headers)
      if (!presented.isPresent) return
      checkCrossSite({ headers: req.headers, method, origin: target.origin, kind: route.kind, isNavigation })
    },

    countRequest,

    /** In the tick in which the request is counted, where it is. */
    readSession(
      exchange: Exchange,
      route: RouteRule,
      presented: PresentedSession,
      counting: Promise<unknown> | null,
    ): Promise<SignedIn | null> | null {
      const reading = route.access === 'anyone' ? null : readSession(route, presented, exchange)
      return counting === null ? reading : afterCounting(counting, reading)
    },

    countsUsers: ({ limits }: RouteRule) => limits.perMinute !== null && limits.perMinute.user !== null,

    countUser,

    subjectOf: (signedIn: SignedIn | null): Trail['subject'] => (signedIn === null ? undefined : subjectOf(signedIn)),

    decideAccess(req: RequestHead, exchange: Exchange, route: RouteRule, signedIn: SignedIn | null): void {
      decideAccess(route, signedIn, now(), exchange)
      // Polling is not activity (contract.md section 9).
      if (signedIn !== null && req.headers['sallyport-background'] !== '1') deps.families.touch(signedIn)
    },

    freshToken: callers.freshToken,

    /** The request is let in, with all that it needs. */
    noteAdmitted: (trail: Trail) => metrics.added.observe(metrics.clock() - trail.arrivedAt),

    forward(req: IncomingMessage, res: ServerResponse, exchange: Exchange, route: RouteRule, caller: Caller) {
      if (caller.signedIn === null) return deps.forward(req, res, exchange, route, caller)
      return deps.forward(req, res, exchange, route, caller, challenge => unauthorized.withholds(req, route, caller, challenge))
    },

    /** The upstream takes the token for none, or wants another sign-in of the person. */
    tryAgain: (refused: Refused, { challenge }: Withheld): Promise<ForwardOutcome> => unauthorized.tryAgain(refused, challenge),

    ...createWebSocketStages(deps),

    refuse: deps.refuse,

    /** What the status alone would not say: either side broke off after the answer had begun. */
    noteOutcome(trail: Trail, route: RouteRule, outcome: ForwardOutcome): void {
      if (outcome.result === 'answered' || outcome.result === 'stream_ended') return
      trail.outcome = outcome.result
      if (outcome.result !== 'cut') return
      const failure = describeFailure(outcome.error)
      deps.log.write('warn', 'answer_cut', { request_id: trail.requestId, route: route.path, upstream: outcome.upstream, ...failure })
    },

    closeTrail,

    /** For our own endpoints: whether a GET for this target reaches a page. */
    isPage(target: Target): boolean {
      try {
        return admit(target, 'GET').kind === 'page'
      } catch {
        return false
      }
    },

    /** For our own endpoints: whether a GET for this target would be sent to a step-up. */
    asksForMore(target: Target, signedIn: SignedIn): boolean {
      try {
        decideAccess(admit(target, 'GET'), signedIn, now(), { method: 'GET', target })
        return false
      } catch (error) {
        return error instanceof GatewayError && error.code === 'step_up_required'
      }
    },

    /** For our own endpoints: the session of a handle; null where the request brings none. */
    async readHeld({ headers }: IncomingMessage, exchange: Exchange): Promise<SignedIn | null> {
      const presented = readPresented(headers.cookie, headers.authorization)
      if (presented.isHandle) checkPage(headers)
      return presented.isHandle ? await readHeld(null, presented.credential, exchange) : null
    },

    /** For our own endpoints, where even a navigation has to come from here. */
    refuseForeign(req: IncomingMessage, exchange: Exchange, isOwnForm = false): void {
      const { method, isNavigation, target } = exchange
      checkCrossSite({ headers: req.headers, method, origin: target.origin, kind: 'api', isNavigation, isOwnForm })
    },
  }
}
