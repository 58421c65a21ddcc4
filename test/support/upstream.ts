import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http'
import { type AddressInfo, createServer as createSocketServer, type Socket, type Server as SocketServer } from 'node:net'

/** A request as an upstream saw it. */
export interface SeenRequest {
  readonly method: string
  /** The target as it was in the request line. */
  readonly url: string
  readonly rawHeaders: readonly string[]
  readonly headers: IncomingMessage['headers']
  /** The values of a header, one for each line. */
  all(name: string): string[]
  readonly body: string
  readonly rawTrailers: readonly string[]
}

export interface Upstream {
  readonly origin: string
  /** What arrived, in order. */
  readonly requests: SeenRequest[]
  readonly server: Server
  close(): Promise<void>
}

/**
 * Starts an upstream that writes down each request and answers.
 *
 * @param answer runs once the whole request is there; by default it answers `{"ok":true}`
 */
export async function startUpstream(answer: RequestListener = answerOk): Promise<Upstream> {
  const requests: SeenRequest[] = []
  const server = createServer((req, res) => {
    let body = ''
    req.setEncoding('latin1')
    req.on('data', chunk => {
      body += chunk
    })
    req.on('end', () => {
      requests.push(describe(req, body))
      answer(req, res)
    })
  })
  const origin = await listen(server)
  return { origin, requests, server, close: () => close(server) }
}

export interface SocketUpstream {
  readonly origin: string
  /** The connections that are open. */
  readonly sockets: Set<Socket>
  /** How many there ever were. */
  readonly accepted: () => number
  /** Everything that arrived, by connection. */
  readonly received: string[]
  readonly server: SocketServer
  close(): Promise<void>
}

/**
 * Starts an upstream that lies: bare sockets.
 *
 * @param onData called with all that a connection has received so far, whenever there is more
 */
export async function startSocketUpstream(onData: (socket: Socket, received: string) => void): Promise<SocketUpstream> {
  const sockets = new Set<Socket>()
  const received: string[] = []
  let accepted = 0
  const server = createSocketServer({ allowHalfOpen: false }, socket => {
    const index = accepted++
    received[index] = ''
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => {})
    socket.on('data', chunk => {
      received[index] += chunk.toString('latin1')
      onData(socket, received[index] ?? '')
    })
  })
  const origin = await listen(server)
  return {
    origin,
    sockets,
    accepted: () => accepted,
    received,
    server,
    close() {
      for (const socket of sockets) socket.destroy()
      return close(server)
    },
  }
}

/** Answers once, when the head of a request is there. */
export function answerHead(answer: string | Buffer): (socket: Socket, received: string) => void {
  return (socket, received) => {
    if (received.endsWith('\r\n\r\n')) socket.write(answer)
  }
}

function answerOk(_req: IncomingMessage, res: Parameters<RequestListener>[1]): void {
  res.setHeader('content-type', 'application/json')
  res.end('{"ok":true}')
}

function describe(req: IncomingMessage, body: string): SeenRequest {
  const { method = '', url = '', rawHeaders, headers, rawTrailers } = req
  const all = (wanted: string) => {
    const values: string[] = []
    for (let i = 0; i < rawHeaders.length; i += 2)
      if (rawHeaders[i]?.toLowerCase() === wanted.toLowerCase()) values.push(rawHeaders[i + 1] ?? '')
    return values
  }
  return { method, url, rawHeaders, headers, all, body, rawTrailers }
}

async function listen(server: Server | ReturnType<typeof createSocketServer>): Promise<string> {
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function close(server: Server | ReturnType<typeof createSocketServer>): Promise<void> {
  if ('closeAllConnections' in server) server.closeAllConnections()
  await new Promise<void>(resolve => server.close(() => resolve()))
}
