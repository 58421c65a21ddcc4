import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { GatewayError } from '../errors.ts'
import { letBodyCome } from '../http/expect-continue.ts'

/** How a request's body is framed towards the upstream: by us, never by copying headers. */
export type BodyFraming = { readonly kind: 'none' } | { readonly kind: 'length'; readonly length: string } | { readonly kind: 'chunked' }

const noBody: BodyFraming = { kind: 'none' }
const chunkedBody: BodyFraming = { kind: 'chunked' }

/**
 * Tells whether a request has a body and how long it says that it is.
 *
 * @throws {GatewayError} `body_too_large` when it announces more than the route takes: nothing of it is read
 */
export function readFraming(req: IncomingMessage, maxBytes: number): BodyFraming {
  if (req.headers['transfer-encoding'] !== undefined) return chunkedBody
  const length = req.headers['content-length']
  if (length === undefined || length === '0') return noBody
  // Node has checked that it is a decimal number.
  if (Number(length) > maxBytes) throw tooLarge()
  return { kind: 'length', length }
}

// What a program posts most often. So many bytes for each connection at most are held, and no more than the stream below
// holds of any body.
const smallBytes = 16 * 1024

/**
 * Whether a body is small enough to be waited for. A connection to the upstream is taken when all of it is there: those
 * who send slowly would otherwise hold one each, and few of them all.
 */
export function isSmall(framing: BodyFraming): boolean {
  return framing.kind === 'length' && Number(framing.length) <= smallBytes
}

/**
 * A request's body on its way up: counted, with back-pressure. It stands between the request and undici, because
 * undici destroys the stream it sends when something fails, and the request's socket must still carry an answer.
 *
 * Fails with `body_too_large` when more arrives than the route takes.
 */
export class RequestBody extends Readable {
  readonly #req: IncomingMessage
  readonly #res: ServerResponse
  readonly #maxBytes: number
  #received = 0
  #onWhole: (() => void) | undefined

  constructor(req: IncomingMessage, res: ServerResponse, maxBytes: number) {
    super({ highWaterMark: 64 * 1024 })
    this.#req = req
    this.#res = res
    this.#maxBytes = maxBytes
    req.on('data', this.#take)
    req.on('end', this.#finish)
    req.pause()
  }

  /** Takes all of a small body, then calls back; never, when the client leaves before. */
  whenWhole(onWhole: () => void): void {
    this.#onWhole = onWhole
    this.#req.resume()
  }

  override _read(): void {
    // undici begins to read when it has a connection to send over.
    letBodyCome(this.#req, this.#res)
    this.#req.resume()
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#req.off('data', this.#take)
    this.#req.off('end', this.#finish)
    // What is left is read and thrown away: Node does so only for requests that nobody began to read, and with
    // the rest of a body in the way the client's next request on this connection would never be seen.
    this.#req.resume()
    callback(error)
  }

  readonly #take = (chunk: Buffer): void => {
    this.#received += chunk.length
    if (this.#received > this.#maxBytes) this.destroy(tooLarge())
    else if (!this.push(chunk)) this.#req.pause()
  }

  readonly #finish = (): void => {
    this.push(null)
    this.#onWhole?.()
  }
}

function tooLarge(): GatewayError {
  return new GatewayError('body_too_large', 'the body is larger than the route takes')
}
