import type { Socket } from 'node:net'
import { buildConnector, Client, type Dispatcher } from 'undici'
import type { ServerUpstream, UpstreamAddress } from '../config/config.ts'
import { describeConnectFailure, describeOutage } from './upstream-failure.ts'
import type { AddressHealth } from './upstream-health.ts'

/** How to reach one address. */
export interface AddressOptions {
  readonly address: UpstreamAddress
  readonly tls: ServerUpstream['tls']
  /** What TLS asks for and finds in the certificate, whatever Host says; empty for none, where it is an IP address. */
  readonly servername: string
  readonly connectMs: number
  readonly health: AddressHealth
}

/** Creates the function by which undici connects to an address, and which tells its health what came of it. */
export function createConnector({ address, tls, servername, connectMs, health }: AddressOptions): buildConnector.connector {
  const { ca, cert, key } = tls
  const connect = buildConnector({
    timeout: connectMs,
    allowH2: false,
    rejectUnauthorized: true,
    ...(address.socketPath === null ? {} : { socketPath: address.socketPath }),
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  })
  return function connectTo(options, callback) {
    const attempt = health.beginConnect()
    if (attempt === null) {
      process.nextTick(callback, describeOutage(health.waitMs()), null)
      return
    }
    // With preserveHost undici would take the browser's Host for the name in the upstream's certificate.
    connect({ ...options, servername }, (error, socket) => {
      if (error === null) {
        health.connected()
        deferWriteErrors(socket)
        callback(null, socket)
      } else {
        health.failed(attempt, error)
        callback(describeConnectFailure(error), null)
      }
    })
  }
}

/** How long an answer that came before the end of the body may take to be read; nothing is left to wait for then. */
const lastWordsMs = 1000

/**
 * Lets the other side have the last word: a server that answers before the end of the body and closes (413, most often)
 * makes our next write fail, and Node would throw away with the connection what has arrived and is not read yet.
 */
function deferWriteErrors(socket: Socket): void {
  const { _write, _writev } = socket
  let done: WriteDone = () => undefined
  // A stream has one write under way at a time, so that one function does for all.
  const finish: WriteDone = error => {
    if (error) setTimeout(done, lastWordsMs, error).unref()
    else done()
  }
  socket._write = (chunk, encoding, callback) => {
    done = callback
    _write.call(socket, chunk, encoding, finish)
  }
  socket._writev = (chunks, callback) => {
    done = callback
    _writev?.call(socket, chunks, finish)
  }
}

type WriteDone = (error?: Error | null) => void

/** A connection as its requests see it. */
export interface Connection {
  /** Requests that it has carried. */
  carried: number
}

/** What travels over a connection, and learns which. */
export interface Passenger extends Dispatcher.DispatchHandler {
  connection: Connection | null
}

/** undici's client, which has one connection at a time, made so that requests can tell a kept one from a new one. */
export class CountingClient extends Client implements Connection {
  carried = 0

  constructor(origin: string | URL, options: Client.Options) {
    super(origin, options)
    this.on('connect', () => {
      this.carried = 0
    })
  }

  override dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    // Only what UpstreamPool sends comes here.
    ;(handler as Passenger).connection = this
    return super.dispatch(options, handler)
  }
}
