import type { ServerResponse } from 'node:http'
import type { GatewayConfig, Origin, RouteRule } from '../config/config.ts'
import { describeError, GatewayError } from '../errors.ts'
import type { Cors } from '../http/cors.ts'
import type { Exchange } from '../http/exchange.ts'
import { hasFetchMetadata } from '../http/fetch-metadata.ts'
import { handleChallenge } from '../http/handle-challenge.ts'
import { problemHeaders, sendProblem } from '../http/problem.ts'
import type { RequestHead } from '../http/request-head.ts'
import { createPageHeaders } from '../http/security-headers.ts'
import { longestReturnTo } from '../http/target.ts'
import type { Audit } from '../ops/audit.ts'
import { describeFailure, type Log } from '../ops/log.ts'
import { type Trail, trailFields } from '../ops/trail.ts'
import { errorPage } from '../pages/error-page.ts'
import { handOffPage } from '../pages/hand-off-page.ts'
import { styles } from '../pages/styles.ts'
import { RefusedHolder } from './refused-holder.ts'

export interface RefuseDeps {
  readonly config: GatewayConfig
  readonly cors: Cors
  readonly audit: Audit
  readonly log: Log
  /** Whether a proxy has asked, and knows no other answers than 200, 401 and 403 (contract.md section 8b). */
  readonly isAsked?: boolean
}

/** What is known of a refused request; a target that could not be read leaves the exchange out. */
export interface Refused {
  readonly trail: Trail
  readonly exchange: Exchange | undefined
  readonly route: RouteRule | undefined
  /** Where a sign-in that failed is begun anew; asking for the same once more is of no use then. */
  readonly signInPath?: string | null
}

export type Refuse = (req: Pick<RequestHead, 'headers'>, res: ServerResponse, refused: Refused, error: unknown) => void

/**
 * Creates the one place that answers with errors: a person gets a page or is sent to sign in, a program a
 * problem document; the audit gets the one line.
 *
 * A proxy that asks is never told to redirect: where we would, it is told where to (`Sallyport-Login`), with a page that
 * leads there for those that pass our answer on. All other refusals become 403, for nginx knows no more; what is broken
 * on our side stays 5xx, so that nobody takes an outage for a decision.
 */
