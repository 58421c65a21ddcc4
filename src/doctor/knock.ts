import { lookup } from 'node:dns/promises'
import http from 'node:http'
import https from 'node:https'
import type { TLSSocket } from 'node:tls'

const patienceMs = 5_000

export interface KnockOptions {
  /** PEM of the authorities to believe in place of the system's. */
  readonly ca?: Buffer | undefined
  readonly socketPath?: string | undefined
  /** The name for TLS where it is not the URL's. */
  readonly servername?: string | undefined
  readonly path?: string
}

/** What a server said to a plain question, whatever its status. */
export interface Knock {
  readonly status: number
  readonly headers: http.IncomingHttpHeaders
  /** By the server's clock, epoch ms; NaN when it does not tell. */
  readonly date: number
  /** When its certificate ends, epoch ms; null without TLS. */
  readonly certificateEndsAt: number | null
  readonly body: string
}

/** A server that could not be asked: in a sentence what fails, name, connection or certificate. */
export class KnockError extends Error {
  override name = 'KnockError'
}

/** Asks a server with GET, as the gateway would reach it: DNS, connection, TLS, HTTP. @throws {KnockError} */
export async function knock(origin: string, options: KnockOptions = {}): Promise<Knock> {
  const url = new URL(options.path ?? '/', origin)
  const { hostname } = url
  if (options.socketPath === undefined) {
    await lookup(hostname.replace(/^\[|\]$/g, '')).catch(error => {
      throw new KnockError(`the name ${hostname} cannot be resolved (${codeOf(error)}): is it right, and does DNS work here?`)
    })
  }
  const send = url.protocol === 'https:' ? https.request : http.request
  return new Promise((resolve, reject) => {
    const { ca, socketPath, servername } = options
    const request = send(url, {
      timeout: patienceMs,
      headers: { accept: '*/*', connection: 'close' },
      ...(ca && { ca }),
      ...(socketPath && { socketPath }),
      ...(servername && { servername }),
    })
    request.once('timeout', () => request.destroy(new KnockError(`no answer within ${patienceMs / 1000} s`)))
    request.once('error', error => reject(error instanceof KnockError ? error : new KnockError(sentenceFor(codeOf(error)))))
    request.once('response', response => {
      const ends = (response.socket as Partial<TLSSocket>).getPeerCertificate?.().valid_to
      const { statusCode: status = 0, headers } = response
      let body = ''
      response.setEncoding('utf8').on('data', chunk => {
        if (body.length < 64 * 1024) body += chunk
      })
      response.once('close', () =>
        resolve({
          status,
          headers,
          body,
          date: Date.parse(headers.date ?? ''),
          certificateEndsAt: ends === undefined ? null : Date.parse(ends),
        }),
      )
    })
    request.end()
  })
}

function codeOf(error: unknown): string {
  return String((error as NodeJS.ErrnoException).code ?? (error as Error).message)
}

function sentenceFor(code: string): string {
  if (code === 'ECONNREFUSED') return 'the connection is refused: nothing listens there, or a firewall says so'
  if (code === 'ENOENT' || code === 'EACCES') return `the socket cannot be opened (${code})`
  if (/CERT|ISSUER|SIGNATURE|SELF_SIGNED|ALTNAME/.test(code))
    return `the certificate is not believed (${code}): name its authority in tls.ca, or mend it`
  return `the connection fails (${code})`
}
