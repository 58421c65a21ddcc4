import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import express, { type Express } from 'express'
import { assemble, type GatewayDeps } from './assembly.ts'
import type { Endpoints } from './auth/own-app.ts'
import type { GatewayConfig, RouteRule } from './config/config.ts'
import { answerOver } from './http/answer-over.ts'
import type { Exchange } from './http/exchange.ts'
import type { RequestHead } from './http/request-head.ts'
import type { Log } from './ops/log.ts'
import type { Trail } from './ops/trail.ts'
import type { Caller } from './request/caller.ts'
import type { Verification } from './request/verify.ts'

/** A gateway: an immutable instance. A reload builds another. */
export interface Gateway {
  /** A request listener for `http.createServer`. */
  readonly handler: RequestListener
  /** The same as an Express app, for supertest and for mounting in another app. */
  readonly app: Express
  /**
   * The listener for `upgrade` of the server that has the handler: WebSockets, on routes that let them through. Whatever
   * else comes this way is refused; a server without this listener answers handshakes like ordinary requests.
   */
  upgrade(req: IncomingMessage, socket: Socket, head: Buffer): void
  /** The same for the admin port, which is another server's: createAdminServer. Null without `admin` in the configuration. */
  readonly adminHandler: RequestListener | null
  /** The same for the forward-auth port: createForwardAuthServer. Null without `forwardAuth` in the configuration. */
  readonly forwardAuthHandler: RequestListener | null
  readonly log: Log
  /** Resolves when the store answers. Nothing has to wait for it: until then what needs the store gets 503. */
  ready(): Promise<void>
  /**
   * Ends the open event streams and WebSockets, and each at once that is asked for afterwards: for before the server is
   * closed, which would wait for them. Browsers come back by themselves, to whoever listens then.
   */
  drain(): void
  /** Whether requests or WebSockets are under way at upstreams, which closing would cut. */
  isBusy(): boolean
  /** Closes what the gateway opened: open streams, upstream connections and, unless it was given, the store. */
  close(): Promise<void>
}

/**
 * Creates a gateway. It starts without Redis or IdP being up.
 *
 * This is the table of contents: the stages of a request, in order. src/auth/endpoints.ts is the second
 * page to read.
 */
export function createGateway(config: GatewayConfig, deps: GatewayDeps = {}): Gateway {
  const { stages, endpoints, native, verification, admin, store, log, drain, isBusy, close } = assemble(config, deps)

  async function serve(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const trail = stages.openTrail(req)
    let exchange: Exchange | undefined
    let route: RouteRule | undefined
    try {
      exchange = stages.readExchange(req, trail)
      if (native?.isFor(exchange.target)) return serveOwn(native, req, res, exchange, trail)
      if (stages.isOurs(exchange)) return serveOwn(endpoints, req, res, exchange, trail)

      route = stages.findRoute(exchange, trail)
      if (stages.isPreflight(req)) return stages.answerPreflight(req, res, route, trail)
      stages.admitProxied(route)
      const caller = await admit(req, exchange, route, trail)
      let outcome = await stages.forward(req, res, exchange, route, caller)
      if (outcome.result === 'unauthorized') outcome = await stages.tryAgain({ req, res, exchange, route, caller }, outcome)
      stages.noteOutcome(trail, route, outcome)
    } catch (error) {
      stages.refuse(req, res, { trail, exchange, route }, error)
    }
    stages.closeTrail(trail, res)
  }

  /** What every request goes through that somebody serves, we or a proxy that asks us. */
  async function admit(req: RequestHead, exchange: Exchange, route: RouteRule, trail: Trail): Promise<Caller> {
    stages.admitMethod(route, exchange.method)
    const presented = stages.readPresented(req, route)
    stages.refuseCrossSite(req, exchange, route, presented)
    const counting = stages.countRequest(exchange, route, presented)
    const session = await stages.readSession(exchange, route, presented, counting)
    trail.subject = stages.subjectOf(session)
    if (stages.countsUsers(route)) await stages.countUser(route, session)
    stages.decideAccess(req, exchange, route, session)
    const caller = await stages.freshToken(req, route, session)
    stages.noteAdmitted(trail)
    return caller
  }

  /** The same for a WebSocket: the upstream's answer to the handshake, and behind a 101 the frames of both sides. */
  async function connect(req: IncomingMessage, res: ServerResponse, socket: Socket, head: Buffer): Promise<void> {
    const trail = stages.openTrail(req)
    let exchange: Exchange | undefined
    let route: RouteRule | undefined
    try {
      exchange = stages.readHandshake(req, trail)
      if (native?.isFor(exchange.target) || stages.isOurs(exchange)) stages.refuseOwn()

      route = stages.findRoute(exchange, trail)
      stages.admitProxied(route)
      stages.admitHandshake(req, route)
      const caller = await admit(req, exchange, route, trail)
      stages.admitSocket(caller)
      let outcome = await stages.forward(req, res, exchange, route, caller)
      if (outcome.result === 'unauthorized') outcome = await stages.tryAgain({ req, res, exchange, route, caller }, outcome)
      if (outcome.result === 'upgraded') outcome = await stages.tunnel({ req, res, socket, head, route, caller, trail }, outcome)
      stages.noteOutcome(trail, route, outcome)
    } catch (error) {
      stages.refuse(req, res, { trail, exchange, route }, error)
    }
    stages.closeTrail(trail, res)
  }

  /** The same for a proxy that keeps the data path: it asks about a request, and serves it when it may. */
  async function verify(asking: Verification, question: IncomingMessage, res: ServerResponse): Promise<void> {
    const req = asking.readAsked(question)
    const trail = stages.openTrail(req)
    let exchange: Exchange | undefined
    let route: RouteRule | undefined
    try {
      asking.admitAsked(req)
      exchange = stages.readExchange(req, trail)
      if (native?.isFor(exchange.target) || stages.isOurs(exchange)) asking.refuseOwn()

      route = stages.findRoute(exchange, trail)
      const caller = await admit(req, exchange, route, trail)
      asking.allow(req, res, exchange, route, caller)
    } catch (error) {
      asking.refuse(req, res, { trail, exchange, route }, error)
    }
    stages.closeTrail(trail, res)
  }

  function serveOwn(own: Endpoints, req: IncomingMessage, res: ServerResponse, exchange: Exchange, trail: Trail): void {
    res.once('close', () => stages.closeTrail(trail, res))
    own.serve(req, res, exchange, trail)
  }

  const handler: RequestListener = (req, res) => void serve(req, res)
  const upgrade: Gateway['upgrade'] = (req, socket, head) => {
    const res = answerOver(req, socket)
    if (res === null) socket.destroy()
    else void connect(req, res, socket, head)
  }
  const forwardAuthHandler: RequestListener | null = verification && ((req, res) => void verify(verification, req, res))
  return {
    handler,
    upgrade,
    app: mountable(handler),
    adminHandler: admin,
    forwardAuthHandler,
    log,
    ready: () => store.ping(),
    drain,
    isBusy,
    close,
  }
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
