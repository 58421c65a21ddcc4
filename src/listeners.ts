import http, { type RequestListener, type Server } from 'node:http'
import https from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import type { GatewayConfig } from './config/config.ts'
import { describeError, type GatewayErrorCode } from './errors.ts'
import { createTrustedProxies, type TrustedProxies } from './http/client-address.ts'
import { capConnections } from './http/connection-cap.ts'
import { watchSlowClients } from './http/slow-clients.ts'
import { asksForWebSocket } from './http/web-socket-handshake.ts'

/**
 * Limits of every port. A slow client costs a socket for these long, no longer (RFC 9112 §9.5); the
 * keep-alive outlives the 60 s that most load balancers keep theirs, so that they close first.
 */
export const limits = {
  maxHeaderBytes: 16 * 1024,
  headersTimeoutMs: 15_000,
  // Some 140 bytes a second: no line that works stays below.
  bodyStalledMs: 30_000,
  minBodyBytes: 4 * 1024,
  answerStalledMs: 60_000,
  keepAliveTimeoutMs: 75_000,
  checkEveryMs: 5_000,
  // How long a client may take to read what was answered to a request that could not be read.
  lingerMs: 1_000,
} as const

const closeIdleEveryMs = 100

/** What server.close() waits for, but closeAllConnections() does not know: connections that were handed over. */
const handedOver = new WeakMap<Server, Set<Socket>>()

/** The proxies that a public server knows. */
const believed = new WeakMap<Server, TrustedProxies>()
const nobody = createTrustedProxies([])

/** Node's own name for a request that comes too slowly. */
const slowRequest = 'ERR_HTTP_REQUEST_TIMEOUT'

/** What tests make shorter. */
export type ServerLimits = { readonly [Name in keyof typeof limits]: number }

/** Takes a connection whose request asks to leave HTTP; `head` is what the client has sent behind it. */
export type UpgradeListener = (req: http.IncomingMessage, socket: Socket, head: Buffer) => void

export interface PublicServerOptions {
  /** More connections came than there may be; told once a minute. */
  readonly onRefused?: () => void
  /**
   * Gets the handshakes of WebSockets, and nothing else: other requests with Upgrade are answered as if they had none.
   * Without it so are handshakes.
   */
  readonly upgrade?: UpgradeListener
  readonly limits?: Partial<ServerLimits>
}

/** Creates the public server, http or https as `listen.tls` says; it does not listen yet. */
export function createPublicServer(
  { tls, maxConnections, trustedProxies }: GatewayConfig['listen'],
  handler: RequestListener,
  options: PublicServerOptions = {},
): Server {
  const { onRefused = () => {}, upgrade } = options
  const server = createServer(tls, handler, { ...limits, ...options.limits }, upgrade !== undefined)
  if (upgrade !== undefined) handOver(server, upgrade)
  believe(server, trustedProxies)
  capConnections(server, { maxConnections, proxies: () => believed.get(server) ?? nobody, onRefused })
  return server
}

function believe(server: Server, trustedProxies: readonly string[]): void {
  believed.set(server, createTrustedProxies(trustedProxies))
}

function handOver(server: Server, upgrade: UpgradeListener): void {
  const sockets = new Set<Socket>()
  handedOver.set(server, sockets)
  server.on('upgrade', (req, socket: Socket, head) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    upgrade(req, socket, head)
  })
}

/** Has a public server show this certificate, where it speaks TLS, and believe these proxies, from the next connection on. */
export function renewPublicServer(server: Server, { tls, trustedProxies }: GatewayConfig['listen']): void {
  believe(server, trustedProxies)
  if (tls !== undefined && server instanceof https.Server) server.setSecureContext({ ...tls, minVersion: 'TLSv1.2' })
}

/** Creates the server of the admin port: http, with the limits of the public one. */
export function createAdminServer(handler: RequestListener): Server {
  return createServer(undefined, handler)
}

/** Creates the server of the probes port, likewise. */
export function createProbesServer(handler: RequestListener): Server {
  return createServer(undefined, handler)
}

