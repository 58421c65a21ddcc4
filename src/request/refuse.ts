import type { IncomingMessage, ServerResponse } from 'node:http'
import type { GatewayConfig, RouteRule } from '../config/config.ts'
import { describeError, GatewayError } from '../errors.ts'
import type { Cors } from '../http/cors.ts'
import type { Exchange } from '../http/exchange.ts'
import { problemHeaders, sendProblem } from '../http/problem.ts'
import { createPageHeaders } from '../http/security-headers.ts'
import { longestReturnTo } from '../http/target.ts'
import type { Audit } from '../ops/audit.ts'
import { describeFailure, type Log } from '../ops/log.ts'
import { type Trail, trailFields } from '../ops/trail.ts'
import { errorPage } from '../pages/error-page.ts'
import { styles } from '../pages/styles.ts'

export interface RefuseDeps {
  readonly config: GatewayConfig
  readonly cors: Cors
  readonly audit: Audit
  readonly log: Log
}

/** What is known of a refused request; a target that could not be read leaves the exchange out. */
export interface Refused {
  readonly trail: Trail
  readonly exchange: Exchange | undefined
  readonly route: RouteRule | undefined
  /** Where a sign-in that failed is begun anew; asking for the same once more is of no use then. */
  readonly signInPath?: string
}

export type Refuse = (req: IncomingMessage, res: ServerResponse, refused: Refused, error: unknown) => void

/**
 * Creates the one place that answers with errors: a person gets a page or is sent to sign in, a program a
 * problem document; the audit gets the one line.
 */
export function createRefuse(deps: RefuseDeps): Refuse {
  const { config, audit, log, cors } = deps
  const loginPath = `${config.paths.base}/login`
  const pageHeaders = new Map(
    config.origins.map(({ href, isSecure }) => [href, createPageHeaders({ stylesheet: styles, isSecure, ...logoOf(config) })]),
  )

  return function refuse(req, res, refused, error) {
    const { trail, exchange, route } = refused
    report(trail, error)
    const origin = exchange?.target.origin ?? config.origins[0]
    if (exchange === undefined || !exchange.isNavigation || res.headersSent || res.destroyed) {
      const loginUrl = loginPath + queryOf(demandsOf(error))
      const info = { requestId: trail.requestId, isSecure: origin.isSecure, loginUrl, cors: cors.answerHeaders(req.headers) }
      return sendProblem(res, error, info)
    }
    if (route?.kind === 'page' && isUnauthenticated(error)) return sendToLogin(res, exchange, error)
    sendErrorPage(res, exchange, error, refused.signInPath)
  }

  /** One line in the audit for what somebody did, one in the log for what went wrong here. */
  function report(trail: Trail, error: unknown): void {
    if (!(error instanceof GatewayError)) {
      log.write('error', 'unexpected_error', { ...trailFields(trail), ...describeFailure(error) })
      return
    }
    const { code, reason } = error
    const entry = describeError(code)
    const fields = { ...trailFields(trail), code, status: entry.status, ...(reason === undefined ? {} : { reason }) }
    if (entry.status >= 500) log.write(entry.log, 'request_failed', { ...fields, ...describeFailure(error) })
    else if (entry.log !== 'debug') audit(code === 'attempt_replayed' ? 'replay' : 'refusal', { ...fields, outcome: 'refused' })
  }

  /** So that a link in an e-mail works; what was asked for is kept. */
  function sendToLogin(res: ServerResponse, { target, requestId }: Exchange, error: GatewayError): void {
    const asked = target.path + target.query
    // What the sign-in would not keep must not make its address too long to be asked for.
    const returnTo: Record<string, string> = asked.length > longestReturnTo ? {} : { return_to: asked }
    const address = loginPath + queryOf({ ...returnTo, ...demandsOf(error) })
    const cookies = error.headers['set-cookie'] === undefined ? [] : ['set-cookie', error.headers['set-cookie']]
    res.writeHead(302, ['location', address, 'cache-control', 'no-store', 'x-request-id', requestId, ...cookies])
    res.end()
  }

  function sendErrorPage(res: ServerResponse, { target, requestId }: Exchange, error: unknown, signInPath: string | undefined): void {
    const known = error instanceof GatewayError ? error : null
    const { status, title } = known === null ? { status: 500, title: 'Something went wrong' } : describeError(known.code)
    const page = errorPage({
      brand: config.pages,
      code: known?.code ?? null,
      ...(known?.reason === undefined ? {} : { reason: known.reason }),
      title,
      requestId,
      loginPath,
      loginQuery: queryOf(demandsOf(error)),
      retryPath: target.path + target.query,
      ...(signInPath === undefined ? {} : { signInPath }),
    })
    const info = { requestId, isSecure: target.origin.isSecure }
    const headers = known === null ? ['cache-control', 'no-store', 'x-request-id', requestId] : problemHeaders(known, info)
    headers.push(...(pageHeaders.get(target.origin.href) ?? []), 'content-type', 'text/html; charset=utf-8')
    headers.push('content-length', String(Buffer.byteLength(page)))
    res.writeHead(status, headers)
    res.end(page)
  }
}

/** Whether signing in, for the first time or anew, is what the request lacks. */
function isUnauthenticated(error: unknown): error is GatewayError {
  return error instanceof GatewayError && describeError(error.code).status === 401
}

/** What the sign-in must be asked for so that it helps. */
function demandsOf(error: unknown): Readonly<Record<string, string>> {
  return error instanceof GatewayError ? error.login : {}
}

/** Percent-encoded throughout, with its `?`; empty when there is nothing to say. */
function queryOf(params: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(params).map(([name, value]) => `${name}=${encodeURIComponent(value)}`)
  return pairs.length === 0 ? '' : `?${pairs.join('&')}`
}

function logoOf(config: GatewayConfig): { readonly logo?: string } {
  return config.pages.logo === undefined ? {} : { logo: config.pages.logo }
}
