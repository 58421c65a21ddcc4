import type { ServerResponse } from 'node:http'
import { describeError, GatewayError } from '../errors.ts'
import { createAnswerHeaders } from './security-headers.ts'

/**
 * What `type` begins with. It only identifies: the name is reserved (RFC 2606) until the project has a
 * public home, and what stands behind `#` is the heading in docs/errors.md.
 */
const documentation = 'https://sallyport.example/docs/errors#'

/** How long a client may go on sending a body that was refused, so that it sees the answer before the reset. */
const lingerMs = 1000

export interface ProblemInfo {
  readonly requestId: string
  /** Whether the request came to an https origin. */
  readonly isSecure: boolean
  /** Where to sign in; told with every 401. */
  readonly loginUrl?: string
  /** What a 401 that has no challenge of its own says. A scheme of our own by default: it makes no browser ask for a password. */
  readonly challenge?: string
  /** Answered in place of the code's own status. */
  readonly status?: number
  /** CORS headers for this request, as name, value, …. */
  readonly cors?: readonly string[]
}

/** The body of an answer about an expected failure (RFC 9457, contract.md section 6). */
export function problemBody(
  error: GatewayError,
  info: Pick<ProblemInfo, 'requestId' | 'loginUrl' | 'status'>,
): Record<string, string | number> {
  const { title } = describeError(error.code)
  const status = statusOf(error, info)
  return {
    type: documentation + error.code,
    title,
    status,
    code: error.code,
    request_id: info.requestId,
    ...(status === 401 && info.loginUrl !== undefined && { login_url: info.loginUrl }),
  }
}

/** The headers that go with an error of ours, page or problem, as name, value, …. */
export function problemHeaders(error: GatewayError, info: ProblemInfo): string[] {
  const { retryAfterSeconds } = describeError(error.code)
  const headers = ['sallyport-error', error.code, 'cache-control', 'no-store', 'x-request-id', info.requestId]
  if (retryAfterSeconds !== undefined && error.headers['retry-after'] === undefined) headers.push('retry-after', String(retryAfterSeconds))
  if (error.code === 'body_too_large') headers.push('connection', 'close')
  // RFC 9110 §15.5.2 wants a challenge with every 401.
  if (statusOf(error, info) === 401 && error.headers['www-authenticate'] === undefined)
    headers.push('www-authenticate', info.challenge ?? 'Sallyport')
  for (const name in error.headers) headers.push(name, error.headers[name] ?? '')
  for (const part of info.cors ?? []) headers.push(part)
  return headers
}

function statusOf(error: GatewayError, { status }: Pick<ProblemInfo, 'status'>): number {
  return status ?? describeError(error.code).status
}

/**
 * Answers with a problem. Anything but a GatewayError is a bug: a bare 500 that tells nothing.
 *
 * When an answer has begun already the connection is destroyed instead, so that the client sees a cut
 * answer as cut.
 */
export function sendProblem(res: ServerResponse, error: unknown, info: ProblemInfo): void {
  if (res.headersSent || res.destroyed) {
    res.destroy()
    return
  }
  const isExpected = error instanceof GatewayError
  const body = isExpected
    ? problemBody(error, info)
    : { type: 'about:blank', title: 'Internal Server Error', status: 500, request_id: info.requestId }
  const text = JSON.stringify(body)
  const headers = isExpected ? problemHeaders(error, info) : ['cache-control', 'no-store', 'x-request-id', info.requestId]
  headers.push(...createAnswerHeaders(info), 'content-type', 'application/problem+json; charset=utf-8')
  headers.push('content-length', String(Buffer.byteLength(text)))
  res.writeHead(isExpected ? statusOf(error, info) : 500, headers)
  if (isExpected && error.code === 'body_too_large') endAfterBody(res, text)
  else res.end(text)
}

/**
 * Sends the answer now, ends it when the refused body has been read to its end or a second has passed. A
 * socket closed with unread bytes in it resets the connection, and the reset may overtake the answer.
 */
function endAfterBody(res: ServerResponse, text: string): void {
  const { req } = res
  // Its end and its closing have been, or are on their way: neither is to be waited for.
  if (req.readableEnded) return void res.end(text)
  res.write(text)
  const timer = setTimeout(() => res.end(), lingerMs)
  req.once('end', () => {
    clearTimeout(timer)
    res.end()
  })
  req.once('close', () => clearTimeout(timer))
  req.resume()
}
