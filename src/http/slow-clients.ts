import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { Server as TlsServer } from 'node:tls'

export interface SlowClientLimits {
  /** How long hardly anything may come of a body that somebody waits for. */
  readonly bodyStalledMs: number
  /** What has to come in that time. */
  readonly minBodyBytes: number
  /** How long nothing of an answer that is written may be taken. */
  readonly answerStalledMs: number
  readonly checkEveryMs: number
}

interface Progress {
  /** A count that moves with what the client does. */
  count: number
  /** Ms of a clock that nobody sets. */
  since: number
}

/** A socket with the answer that Node is writing to it. */
type ServerSocket = Socket & { readonly _httpMessage?: ServerResponse | null }

/**
 * Ends connections whose client is too slow, which cost it nothing and us a socket each (RFC 9112 §9.5): a body of
 * which hardly anything comes while somebody waits for it, and an answer that is written and not taken.
 *
 * How long a body takes as a whole plays no part, so large uploads over slow lines come through. Answers that are still
 * being written have limits of their own (`timeouts.idle`, event-stream.ts). All are looked at in turn, so that a request
 * costs no timer.
 *
 * @param cutBody answers a request whose body is too slow, and closes
 */
export function watchSlowClients(
  server: Server,
  handler: RequestListener,
  cutBody: (socket: Socket) => void,
  { bodyStalledMs, minBodyBytes, answerStalledMs, checkEveryMs }: SlowClientLimits,
): void {
  const bodies = new Map<IncomingMessage, Progress>()
  const clients = new Map<ServerSocket, Progress>()
  const now = () => performance.now()

  const watching: RequestListener = (req, res) => {
    if (req.headers['transfer-encoding'] !== undefined || req.headers['content-length'] !== undefined)
      bodies.set(req, { count: req.socket.bytesRead, since: now() })
    handler(req, res)
  }
  server.on('request', watching)
  // Without this Node itself would ask for every body, also for those of requests that are refused.
  server.on('checkContinue', watching)
  // Over TLS requests come on a socket of their own, once it is agreed on.
  server.on(server instanceof TlsServer ? 'secureConnection' : 'connection', (socket: Socket) => {
    clients.set(socket, { count: 0, since: 0 })
    socket.once('close', () => clients.delete(socket))
  })

  /** For how long the count has not moved by as much. */
  function standstillMs(progress: Progress, count: number, step: number): number {
    if (Math.abs(count - progress.count) >= step) {
      progress.count = count
      progress.since = now()
    }
    return now() - progress.since
  }

  function checkBodies(): void {
    for (const [req, progress] of bodies) {
      if (req.complete || req.socket.destroyed) bodies.delete(req)
      // Nobody takes it at the moment, as long as the upstream is slow: that is not the client's doing.
      else if (req.readableFlowing !== true) progress.since = now()
      else if (standstillMs(progress, req.socket.bytesRead, minBodyBytes) >= bodyStalledMs) {
        bodies.delete(req)
        cutBody(req.socket)
      }
    }
  }

  function checkAnswers(): void {
    for (const [socket, progress] of clients) {
      const isWritten = socket._httpMessage?.writableEnded !== false
      if (socket.writableLength === 0 || !isWritten) progress.since = now()
      else if (standstillMs(progress, socket.writableLength, 1) >= answerStalledMs) socket.destroy()
    }
  }

  let timer: NodeJS.Timeout | undefined
  server.on('listening', () => {
    timer = setInterval(() => {
      checkBodies()
      checkAnswers()
    }, checkEveryMs).unref()
  })
  server.on('close', () => clearInterval(timer))
}
