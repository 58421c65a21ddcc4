import type { IncomingMessage, ServerResponse } from 'node:http'
import express, { type ErrorRequestHandler, type RequestHandler } from 'express'
import type { GatewayConfig } from '../config/config.ts'
import { GatewayError } from '../errors.ts'
import type { Exchange, Target } from '../http/exchange.ts'
import { createPageHeaders } from '../http/security-headers.ts'
import type { Trail } from '../ops/trail.ts'
import { styles } from '../pages/styles.ts'
import { exchangeOf, type Visit, visitOf } from './respond.ts'

/** What answers requests that are for the gateway itself. */
export interface Endpoints {
  /** Nothing in it looks at Host, or reads the target anew. */
  serve(req: IncomingMessage, res: ServerResponse, exchange: Exchange, trail: Trail): void
}

export interface OwnApp extends Endpoints {
  /**
   * Adds one endpoint.
   *
   * @param path from its first slash, as Express writes it; what the configuration says of it must go through `literal`
   * @param allow the methods that it takes, with commas between
   * @param name of it in logs, where the path has `literal` text in it
   */
  endpoint(path: string, allow: string | ((target: Target) => string), handlers: Handlers, name?: string): void
}

export interface Handlers {
  readonly get?: readonly RequestHandler[]
  readonly post?: readonly RequestHandler[]
  readonly delete?: readonly RequestHandler[]
}

/**
 * Creates an Express app for endpoints of our own: exact paths, the headers of our pages, and nothing of the request
 * but what the gateway has read of it.
 *
 * @param answerError answers whatever an endpoint throws
 */
export function createOwnApp(config: GatewayConfig, answerError: ErrorRequestHandler): OwnApp {
  const app = express()
  app.disable('x-powered-by').disable('etag').set('query parser', false)
  app.enable('case sensitive routing').enable('strict routing')
  app.use(ownHeaders(config), takeReading)
  let isSealed = false

  return {
    endpoint(path, allow, handlers, name = path) {
      const route = app.route(path)
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
    },

    serve(req, res, exchange, trail) {
      if (!isSealed) app.use(noRoute).use(answerError)
      isSealed = true
      Object.assign(res, { locals: { exchange, trail } satisfies Visit })
      app(req, res)
    },
  }
}

/** A path as text to Express, which would read some of its characters as pattern. */
export function literal(path: string): string {
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
