import { type IncomingMessage, METHODS } from 'node:http'
import type { ForwardAuthDialect } from '../config/config.ts'
import { isLoopback } from '../config/hosts.ts'
import { GatewayError } from '../errors.ts'
import { type TrustedProxies, unmapped } from '../http/client-address.ts'
import { isPreflight } from '../http/cors.ts'
import type { RequestHead } from '../http/request-head.ts'
import { dialectNames, dialects } from './dialects.ts'

/** The request that a proxy asks about: the stages see it as if it had come to us. */
export interface AskedRequest extends RequestHead {
  /** What is wrong with the question itself; nothing else has been judged. */
  readonly fault: GatewayError | null
}

/**
 * Creates the reader of a proxy's questions.
 *
 * Method, host and target are those that the dialect's headers tell; everything else is as the proxy passed it on
 * from the client. Headers of any dialect are taken out, so that no stage can read them by mistake.
 *
 * @returns a function that never throws: a question with a fault must be written down too before it is refused
 */
export function createReadAsked(dialect: ForwardAuthDialect, proxies: TrustedProxies): (question: IncomingMessage) => AskedRequest {
  const names = dialects[dialect]

  return function readAsked(question) {
    const method = names.method === null ? [question.method ?? ''] : linesOf(question, names.method)
    const host = linesOf(question, names.host)
    const url = names.uri === null ? [targetBehind(question.url)] : linesOf(question, names.uri)

    const headers = { ...question.headers }
    for (const name of dialectNames) delete headers[name]
    if (host[0] !== undefined) headers.host = host[0]
    return {
      method: method[0] ?? '',
      url: url[0] ?? '',
      headers,
      rawHeaders: question.rawHeaders,
      httpVersionMinor: question.httpVersionMinor,
      socket: question.socket,
      fault: faultOf(question, proxies, [method, host, url]),
    }
  }
}

/**
 * Refuses a question that cannot be answered, before anything of it is believed.
 *
 * A preflight has no session, and its answer is ours to write, which no proxy can pass on: it would take the 204 for
 * permission and let the preflight through.
 *
 * @throws {GatewayError} `no_route`, `bad_request` or `cross_site_refused`
 */
export function admitAsked(asked: AskedRequest): void {
  if (asked.fault !== null) throw asked.fault
  if (isPreflight(asked))
    throw new GatewayError('cross_site_refused', 'a preflight cannot be answered by forward-auth', { reason: 'preflight' })
}

function faultOf(question: IncomingMessage, proxies: TrustedProxies, told: readonly (readonly string[])[]): GatewayError | null {
  // Who is answered here is told a token: only the proxies themselves, or this machine.
  const peer = question.socket.remoteAddress
  if (peer === undefined || !(isLoopback(unmapped(peer)) || proxies.trusts(peer))) {
    return fault({ reason: 'untrusted_peer' }, 'the question does not come from one of listen.trustedProxies')
  }
  if (!asksToVerify(question.url)) return new GatewayError('no_route', 'questions are asked at /verify, or under it')
  if (told.some(lines => lines.length > 1)) return fault({ reason: 'forwarded_repeated' }, 'two lines of method, host or URI')
  if (told.some(([line = '']) => line === '')) return fault({ reason: 'forwarded_missing' }, 'the question names no method, host or URI')
  // Node has not seen this one: anything could stand there, such as a second spelling of TRACE.
  if (!METHODS.includes(told[0]?.[0] ?? '')) return fault({ reason: 'forwarded_method' }, 'no method of HTTP')
  return null
}

function fault(why: { readonly reason: string }, message: string): GatewayError {
  return new GatewayError('bad_request', message, why)
}

function asksToVerify(target = ''): boolean {
  return target === '/verify' || target.startsWith('/verify/') || target.startsWith('/verify?')
}

/** What Envoy puts behind its `path_prefix`; empty when nothing is there. */
function targetBehind(target = ''): string {
  return target.startsWith('/verify/') ? target.slice('/verify'.length) : ''
}

/** One entry for each line: Node joins what stands there twice. */
function linesOf({ rawHeaders }: IncomingMessage, name: string): string[] {
  const lines: string[] = []
  for (let i = 0; i < rawHeaders.length; i += 2) if (rawHeaders[i]?.toLowerCase() === name) lines.push(rawHeaders[i + 1] ?? '')
  return lines
}