/** Creates the server of the forward-auth port, likewise. */
export function createForwardAuthServer(handler: RequestListener): Server {
  return createServer(undefined, handler)
}

/** @param upgrades whether the server has somebody who takes handshakes */
function createServer(
  tls: GatewayConfig['listen']['tls'],
  handler: RequestListener,
  timing: ServerLimits = limits,
  upgrades = false,
): Server {
  const options = {
    maxHeaderSize: timing.maxHeaderBytes,
    headersTimeout: timing.headersTimeoutMs,
    // Of a whole request: it would end large uploads, and what drips is ended below.
    requestTimeout: 0,
    keepAliveTimeout: timing.keepAliveTimeoutMs,
    connectionsCheckingInterval: timing.checkEveryMs,
    insecureHTTPParser: false,
    // A stage refuses repeated lines by name; Node's own joining would hide them.
    joinDuplicateHeaders: false,
    // Node ends a connection whose upgrade nobody takes.
    shouldUpgradeCallback: upgrades ? asksForWebSocket : () => false,
    noDelay: true,
    // Where there is no body nobody waits for its end: Node need not make a stream's life of it.
    optimizeEmptyRequests: true,
  }
  const server: Server =
    tls === undefined
      ? http.createServer(options)
      : https.createServer({ ...options, ...tls, minVersion: 'TLSv1.2', handshakeTimeout: timing.headersTimeoutMs })
  const serve: RequestListener = (req, res) => {
    // Node's parser throws away what came together with such a request, and would go on in the middle of the next.
    if (req.headers.upgrade !== undefined) res.shouldKeepAlive = false
    handler(req, res)
  }
  watchSlowClients(server, serve, socket => answerClientError({ code: slowRequest }, socket), timing)
  server.on('clientError', answerClientError)
  return server
}

/** Listens, and tells the port: the system's choice when the configured one is 0. */
export function listen(server: Server, { host, port }: { readonly host: string; readonly port: number }): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.removeListener('error', reject)
      resolve((server.address() as AddressInfo).port)
    })
  })
}

/** Stops listening, lets running requests finish within `graceMs`, then closes what is left. */
export function closeServer(server: Server, graceMs: number): Promise<void> {
  return new Promise(resolve => {
    const timer = setTimeout(() => {
      server.closeAllConnections()
      for (const socket of handedOver.get(server) ?? []) socket.destroy()
    }, graceMs)
    // A connection whose request has just been answered is kept alive for a next one, which is not to come.
    const idle = setInterval(() => server.closeIdleConnections(), closeIdleEveryMs)
    server.close(() => {
      clearTimeout(timer)
      clearInterval(idle)
      resolve()
    })
    server.closeIdleConnections()
  })
}

/** What Node could not parse never becomes a request: the answer is written by hand and the socket closed. */
function answerClientError(error: Pick<NodeJS.ErrnoException, 'code'>, socket: Socket): void {
  // Half an answer is on the wire already: anything more would be read as part of it.
  const isAnswering = (socket as Socket & { _httpMessage?: { headersSent: boolean } | null })._httpMessage?.headersSent === true
  if (!socket.writable || error.code === 'ECONNRESET' || isAnswering) return void socket.destroy()
  const code = clientErrorCode(error.code)
  const { status, title } = describeError(code)
  const body = JSON.stringify({ type: 'about:blank', title, status, code })
  socket.end(
    `HTTP/1.1 ${status} ${http.STATUS_CODES[status]}\r\nConnection: close\r\nCache-Control: no-store\r\n` +
      `Content-Type: application/problem+json; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(body)}\r\n` +
      `X-Content-Type-Options: nosniff\r\nSallyport-Error: ${code}\r\n\r\n${body}`,
  )
  // Only our half is closed by that: a client that keeps its own open would keep the socket, and what hangs on it.
  const timer = setTimeout(() => socket.destroy(), limits.lingerMs)
  socket.once('close', () => clearTimeout(timer))
}

function clientErrorCode(code: string | undefined): GatewayErrorCode {
  if (code === 'HPE_HEADER_OVERFLOW') return 'headers_too_large'
  if (code === slowRequest) return 'request_timeout'
  return 'bad_request'
}
