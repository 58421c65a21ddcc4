import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Dispatcher } from 'undici'
import { GatewayError } from '../errors.ts'
import { endStream } from '../http/end-stream.ts'
import type { UpstreamFields } from '../http/response-headers.ts'
import type { Latency } from '../ops/latency.ts'
import type { SignedIn } from '../session/session.ts'
import type { Watch } from '../session/watch.ts'
import type { RequestBody } from './forward-body.ts'
import type { ForwardOutcome } from './forward-outcome.ts'
import { whereToRepeat } from './repeat.ts'
import type { UpstreamAddresses } from './upstream-addresses.ts'
import type { Connection, Passenger } from './upstream-connection.ts'
import { ConnectFailure, describeUpstreamFailure } from './upstream-failure.ts'
import type { SentRequest, UpstreamPool } from './upstream-pool.ts'

export interface RelayParts {
  readonly req: IncomingMessage
  readonly res: ServerResponse
  readonly addresses: UpstreamAddresses
  /** Where the request goes first. */
  readonly pool: UpstreamPool
  readonly request: SentRequest
  readonly body: RequestBody | null
  readonly timeouts: { readonly headersMs: number; readonly idleMs: number }
  /** Null on a route without a session, and for who has none. */
  readonly signedIn: SignedIn | null
  readonly watch: Pick<Watch, 'add'>
  readonly latency: Latency
  readonly clock: () => number
  /** Asked about a 401, before anything is passed on. */
  readonly withholds: ((challenge: UpstreamFields[string]) => boolean) | undefined
  readonly clientHeaders: (status: number, fields: UpstreamFields) => string[]
  readonly clientTrailers: (fields: UpstreamFields) => Record<string, string | string[]>
  readonly resolve: (outcome: ForwardOutcome) => void
  readonly reject: (error: Error) => void
}

/** Bodies up to this size that come in one piece leave in one write with the head: 5 to 10 % of a request. */
const smallBodyBytes = 4096

/** Interim responses before the real one. One or two have a meaning. */
const maxInformational = 16

/**
 * One request on its way: what undici calls while it sends it and while the answer comes back. Streams
 * with back-pressure, and stops the one side as soon as the other is gone.
 */
export class Relay implements Passenger {
  connection: Connection | null = null
  readonly #parts: RelayParts
  #pool: UpstreamPool
  #wasKept = false
  #isAnswering = false
  #hasFailed = false
  #controller: Dispatcher.DispatchController | null = null
  #status: number | null = null
  #length = -1
  #hasWritten = false
  #sentAt = 0
  #isEventStream = false
  #informational = 0
  #isSettled = false
  #timer: NodeJS.Timeout | null = null
  #unwatch: (() => void) | null = null

