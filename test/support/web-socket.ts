import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { Agent, buildConnector, WebSocket } from 'undici'
import { eventually } from './eventually.ts'
import { openSocket } from './raw-http.ts'
import { close, closing, type Frame, type FrameOptions, frame, readFrames } from './web-socket-frames.ts'

/** One side of a WebSocket over a bare socket, which does nothing by itself: frames are kept, and sent when a test says so. */
export interface FramePeer {
  readonly socket: Socket
  readonly frames: readonly Frame[]
  send(opcode: number, payload: string | Buffer, options?: FrameOptions): void
  /** The texts of all messages of one frame so far. */
  texts(): string[]
  /** Whether the other side is gone, or has at least said its last. */
  hasLost(): boolean
  /** The code and the word of the close frame; waits for it. */
  closed(): Promise<{ readonly code: number; readonly reason: string }>
}

/** @param isMasked whether this side masks its frames, as the client does */
export function framePeer(socket: Socket, isMasked: boolean, first: Buffer = Buffer.alloc(0)): FramePeer {
  const frames: Frame[] = []
  let rest: Buffer = Buffer.alloc(0)
  const take = (chunk: Buffer) => {
    const read = readFrames(Buffer.concat([rest, chunk]))
    frames.push(...read.frames)
    rest = read.rest
  }
  take(first)
  socket.on('data', take)
  socket.on('error', () => {})
  return {
    socket,
    frames,
    send: (opcode, payload, options = {}) => void socket.write(frame(opcode, payload, { isMasked, ...options })),
    texts: () => frames.filter(one => one.opcode === 1).map(one => String(one.payload)),
    hasLost: () => socket.readableEnded || socket.closed,
    async closed() {
      const { payload } = await eventually(() => frames.find(one => one.opcode === close))
      return { code: payload.readUInt16BE(0), reason: String(payload.subarray(2)) }
    },
  }
}

/** The head of a handshake; a browser's, unless lines say otherwise. */
export function handshake(target: string, host: string, lines: readonly string[] = []): string {
  const own = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==']
  const named = new Set(lines.map(line => line.slice(0, line.indexOf(':')).toLowerCase()))
  const head = [`Host: ${host}`, `Origin: https://${host}`, ...own].filter(
    line => !named.has(line.slice(0, line.indexOf(':')).toLowerCase()),
  )
  // A line without a value only takes the place of ours.
  return [`GET ${target} HTTP/1.1`, ...head, ...lines.filter(line => !line.endsWith(':')), '', ''].join('\r\n')
}

/** Opens a WebSocket by hand. @throws {Error} with the answer, when it is not 101 */
export async function openByHand(
  { port, host }: { readonly port: number; readonly host: string },
  target: string,
  lines: readonly string[] = [],
  behind: Buffer = Buffer.alloc(0),
): Promise<FramePeer & { readonly head: string }> {
  const socket = await openSocket(port)
  socket.write(Buffer.concat([Buffer.from(handshake(target, host, lines), 'latin1'), behind]))
  let bytes: Buffer = Buffer.alloc(0)
  const take = (chunk: Buffer) => {
    bytes = Buffer.concat([bytes, chunk])
  }
  socket.on('data', take)
  await eventually(() => bytes.includes('\r\n\r\n') || socket.destroyed)
  socket.off('data', take)
  const end = bytes.indexOf('\r\n\r\n')
  const head = bytes.subarray(0, end).toString('latin1')
  if (!head.startsWith('HTTP/1.1 101 ')) throw new Error(`no 101: ${bytes}`)
  return { ...framePeer(socket, true, bytes.subarray(end + 4)), head }
}

/** Opens a WebSocket as undici's client does, the one that is built into Node. */
export async function openWebSocket(
  { port, host }: { readonly port: number; readonly host: string },
  target: string,
  headers: Readonly<Record<string, string>> = {},
  protocols: readonly string[] = [],
): Promise<WebSocket> {
  const connect = buildConnector({})
  const dispatcher = new Agent({
    connect: (options, callback) => connect({ ...options, hostname: '127.0.0.1', port: String(port) }, callback),
  })
  const socket = new WebSocket(`ws://${host}${target}`, {
    protocols: [...protocols],
    dispatcher,
    headers: { origin: `https://${host}`, ...headers },
  })
  await new Promise<void>((resolve, reject) => {
    socket.addEventListener('open', () => resolve(), { once: true })
    socket.addEventListener('error', event => reject(event.error), { once: true })
  })
  return socket
}

export interface SocketServer {
  readonly origin: string
  /** The handshakes that came, in order. */
  readonly handshakes: readonly IncomingMessage[]
  /** The server's sides, in order. */
  readonly peers: readonly FramePeer[]
  /** The newest of them; waits for the first, or for so many. */
  peer(count?: number): Promise<FramePeer>
  readonly server: Server
  close(): Promise<void>
}

export interface SocketServerOptions {
  /** Further lines of the 101. */
  readonly lines?: readonly string[]
  /** Whether messages are sent back as they come. */
  readonly echoes?: boolean
  readonly tls?: { readonly cert: string; readonly key: string }
  /** Answers the handshake in place of the 101. */
  readonly answer?: (req: IncomingMessage, socket: Socket) => void
}

/** Starts an upstream that takes every WebSocket, and answers other requests with 426. */
export async function startSocketServer({ lines = [], echoes = false, tls, answer }: SocketServerOptions = {}): Promise<SocketServer> {
  const [handshakes, peers]: [IncomingMessage[], FramePeer[]] = [[], []]
  const sockets = new Set<Socket>()
  const server = tls === undefined ? createServer() : createTlsServer(tls)
  server.on('request', (_req, res) => res.writeHead(426).end())
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  server.on('upgrade', (req, socket: Socket, head) => {
    handshakes.push(req)
    socket.on('error', () => {})
    if (answer !== undefined) return answer(req, socket)
    const peer = framePeer(socket, false, head)
    const own = ['HTTP/1.1 101 Switching Protocols', 'Connection: Upgrade', 'Upgrade: websocket', `Sec-WebSocket-Accept: ${acceptFor(req)}`]
    socket.write([...own, ...lines, '', ''].join('\r\n'))
    peers.push(peer)
    if (echoes) echo(peer)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    origin: `http${tls === undefined ? '' : 's'}://127.0.0.1:${(server.address() as AddressInfo).port}`,
    handshakes,
    peers,
    peer: (count = 1) => eventually(() => peers.length >= count && peers.at(-1)),
    server,
    async close() {
      for (const socket of sockets) socket.destroy()
      server.closeAllConnections()
      await new Promise<void>(resolve => server.close(() => resolve()))
    },
  }
}

export function acceptFor(req: IncomingMessage): string {
  return createHash('sha1').update(`${req.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
}

/** Sends every message back, and takes leave as the protocol wants it. */
function echo(peer: FramePeer): void {
  let done = 0
  peer.socket.on('data', () => {
    for (const { opcode, payload, isFinal } of peer.frames.slice(done)) {
      if (opcode < close) peer.send(opcode, payload, { isFinal })
      else if (opcode === close) {
        peer.send(close, payload.length > 0 ? payload : closing(1000))
        peer.socket.end()
      }
    }
    done = peer.frames.length
  })
}
