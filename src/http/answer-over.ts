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
  const res = new ServerResponse(req)
  res.shouldKeepAlive = false
  res.assignSocket(socket)
  // What the server does for its own connections.
  socket.setTimeout(0)
  socket.on('error', () => {})
  socket.on('drain', () => {
    if (res.socket !== null) res.emit('drain')
  })
  res.once('finish', () => {
    // Unread bytes would turn the end into a reset, which may overtake the answer.
    socket.resume()
    socket.end()
    const timer = setTimeout(() => socket.destroy(), lingerMs)
    socket.once('close', () => clearTimeout(timer))
  })
  return res
}
