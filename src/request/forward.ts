import type { IncomingMessage, ServerResponse } from 'node:http'
import type { GatewayConfig, RouteRule, ServerUpstream } from '../config/config.ts'
import { createOwnCookieTest } from '../http/cookies.ts'
import type { Cors } from '../http/cors.ts'
import type { Exchange } from '../http/exchange.ts'
import { normaliseName } from '../http/header-names.ts'
import { createUpstreamHeaders } from '../http/request-headers.ts'
import { type ClientHeaders, clientTrailers, createClientHeaders, type UpstreamFields } from '../http/response-headers.ts'
import type { Metrics } from '../ops/metrics.ts'
import { personOf } from '../session/person.ts'
import type { Watch } from '../session/watch.ts'
import type { AssertionFor } from './assertion.ts'
import type { Caller } from './caller.ts'
import { isSmall, RequestBody, readFraming } from './forward-body.ts'
import type { ForwardOutcome } from './forward-outcome.ts'
import { Relay } from './relay.ts'
import { createStaticFiles } from './static-files.ts'
import { createUpstreamPath } from './upstream-path.ts'
import type { UpstreamPools } from './upstream-pools.ts'

export interface ForwardDeps {
  readonly config: Pick<GatewayConfig, 'routes' | 'session' | 'csrf'>
  readonly cors: Cors
  readonly pools: UpstreamPools
  readonly watch: Pick<Watch, 'add'>
  readonly metrics: Pick<Metrics, 'clock' | 'upstream'>
  readonly assertionFor: AssertionFor
}

/**
 * Passes one request on.
 *
 * @param caller with a token that is fresh, where the route attaches one
 * @param withholds asked when the upstream answers 401: true, and nothing of that is passed on
 */
export type Forward = (
  req: IncomingMessage,
  res: ServerResponse,
  exchange: Exchange,
  route: RouteRule,
  caller: Caller,
  withholds?: (challenge: UpstreamFields[string]) => boolean,
) => Promise<ForwardOutcome>

/** The same for one route, with all that does not change from request to request at hand. */
type ForwardOnRoute = (
  req: IncomingMessage,
  res: ServerResponse,
  exchange: Exchange,
  caller: Caller,
  withholds: Parameters<Forward>[5],
) => Promise<ForwardOutcome>

/**
 * Creates the stage that passes a request to its route's upstream and the answer back, both streamed. What failed
 * before anything came of it may be sent once more (repeat.ts); redirects pass, nobody follows them. An event stream
 * ends with the session under which it was asked for.
 *
 * @returns a function that resolves when the answer has been passed on or withheld, or either side has left. It rejects
 *   only while nothing has been answered: `body_too_large`, `upstream_busy`, `upstream_unreachable`,
 *   `upstream_timeout`, `upstream_invalid_response`
 */
export function createForward(deps: ForwardDeps): Forward {
  const { config, cors, pools, watch, metrics, assertionFor } = deps
  const isOwnCookie = createOwnCookieTest(config.session.cookie)
  const identityNames = new Set(config.routes.flatMap(route => Object.keys(route.identityHeaders).map(normaliseName)))
  const hasAllowedOrigins = config.csrf.allowedOrigins.length > 0
  const filterTrailers = (fields: UpstreamFields) => clientTrailers(fields, isOwnCookie)
  const rules = new Map(config.routes.map(route => [route, compileRoute(route)]))

  function compileRoute(route: RouteRule): ForwardOnRoute {
    const clientHeaders = createClientHeaders(route, { isOwnCookie, hasAllowedOrigins })
    const { upstream } = route
    if (upstream.kind === 'servers') return createToServers(route, upstream, clientHeaders)
    if (upstream.kind === 'files') return createStaticFiles({ route, upstream, clientHeaders, cors })
    // The stages let no request come so far (`no_route`).
    return () => Promise.reject(new TypeError('a route that a proxy serves has nothing to be forwarded to'))
  }

  function createToServers(route: RouteRule, server: ServerUpstream, clientHeaders: ClientHeaders): ForwardOnRoute {
    const upstreamPath = createUpstreamPath(route)
    const upstreamHeaders = createUpstreamHeaders(route, { isOwnCookie, identityNames })
    const latency = metrics.upstream(route.path)
    const assert = assertionFor(route)
    const namesPerson = Object.keys(route.identityHeaders).length > 0
    const addressesFor = (kind: Parameters<typeof pools.addressesFor>[2]) => pools.addressesFor(server, route.timeouts, kind)
    const [ordinary, stream, upload] = [addressesFor('ordinary'), addressesFor('stream'), addressesFor('upload')]
    const socket = route.websocket === null ? ordinary : addressesFor('socket')

    return function toServers(req, res, exchange, { signedIn, authorization }, withholds) {
      return new Promise((resolve, reject) => {
        if (res.destroyed || req.socket.destroyed) {
          resolve({ result: 'client_left', status: null })
          return
        }
        const { upgrade = null } = exchange
        const framing = readFraming(req, route.limits.bodyBytes)
        const isWaitedFor = isSmall(framing) && req.headers.expect === undefined
        const isUpload = framing.kind !== 'none' && !isWaitedFor
        const isStream = req.headers.accept === 'text/event-stream'
        const addresses = upgrade !== null ? socket : isStream ? stream : isUpload ? upload : ordinary
        const pool = addresses.choose()

        const headers = upstreamHeaders({
          rawHeaders: req.rawHeaders,
          headers: req.headers,
          exchange,
          person: signedIn !== null && namesPerson ? personOf(signedIn) : null,
          authorization,
          assertion: signedIn !== null && assert !== null ? assert(signedIn) : null,
          contentLength: framing.kind === 'length' ? framing.length : null,
        })
        const corsHeaders = cors.answerHeaders(req.headers)
        const body = framing.kind === 'none' ? null : new RequestBody(req, res, route.limits.bodyBytes)
        const relay = new Relay({
          req,
          res,
          addresses,
          pool,
          request: {
            path: upstreamPath(exchange.target),
            method: exchange.method,
            headers,
            body,
            headersTimeout: route.timeouts.headersMs,
            upgrade,
            servername: '',
          },
          body,
          timeouts: route.timeouts,
          signedIn,
          watch,
          latency,
          clock: metrics.clock,
          withholds,
          clientHeaders: (status, fields) => clientHeaders({ status, fields, exchange, cors: corsHeaders }),
          clientTrailers: filterTrailers,
          resolve,
          reject,
        })
        if (isWaitedFor && body !== null) body.whenWhole(() => relay.start())
        else relay.start()
      })
    }
  }

  return function forward(req, res, exchange, route, caller, withholds) {
    const rule = rules.get(route)
    if (rule === undefined) throw new TypeError('the route is of another configuration')
    return rule(req, res, exchange, caller, withholds)
  }
}
