import { type IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/** How long a client may take to read the answer and leave. */
const lingerMs = 1_000

/**
 * The answer to a request whose connection the server has let go of, as it does for an upgrade. Whatever is answered,
 * the connection ends with it: what the client has sent behind the request may be of another protocol.
 *
 * @returns null where another answer is still under way on the connection: nothing can be said in between
 */
export function answerOver(req: IncomingMessage, socket: Socket): ServerResponse | null {
  if ((socket as Socket & { _httpMessage?: object | null })._httpMessage) return null
  const res = new AnswerOver(req, heedLeaving(socket))
  res.shouldKeepAlive = false
  res.assignSocket(socket)
  // What the server does for its own connections.
  socket.setTimeout(0)
  socket.on('error', () => {})
  socket.on('drain', () => {
    if (res.socket !== null) res.emit('drain')
  })
  res.once('finish', () => {
    res.stopHeeding()
    // Unread bytes would turn the end into a reset, which may overtake the answer.
    socket.resume()
    socket.end()
    const timer = setTimeout(() => socket.destroy(), lingerMs)
    socket.once('close', () => clearTimeout(timer))
  })
  return res
}

/** An answer that can also be left unmade, for something else that gets the connection: paused, and with all that has come. */
class AnswerOver extends ServerResponse {
  readonly stopHeeding: () => void

  constructor(req: IncomingMessage, stopHeeding: () => void) {
    super(req)
    this.stopHeeding = stopHeeding
  }

  override detachSocket(socket: Socket): void {
    this.stopHeeding()
    super.detachSocket(socket)
  }
}

/**
 * Closes the connection when the client closes its side, as the server does under a request. Of a connection that
 * nobody reads the end is not seen. The first that the client sends ahead is put back, and ends the reading.
 */
function heedLeaving(socket: Socket): () => void {
  const putBack = (chunk: Buffer) => {
    socket.pause()
    socket.unshift(chunk)
  }
  const leave = () => socket.destroy()
  socket.on('data', putBack)
  socket.on('end', leave)
  return () => {
    socket.off('data', putBack)
    socket.off('end', leave)
    socket.pause()
  }
}
