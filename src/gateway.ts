import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import express, { type Express } from 'express'
import { assemble, type GatewayDeps } from './assembly.ts'
import type { GatewayConfig, RouteRule } from './config/config.ts'
import type { Exchange } from './http/exchange.ts'
import type { Log } from './ops/log.ts'
import type { Trail } from './ops/trail.ts'

/** A gateway: an immutable instance. A reload builds another. */
export interface Gateway {
  /** A request listener for `http.createServer`. */
  readonly handler: RequestListener
  /** The same as an Express app, for supertest and for mounting in another app. */
  readonly app: Express
  /** The same for the admin port, which is another server's: createAdminServer. Null without `admin` in the configuration. */
  readonly adminHandler: RequestListener | null
  readonly log: Log
  /** Resolves when the store answers. Nothing has to wait for it: until then what needs the store gets 503. */
  ready(): Promise<void>
  /** Closes what the gateway opened: upstream connections and, unless it was given, the store. */
  close(): Promise<void>
}

/**
 * Creates a gateway. It starts without Redis or IdP being up.
 *
 * This is the table of contents: the stages of a request, in order. src/auth/endpoints.ts is the second
 * page to read.
 */
export function createGateway(config: GatewayConfig, deps: GatewayDeps = {}): Gateway {
  const { stages, endpoints, admin, store, log, close } = assemble(config, deps)

  async function serve(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const trail = stages.openTrail(req)
    let exchange: Exchange | undefined
    let route: RouteRule | undefined
    try {
      exchange = stages.readExchange(req, trail)
      if (stages.isOurs(exchange)) return serveOurs(req, res, exchange, trail)

      route = stages.findRoute(exchange, trail)
      if (stages.isPreflight(req)) return stages.answerPreflight(req, res, route, trail)
      stages.admitMethod(route, exchange.method)
      const presented = stages.readPresented(req, route)
      stages.refuseCrossSite(req, exchange, route, presented)
      const session = await stages.readSession(exchange, route, presented)
      trail.subject = stages.subjectOf(session)
      stages.decideAccess(req, route, session)
      const caller = await stages.freshToken(req, route, session)
      let outcome = await stages.forward(req, res, exchange, route, caller)
      if (outcome.result === 'unauthorized') outcome = await stages.tryAgain({ req, res, exchange, route, caller }, outcome)
      stages.noteCut(trail, route, outcome)
    } catch (error) {
      stages.refuse(req, res, { trail, exchange, route }, error)
    }
    stages.closeTrail(trail, res)
  }

  function serveOurs(req: IncomingMessage, res: ServerResponse, exchange: Exchange, trail: Trail): void {
    res.once('close', () => stages.closeTrail(trail, res))
    endpoints.serve(req, res, exchange, trail)
  }

  const handler: RequestListener = (req, res) => void serve(req, res)
  return { handler, app: mountable(handler), adminHandler: admin, log, ready: () => store.ping(), close }
}

/** Mounted under a path, the gateway still sees the whole one: its routes are absolute. */
function mountable(handler: RequestListener): Express {
  const app = express()
  app.disable('x-powered-by')
  app.use((req, res) => {
    req.url = req.originalUrl
    handler(req, res)
  })
  return app
}
