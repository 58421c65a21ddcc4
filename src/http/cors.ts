import type { IncomingHttpHeaders } from 'node:http'
import { GatewayError } from '../errors.ts'
import type { RequestHead } from './request-head.ts'

/** What a script of an allowed origin may read besides the safelisted response headers. */
const exposed = 'Sallyport-Error, X-Request-Id, Retry-After, WWW-Authenticate'

const preflightMaxAgeSeconds = 600

export interface Cors {
  /**
   * The CORS headers of an answer, as name, value, …: for a request of an allowed origin its permission,
   * otherwise none. There is never a `*` and never an origin that is not in the list.
   */
  answerHeaders(headers: IncomingHttpHeaders): readonly string[]

  /**
   * The headers of a preflight's answer (204), which is ours: no session is read and no upstream asked.
   *
   * @param methods those that the route takes; null for any, and then the one that is asked for is allowed
   * @throws {GatewayError} `cross_site_refused` for any other origin, without any allow header
   */
  preflightHeaders(headers: IncomingHttpHeaders, methods: readonly string[] | null): readonly string[]
}

/** Makes the CORS rules: off, but for the listed origins. */
export function createCors(allowedOrigins: readonly string[]): Cors {
  const byOrigin = new Map(
    allowedOrigins.map(origin => [
      origin,
      ['access-control-allow-origin', origin, 'access-control-allow-credentials', 'true', 'access-control-expose-headers', exposed],
    ]),
  )
  const none: readonly string[] = []

  return {
    answerHeaders(headers) {
      return headers.origin === undefined ? none : (byOrigin.get(headers.origin) ?? none)
    },

    preflightHeaders(headers, methods) {
      const origin = headers.origin ?? ''
      if (!byOrigin.has(origin)) {
        throw new GatewayError('cross_site_refused', 'a preflight of an origin that is not allowed', { reason: 'preflight_origin' })
      }
      const answer = ['access-control-allow-origin', origin, 'access-control-allow-credentials', 'true']
      // `*` would mean a method of that name: with credentials there is no wildcard.
      const allowed = methods?.join(', ') ?? headers['access-control-request-method'] ?? ''
      if (isTokenList(allowed)) answer.push('access-control-allow-methods', allowed)
      const requested = headers['access-control-request-headers']
      if (requested !== undefined && isTokenList(requested)) answer.push('access-control-allow-headers', requested)
      answer.push('access-control-max-age', String(preflightMaxAgeSeconds))
      answer.push('vary', 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers', 'cache-control', 'no-store')
      return answer
    },
  }
}

/** Whether a request is a CORS preflight (Fetch standard, CORS-preflight request). */
export function isPreflight(req: RequestHead): boolean {
  return req.method === 'OPTIONS' && req.headers.origin !== undefined && req.headers['access-control-request-method'] !== undefined
}

function isTokenList(value: string): boolean {
  return value.length <= 1024 && /^[!#$%&'*+.^_`|~0-9A-Za-z-]+(, ?[!#$%&'*+.^_`|~0-9A-Za-z-]+)*$/.test(value)
}