export function createRefuse(deps: RefuseDeps): Refuse {
  const { config, audit, log, cors, isAsked = false } = deps
  const loginPath = `${config.paths.base}/login`
  const pageHeaders = new Map(
    config.servedOrigins.map(({ href, isSecure }) => [href, createPageHeaders({ stylesheet: styles, isSecure, ...logoOf(config) })]),
  )

  return function refuse(req, res, refused, thrown) {
    const { trail, exchange, route } = refused
    report(trail, thrown)
    const error = isAsked ? withoutCookies(thrown) : thrown
    const status = isAsked ? statusForProxy(error) : undefined
    const origin = exchange?.target.origin ?? config.origins[0]
    if (exchange === undefined || !exchange.isNavigation || res.headersSent || res.destroyed) {
      const loginUrl = loginPath + queryOf(demandsOf(error))
      const challenge = isProgram(req) && route !== undefined ? challengeOf(origin, route) : {}
      const info = { requestId: trail.requestId, isSecure: origin.isSecure, loginUrl, cors: cors.answerHeaders(req.headers), ...challenge }
      return sendProblem(res, error, status === undefined ? info : { ...info, status })
    }
    if (route?.kind === 'page' && isUnauthenticated(error)) {
      return isAsked ? tellOfLogin(res, exchange, error) : sendToLogin(res, exchange, error)
    }
    sendErrorPage(res, exchange, error, { status, signInPath: refused.signInPath })
  }

  /** Where programs can sign in, one that comes without a handle is told where (RFC 9728 §5.1). */
  function challengeOf({ href }: Origin, route: RouteRule): { readonly challenge?: string } {
    if (config.native === undefined || route.kind === 'page') return {}
    return { challenge: handleChallenge(href, route, { scopes: route.require.scopes }) }
  }

  /** One line in the audit for what somebody did, one in the log for what went wrong here. */
  function report(trail: Trail, error: unknown): void {
    trail.outcome = error instanceof GatewayError ? error.code : 'unexpected_error'
    if (error instanceof RefusedHolder) trail.subject = error.subject
    if (!(error instanceof GatewayError)) {
      log.write('error', 'unexpected_error', { ...trailFields(trail), ...describeFailure(error) })
      return
    }
    const { code, reason } = error
    const entry = describeError(code)
    const fields = { ...trailFields(trail), code, status: entry.status, ...(reason === undefined ? {} : { reason }) }
    if (entry.status >= 500) log.write(entry.log, 'request_failed', { ...fields, ...describeFailure(error) })
    else if (entry.log !== 'debug' && !error.isRepeated)
      audit(code === 'attempt_replayed' ? 'replay' : 'refusal', { ...fields, outcome: 'refused' })
  }

  /** So that a link in an e-mail works; what was asked for is kept. */
  function sendToLogin(res: ServerResponse, exchange: Exchange, error: GatewayError): void {
    const cookies = error.headers['set-cookie'] === undefined ? [] : ['set-cookie', error.headers['set-cookie']]
    const location = loginAddress(exchange, error)
    res.writeHead(302, ['location', location, 'cache-control', 'no-store', 'x-request-id', exchange.requestId, ...cookies])
    res.end()
  }

  function loginAddress({ target }: Exchange, error: GatewayError): string {
    const asked = target.path + target.query
    // What the sign-in would not keep must not make its address too long to be asked for.
    const returnTo: Record<string, string> = asked.length > longestReturnTo ? {} : { return_to: asked }
    return loginPath + queryOf({ ...returnTo, ...demandsOf(error) })
  }

  /** The page is for proxies that pass our answer on as it is: Traefik and Envoy. */
  function tellOfLogin(res: ServerResponse, exchange: Exchange, error: GatewayError): void {
    const to = loginAddress(exchange, error)
    const headers = problemHeaders(error, { requestId: exchange.requestId, isSecure: exchange.target.origin.isSecure })
    headers.push('sallyport-login', to)
    sendPage(res, exchange, { status: 401, headers, page: handOffPage({ brand: config.pages, purpose: 'signed_out', to }) })
  }

  function sendErrorPage(
    res: ServerResponse,
    exchange: Exchange,
    error: unknown,
    options: { readonly status: number | undefined; readonly signInPath: string | null | undefined },
  ): void {
    const { target, requestId } = exchange
    const { signInPath } = options
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
      homePath: config.origins.includes(target.origin) ? '/' : config.origins[0].href,
      retryPath: target.path + target.query,
      ...(signInPath === undefined ? {} : { signInPath }),
    })
    const info = { requestId, isSecure: target.origin.isSecure }
    const headers = known === null ? ['cache-control', 'no-store', 'x-request-id', requestId] : problemHeaders(known, info)
    sendPage(res, exchange, { status: options.status ?? status, headers, page })
  }

  function sendPage(
    res: ServerResponse,
    { target }: Exchange,
    answer: { readonly status: number; readonly headers: readonly string[]; readonly page: string },
  ): void {
    const headers = [...answer.headers, ...(pageHeaders.get(target.origin.href) ?? []), 'content-type', 'text/html; charset=utf-8']
    headers.push('content-length', String(Buffer.byteLength(answer.page)))
    res.writeHead(answer.status, headers)
    res.end(answer.page)
  }
}

/** Whether a program asks, and no page in a browser: that one has our cookie, or could have. */
function isProgram({ headers }: Pick<RequestHead, 'headers'>): boolean {
  return headers.cookie === undefined && !hasFetchMetadata(headers)
}

/** Undefined for a bug of ours, which is answered as everywhere. */
function statusForProxy(error: unknown): number | undefined {
  if (!(error instanceof GatewayError)) return undefined
  const { status } = describeError(error.code)
  return status === 401 || status >= 500 ? status : 403
}

/** Cookies are set on the public port alone: no proxy hands on those of its question's answer. */
function withoutCookies(error: unknown): unknown {
  if (!(error instanceof GatewayError) || error.headers['set-cookie'] === undefined) return error
  const { 'set-cookie': _, ...headers } = error.headers
  return new GatewayError(error.code, error.message, { headers, login: error.login })
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
