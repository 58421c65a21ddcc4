import type { CustomFetch } from 'openid-client'
import { Agent, request } from 'undici'
import type { ProviderConfig } from '../config/config.ts'
import { isLoopback } from '../config/hosts.ts'
import { idpUnavailable } from './errors.ts'

// Metadata and key sets are tens of kilobytes, tokens less. An IdP that sends more is broken or hostile.
const answerLimitBytes = 1024 * 1024

// How many requests may be under way to one IdP. More wait, within the timeout that each of them has.
const connectionLimit = 64

// What an answer of the protocol can be; a proxy's login page or a maintenance page with status 200 is neither.
const jsonTypes = ['application/json', 'application/jwk-set+json']
const jwtType = 'application/jwt'

/**
 * Creates the only way out to one IdP: every request leaves here and is bounded in time and size.
 *
 * Redirects come back as they are and are never followed: they would carry the code and our secret to a
 * host of somebody's choice. With `connectTo`, requests for the issuer's origin go there, with the issuer's
 * Host and, over TLS, a certificate for the issuer's name, as `curl --connect-to` does.
 *
 * @throws {GatewayError} `idp_unavailable` (reasons `unreachable`, `timeout`, `answer_too_large`,
 *   `not_json`, `insecure_endpoint`)
 */
export function createWire(config: ProviderConfig): CustomFetch {
  const issuer = new URL(config.issuer)
  const agent = new Agent({
    allowH2: false,
    connections: connectionLimit,
    connect: { timeout: config.timeoutMs, ...(config.tls === undefined ? {} : { ca: config.tls.ca }) },
  })

  return async function send(address, options) {
    const url = new URL(address)
    const isDetour = config.connectTo !== undefined && url.origin === issuer.origin
    const target = isDetour ? new URL(`${url.pathname}${url.search}`, config.connectTo) : url
    // The library lets http through once the issuer is on loopback; its metadata may still name other hosts.
    if (!isDetour && url.protocol !== 'https:' && !isLoopback(url.hostname)) {
      throw idpUnavailable(config, 'insecure_endpoint', 'has an endpoint that is not https')
    }
    const answer = await exchange(target, { ...options, headers: isDetour ? { ...options.headers, host: issuer.host } : options.headers })
    // The library looks at the type only once it has failed to read the body.
    if (answer.status === 200 && !isReadable(answer)) throw idpUnavailable(config, 'not_json', 'answered with something that is no JSON')
    return new Response(answer.body.length === 0 ? null : new Uint8Array(answer.body), {
      status: answer.status,
      headers: plainHeaders(answer.headers),
    })
  }

  async function exchange(target: URL, options: Parameters<CustomFetch>[1]) {
    // One clock for connecting, waiting and reading. The library has its own, in whole seconds and for the
    // answer's head alone; it is not used.
    const signal = AbortSignal.timeout(config.timeoutMs)
    try {
      const { statusCode, headers, body } = await request(target, {
        dispatcher: agent,
        method: options.method as 'GET' | 'POST',
        headers: options.headers,
        body: options.body === undefined || options.body === null ? null : String(options.body),
        signal,
      })
      return { status: statusCode, headers, body: await readAll(body) }
    } catch (error) {
      if (error instanceof TooLarge) throw idpUnavailable(config, 'answer_too_large', 'sent more than 1 MiB')
      if (signal.aborted) throw idpUnavailable(config, 'timeout', `did not answer within ${config.timeoutMs} ms`)
      throw idpUnavailable(config, 'unreachable', 'cannot be reached', error)
    }
  }
}

class TooLarge extends Error {}

function isReadable(answer: { readonly headers: Readonly<Record<string, unknown>>; readonly body: Buffer }): boolean {
  const type = String(answer.headers['content-type'] ?? '')
    .replace(/;.*/, '')
    .trim()
    .toLowerCase()
  if (type === jwtType) return true
  if (!jsonTypes.includes(type)) return false
  try {
    JSON.parse(answer.body.toString())
    return true
  } catch {
    return false
  }
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

function plainHeaders(headers: Readonly<Record<string, string | string[] | undefined>>): Headers {
  const plain = new Headers()
  for (const [name, value] of Object.entries(headers)) for (const line of [value ?? []].flat()) plain.append(name, line)
  return plain
}
