import { lookup } from 'node:dns/promises'
import type { IncomingMessage } from 'node:http'
import { request } from 'node:https'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import { OAuthError } from './oauth-error.ts'
import { isPublicAddress } from './public-address.ts'

/** For everything: to resolve, to connect and to read. A person waits for it. */
const usualLimitMs = 3_000
/** As much as draft-ietf-oauth-client-id-metadata-document recommends. */
const limitBytes = 5 * 1024

export interface FetchedDocument {
  readonly body: Buffer
  /** The Cache-Control header; empty where there is none. */
  readonly cacheControl: string
}

/** Fetches the document of a client. @throws {OAuthError} `invalid_client`, with the reason for the audit */
export type FetchDocument = (url: URL) => Promise<FetchedDocument>

/** Who is asked where a host is, and how it is connected to. */
export interface Network {
  resolve(hostname: string): Promise<readonly string[]>
  connect(options: ConnectionOptions): TLSSocket
}

const ownNetwork: Network = {
  resolve: async hostname => (await lookup(hostname, { all: true })).map(({ address }) => address),
  connect,
}

/**
 * Creates the only way out to addresses that others have chosen: anybody may send us a client id.
 *
 * It reaches nothing that the internet does not (ASVS 1.3.6): the host is resolved once, every address must be public, and the connection goes to one of those, whatever
 * the name resolves to by then. Redirects are not followed, nothing of ours is sent, time and size are bounded.
 */
export function createFetchDocument({ resolve, connect: open }: Network = ownNetwork, limitMs = usualLimitMs): FetchDocument {
  async function findAddress(hostname: string, signal: AbortSignal): Promise<string> {
    const addresses = await within(signal, resolve(hostname))
    // One that is not public among others is no accident.
    if (!addresses.every(isPublicAddress)) throw refused('document_address', 'is at an address that is not public')
    const [address] = addresses
    if (address === undefined) throw refused('document_unreachable', 'is at a host that has no address')
    return address
  }

  async function get(url: URL, address: string, signal: AbortSignal): Promise<IncomingMessage> {
    const { promise, resolve: answered, reject } = Promise.withResolvers<IncomingMessage>()
    const createConnection = () =>
      open({ host: address, port: Number(url.port || 443), servername: url.hostname, ALPNProtocols: ['http/1.1'] })
    const headers = { accept: 'application/json', 'accept-encoding': 'identity' }
    request(url, { createConnection, headers, signal }).on('response', answered).on('error', reject).end()
    return await within(signal, promise)
  }

  return async function fetchDocument(url) {
    const signal = AbortSignal.timeout(limitMs)
    try {
      const response = await get(url, await findAddress(url.hostname, signal), signal)
      try {
        const {
          'content-type': type = '',
          'content-encoding': encoding = 'identity',
          'cache-control': cacheControl = '',
        } = response.headers
        if (response.statusCode !== 200) throw refused('document_status', `answered with status ${response.statusCode}`)
        if (!/^application\/([\w.-]+\+)?json *(;|$)/i.test(type) || encoding !== 'identity')
          throw refused('document_invalid', 'is not JSON')
        return { body: await readAll(response), cacheControl }
      } finally {
        response.destroy()
      }
    } catch (error) {
      if (error instanceof OAuthError) throw error
      throw refused('document_unreachable', 'cannot be reached')
    }
  }
}

async function readAll(body: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of body) {
    length += chunk.length
    if (length > limitBytes) throw refused('document_too_large', `is larger than ${limitBytes} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/** What does not end when it is told to is not waited for. */
async function within<Result>(signal: AbortSignal, work: Promise<Result>): Promise<Result> {
  signal.throwIfAborted()
  const { promise, reject } = Promise.withResolvers<never>()
  const giveUp = () => reject(signal.reason)
  signal.addEventListener('abort', giveUp, { once: true })
  return await Promise.race([work, promise]).finally(() => signal.removeEventListener('abort', giveUp))
}

/** A document from which nobody can tell who the client is. */
export function refused(reason: string, why: string): OAuthError {
  return new OAuthError('invalid_client', `The document of the client ${why}.`, { reason })
}