  constructor(parts: RelayParts) {
    this.#parts = parts
    this.#pool = parts.pool
    // Stays on: what is settled has no use for it, and taking it off costs every request.
    parts.res.on('close', this.#leave)
  }

  start(): void {
    if (this.#isSettled) return
    this.#send(this.#pool, false)
  }

  #send(pool: UpstreamPool, overNewConnection: boolean): void {
    this.#pool = pool
    this.#sentAt = this.#parts.clock()
    if (!overNewConnection && pool.active >= pool.connections) this.#arm('upstream_busy', this.#parts.timeouts.headersMs)
    pool.send(this.#parts.request, this, overNewConnection)
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.connection !== null) this.#wasKept = this.connection.carried++ > 0
    this.#disarm()
    this.#stopIfClientLeft()
  }

  /** The first byte of an answer is there. */
  onResponseStarted(): void {
    this.#isAnswering = true
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, fields: UpstreamFields): void {
    if (this.#stopIfClientLeft()) return
    if (status < 200) {
      this.#passInformational(controller, status, fields)
      return
    }
    if (status === 401 && this.#parts.withholds?.(fields['www-authenticate']) === true) {
      this.#withhold(fields['www-authenticate'])
      return
    }
    const { req, res, signedIn } = this.#parts
    this.#disarm()
    this.#pool.health.answered()
    this.#parts.latency.observe(this.#parts.clock() - this.#sentAt)
    res.writeHead(status, this.#parts.clientHeaders(status, fields))
    this.#status = status
    if (req.method === 'HEAD' || status === 204 || status === 304) return
    const length = fields['content-length']
    if (typeof length === 'string') this.#length = Number(length)
    this.#isEventStream = isEventStream(fields['content-type'])
    if (this.#isEventStream && signedIn !== null) this.#unwatch = this.#parts.watch.add(signedIn, { onEnd: this.#endStream })
    process.nextTick(Relay.#begin, this)
  }

  /** From here the connection is that of whoever takes the outcome, and so is its place in `active`. */
  onRequestUpgrade(_controller: Dispatcher.DispatchController, _status: number, fields: UpstreamFields, socket: Socket): void {
    if (this.#stopIfClientLeft()) return
    this.#pool.health.answered()
    this.#parts.latency.observe(this.#parts.clock() - this.#sentAt)
    this.#settle()
    const headers = this.#parts.clientHeaders(101, fields)
    this.#parts.resolve({ result: 'upgraded', fields, headers, socket, pool: this.#pool })
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    const { res } = this.#parts
    if (chunk.length === this.#length && chunk.length <= smallBodyBytes && !this.#hasWritten) {
      this.#hasWritten = true
      res.end(chunk.toString('latin1'), 'latin1')
      return
    }
    this.#hasWritten = true
    this.#timer?.refresh()
    if (res.write(chunk)) return
    controller.pause()
    // An event stream may stand still, but not because nobody reads it: this one would be held for good.
    if (this.#isEventStream && !this.#isSettled) this.#arm('upstream_timeout', this.#parts.timeouts.idleMs)
    res.once('drain', () => {
      if (this.#isEventStream) this.#disarm()
      else this.#timer?.refresh()
      controller.resume()
    })
  }

  onResponseEnd(_controller: Dispatcher.DispatchController, trailers: UpstreamFields): void {
    this.#pool.active--
    if (this.#isSettled || this.#status === null) return
    const { res } = this.#parts
    for (const _name in trailers) {
      res.addTrailers(this.#parts.clientTrailers(trailers))
      break
    }
    this.#settle()
    res.end()
    this.#parts.resolve({ result: 'answered', status: this.#status })
  }

  onResponseError(_controller: Dispatcher.DispatchController | null, error: Error): void {
    this.#pool.active--
    if (this.#isSettled) return
    const other = this.#isAnswering || this.#hasFailed ? null : this.#otherPool(error)
    if (other === null) {
      this.#fail(describeUpstreamFailure(error, this.#controller !== null))
      return
    }
    this.#hasFailed = true
    this.#controller = null
    this.#disarm()
    // Not from here: undici is taking the connection apart.
    process.nextTick(Relay.#repeat, this, other, error instanceof ConnectFailure)
  }

  /** Where a request that failed before its answer began can be sent once more; null for nowhere. */
  #otherPool(error: Error): UpstreamPool | null {
    const { req, body, addresses } = this.#parts
    const wasSent = this.#controller !== null
    const where = whereToRepeat({ error, method: req.method ?? '', hasBody: body !== null, wasSent, wasKept: this.#wasKept })
    if (where === 'nowhere') return null
    return addresses.chooseOther(this.#pool) ?? (where === 'anywhere' ? this.#pool : null)
  }

  /** @param mayUseKept not after a connection that was there: others may be as stale, and this is the last try */
  static #repeat(relay: Relay, pool: UpstreamPool, mayUseKept: boolean): void {
    if (relay.#isSettled) return
    relay.#send(pool, !mayUseKept)
  }

  /** Runs when all that came with the head has been handled: a head without a body is sent now, and the idle clock starts. */
  static #begin(relay: Relay): void {
    if (relay.#isSettled) return
    if (!relay.#hasWritten) relay.#parts.res.flushHeaders()
    if (!relay.#isEventStream) relay.#arm('upstream_timeout', relay.#parts.timeouts.idleMs)
  }

  #passInformational(controller: Dispatcher.DispatchController, status: number, fields: UpstreamFields): void {
    this.#informational++
    if (status < 100 || this.#informational > maxInformational) {
      controller.abort(new GatewayError('upstream_invalid_response', 'too many interim responses', { reason: 'informational' }))
      return
    }
    // Each of them starts undici's clock for the head anew; this one goes on.
    if (this.#timer === null) this.#arm('upstream_timeout', this.#parts.timeouts.headersMs)
    const { req, res } = this.#parts
    if (status !== 103 || fields.link === undefined || req.httpVersionMinor === 0) return
    const links = typeof fields.link === 'string' ? fields.link.split(/,\s*(?=<)/) : fields.link
    try {
      res.writeEarlyHints({ link: links })
    } catch {
      // Node takes only the plainest form of Link. A hint that is not given costs some milliseconds.
    }
  }

  /** The connection goes with it: to read the rest would take as long as the upstream likes. */
  #withhold(challenge: UpstreamFields[string]): void {
    this.#settle()
    this.#parts.resolve({ result: 'unauthorized', challenge })
    this.#stop(new Error('the answer is not passed on'))
  }

  /** A request whose client is gone must not go on: its answer would never drain, and the connection be lost. */
  #stopIfClientLeft(): boolean {
    const { req, res } = this.#parts
    if (!this.#isSettled && !res.destroyed && !req.socket.destroyed) return false
    this.#leave()
    this.#controller?.abort(new Error('the client has left'))
    return true
  }

  readonly #leave = (): void => {
    if (this.#isSettled) return
    this.#settle()
    this.#parts.resolve({ result: 'client_left', status: this.#status })
    this.#stop(new Error('the client has left'))
  }

  /** The request was let in while its session lived; the stream must not go on without (RPL-07). */
  readonly #endStream = (): void => {
    if (this.#isSettled || this.#status === null) return
    this.#settle()
    endStream(this.#parts.res)
    this.#parts.resolve({ result: 'stream_ended', status: this.#status })
    this.#stop(new Error('the session has ended'))
  }

  #fail(error: Error): void {
    if (this.#isSettled) return
    this.#settle()
    if (this.#status === null) this.#parts.reject(error)
    else {
      this.#cut()
      this.#parts.resolve({ result: 'cut', status: this.#status, error, upstream: this.#pool.address })
    }
    this.#stop(error)
  }

  /** Ends the answer so that the client sees that it is not whole (RFC 9112 §8). */
  #cut(): void {
    const { req, res } = this.#parts
    // To HTTP/1.0 the end of the connection is the end of the answer; only a reset says otherwise.
    if (req.httpVersionMinor === 0 && !('encrypted' in req.socket)) req.socket.resetAndDestroy()
    res.destroy()
  }

  #stop(reason: Error): void {
    this.#controller?.abort(reason)
    this.#parts.body?.destroy()
  }

  #settle(): void {
    this.#isSettled = true
    this.#disarm()
    this.#unwatch?.()
  }

  #arm(code: 'upstream_busy' | 'upstream_timeout', ms: number): void {
    this.#disarm()
    this.#timer = setTimeout(() => this.#fail(new GatewayError(code, 'the upstream took too long', { reason: 'gateway_clock' })), ms)
  }

  #disarm(): void {
    if (this.#timer === null) return
    clearTimeout(this.#timer)
    this.#timer = null
  }
}

/** Whatever the case: browsers take it for one in any (RFC 9110 §8.3.1). Of several types they take the last. */
function isEventStream(type: string | readonly string[] | undefined): boolean {
  if (type === undefined) return false
  return typeof type === 'string' ? /^text\/event-stream/i.test(type) : type.some(isEventStream)
}
