import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Dispatcher } from 'undici'
import type { GatewayConfig, RouteRule } from '../config/config.ts'
import { GatewayError } from '../errors.ts'
import { createOwnCookieTest } from '../http/cookies.ts'
import type { Cors } from '../http/cors.ts'
import type { Exchange } from '../http/exchange.ts'
import { normaliseName } from '../http/header-names.ts'
import { createUpstreamHeaders } from '../http/request-headers.ts'
import { clientTrailers, createClientHeaders, type UpstreamFields } from '../http/response-headers.ts'
import type { SignedIn } from '../session/session.ts'
import type { Caller } from './caller.ts'
import { RequestBody, readFraming } from './forward-body.ts'
import { type ForwardOutcome, Relay } from './relay.ts'
import type { UpstreamPools } from './upstream-pools.ts'

export interface ForwardDeps {
  readonly config: Pick<GatewayConfig, 'routes' | 'session' | 'csrf'>
  readonly cors: Cors
  readonly pools: UpstreamPools
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

/**
 * Creates the stage that passes a request to its route's upstream and the answer back, both streamed.
 * One request upstream for each that comes, never repeated; redirects pass, nobody follows them.
 *
 * @returns a function that resolves when the answer has been passed on or withheld, or either side has left. It rejects
 *   only while nothing has been answered: `body_too_large`, `upstream_busy`, `upstream_unreachable`,
 *   `upstream_timeout`, `upstream_invalid_response`
 */
export function createForward(deps: ForwardDeps): Forward {
  const { config, cors, pools } = deps
  const isOwnCookie = createOwnCookieTest(config.session.cookie)
  const identityNames = new Set(config.routes.flatMap(route => Object.keys(route.identityHeaders).map(normaliseName)))
  const hasAllowedOrigins = config.csrf.allowedOrigins.length > 0
  const filterTrailers = (fields: UpstreamFields) => clientTrailers(fields, isOwnCookie)
  const rules = new Map(config.routes.map(route => [route, compileRoute(route)]))

  function compileRoute(route: RouteRule) {
    return {
      upstreamHeaders: createUpstreamHeaders(route, { isOwnCookie, identityNames }),
      clientHeaders: createClientHeaders(route, { isOwnCookie, hasAllowedOrigins }),
      namesPerson: Object.keys(route.identityHeaders).length > 0,
      ordinary: pools.poolFor(route, 'ordinary'),
      stream: pools.poolFor(route, 'stream'),
    }
  }

  return function forward(req, res, exchange, route, { signedIn, authorization }, withholds) {
    return new Promise((resolve, reject) => {
      const rule = rules.get(route)
      if (rule === undefined) throw new TypeError('the route is of another configuration')
      if (res.destroyed || req.socket.destroyed) {
        resolve({ result: 'client_left', status: null })
        return
      }
      const upstream = req.headers.accept === 'text/event-stream' ? rule.stream : rule.ordinary
      if (upstream.active >= upstream.capacity) throw new GatewayError('upstream_busy', 'too many requests wait for the upstream')

      const framing = readFraming(req, route.limits.bodyBytes)
      const headers = rule.upstreamHeaders({
        rawHeaders: req.rawHeaders,
        headers: req.headers,
        exchange,
        person: signedIn !== null && rule.namesPerson ? personOf(signedIn) : null,
        authorization,
        contentLength: framing.kind === 'length' ? framing.length : null,
      })
      const corsHeaders = cors.answerHeaders(req.headers)
      const body = framing.kind === 'none' ? null : new RequestBody(req, route.limits.bodyBytes)
      const relay = new Relay({
        req,
        res,
        upstream,
        body,
        timeouts: route.timeouts,
        withholds,
        clientHeaders: (status, fields) => rule.clientHeaders({ status, fields, exchange, cors: corsHeaders }),
        clientTrailers: filterTrailers,
        resolve,
        reject,
      })
      const { path, query } = exchange.target
      // Not in undici's types. Without it undici takes the name for TLS from Host and reconnects when that changes.
      const options: Dispatcher.DispatchOptions & { servername: string } = {
        path: query === '' ? path : path + query,
        method: exchange.method,
        headers,
        body,
        headersTimeout: route.timeouts.headersMs,
        servername: upstream.servername,
      }
      upstream.pool.dispatch(options, relay)
    })
  }
}

function personOf({ record, vault }: SignedIn) {
  return { provider: record.provider, sub: record.sub, claims: vault.claims }
}
