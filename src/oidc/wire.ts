import type { CustomFetch } from 'openid-client'
import { Agent, request } from 'undici'
import type { ProviderConfig } from '../config/config.ts'
import { isLoopback } from '../config/hosts.ts'
import { idpUnavailable } from './errors.ts'
import { readStrictJson } from './strict-json.ts'

// Metadata and key sets are tens of kilobytes, tokens less. An IdP that sends more is broken or hostile.
const answerLimitBytes = 1024 * 1024

// How many requests may be under way to one IdP. More wait, within the timeout that each of them has.
const connectionLimit = 64

// What an answer of the protocol can be; a proxy's login page or a maintenance page with status 200 is neither.
const jsonTypes = ['application/json', 'application/jwk-set+json']
const jwtType = 'application/jwt'
// A pushed authorization request is answered with 201 (RFC 9126 §2.2).
const goodStatuses = [200, 201]

// Where cloud machines keep their credentials, and where nothing can be: no provider lives there. As IPv6 too, mapped
// (RFC 4291 §2.5.5.2) or through NAT64 (RFC 6052 §2.1); fd00:ec2:: is EC2's own.
const nowhere = /^(169\.254\.|0\.|\[(::|fe[89ab][0-9a-f]:.*|fd00:ec2::.*|(::ffff|64:ff9b:):(a9fe|[0-9a-f]{1,2}):[0-9a-f]+)\]$)/

/**
 * Creates the only way out to one IdP: every request leaves here and is bounded in time and size.
 *
 * Redirects come back as they are and are never followed: they would carry the code and our secret to a
 * host of somebody's choice. With `connectTo`, requests for the issuer's origin go there, with the issuer's
 * Host and, over TLS, a certificate for the issuer's name, as `curl --connect-to` does. Our own certificate,
 * where there is one, is shown to whoever asks for it in the handshake.
 *
 * @throws {GatewayError} `idp_unavailable` (reasons `unreachable`, `timeout`, `answer_too_large`,
 *   `not_json`, `insecure_endpoint`)
 */
export function createWire(config: ProviderConfig, onCall: OnCall = () => {}): CustomFetch {
  const issuer = new URL(config.issuer)
  const { ca, cert, key } = config.tls ?? {}
  const agent = new Agent({
    allowH2: false,
    connections: connectionLimit,
    connect: {
      timeout: config.timeoutMs,
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined || key === undefined ? {} : { cert, key }),
    },
  })

  return async function send(address, options) {
    const url = new URL(address)
    const detour = url.origin === issuer.origin ? config.connectTo : undefined
    if (detour === undefined) checkTarget(url)
    // Bodies are read as they come: one that is packed could unpack to more than there is memory for.
    const headers = { ...options.headers, 'accept-encoding': 'identity', ...(detour === undefined ? {} : { host: issuer.host }) }
    const answer = await exchange(detour === undefined ? url : through(detour, url), { ...options, headers })
    // The library looks at the type only once it has failed to read the body.
    if (goodStatuses.includes(answer.status) && !isReadable(answer, new Headers(options.headers).get('accept'))) {
      throw idpUnavailable(config, 'not_json', 'answered with something that is no JSON, or is packed, or can be read in two ways')
    }
    // Statuses that a `Response` does not have, or has without a body.
    if (answer.status > 599) throw idpUnavailable(config, 'not_json', `answered with status ${answer.status}, which there is not`)
    const isBodiless = answer.body.length === 0 || [204, 205, 304].includes(answer.status)
    return new Response(isBodiless ? null : new Uint8Array(answer.body), {
      status: answer.status,
      headers: headersThatCount(answer.headers),
    })
  }

  /** The library lets http through once the issuer is on loopback; its metadata may still name other hosts. */
  function checkTarget(url: URL): void {
    const isLocal = url.protocol === 'http:' && issuer.protocol === 'http:' && isLoopback(url.hostname)
    if (url.protocol !== 'https:' && !isLocal) throw idpUnavailable(config, 'insecure_endpoint', 'has an endpoint that is not https')
    if (nowhere.test(url.hostname))
      throw idpUnavailable(config, 'insecure_endpoint', 'has an endpoint at an address where no provider can be')
  }

  async function exchange(target: URL, options: Parameters<CustomFetch>[1]) {
    // One clock for connecting, waiting and reading. The library has its own, in whole seconds and for the
    // answer's head alone; it is not used.
    const signal = AbortSignal.timeout(config.timeoutMs)
    const startedAt = performance.now()
    let isAnswered = false
    try {
      const { statusCode, headers, body } = await request(target, {
        dispatcher: agent,
        method: options.method as 'GET' | 'POST',
        headers: options.headers,
        body: options.body === undefined || options.body === null ? null : String(options.body),
        signal,
      })
      const answer = { status: statusCode, headers, body: await readAll(body) }
      isAnswered = statusCode < 500
      return answer
    } catch (error) {
      if (error instanceof TooLarge) throw idpUnavailable(config, 'answer_too_large', 'sent more than 1 MiB')
      if (signal.aborted) throw idpUnavailable(config, 'timeout', `did not answer within ${config.timeoutMs} ms`)
      throw idpUnavailable(config, 'unreachable', 'cannot be reached', error)
    } finally {
      onCall(performance.now() - startedAt, isAnswered)
    }
  }
}

/** Told of each call: how long it took, ms, and whether it was answered, with whatever is not the IdP's own failure. */
export type OnCall = (ms: number, isAnswered: boolean) => void

class TooLarge extends Error {}

/** The same place at another origin. Not resolved against it: a path may start with two slashes, and would name a host. */
function through(origin: string, { pathname, search }: URL): URL {
  return Object.assign(new URL(origin), { pathname, search })
}

/**
 * Whoever did not ask for a JWT reads the answer as JSON, whatever its type says. Whoever asked for nothing reads no
 * body: a revocation is answered by its status (RFC 7009 §2.2), and must only be no page of somebody in between.
 */
function isReadable(
  { headers, body }: { readonly headers: Readonly<Record<string, unknown>>; readonly body: Buffer },
  accept: string | null,
): boolean {
  const type = wordOf(headers['content-type'])
  if (accept === null) return type !== 'text/html' || body.length === 0
  if (!['', 'identity'].includes(wordOf(headers['content-encoding']))) return false
  return (accept.includes(jwtType) && type === jwtType) || (jsonTypes.includes(type) && readStrictJson(body) !== undefined)
}

/** A header's value without parameters, in lower case. */
function wordOf(value: unknown): string {
  return String(value ?? '')
    .replace(/;.*/, '')
    .trim()
    .toLowerCase()
}

async function readAll(body: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of body) {
    length += chunk.length
    if (length > answerLimitBytes) throw new TooLarge()
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/** What the library looks at. Others may hold bytes that `Headers` does not take. */
function headersThatCount(headers: Readonly<Record<string, string | string[] | undefined>>): Headers {
  const kept = new Headers()
  for (const name of ['content-type', 'www-authenticate']) {
    for (const line of [headers[name] ?? []].flat()) kept.append(name, line.replace(/[^\t\x20-\x7e]/g, ''))
  }
  return kept
}
