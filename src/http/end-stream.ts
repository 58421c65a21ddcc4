import type { ServerResponse } from 'node:http'

/** How long a client may take to fetch the rest of a stream that is over. */
const lingerMs = 1_000

/**
 * Ends an open stream so that the client sees a whole answer, and closes its connection: a process that stops would
 * wait for it, and where a length was announced nothing else may follow. Whoever does not read is cut off, or what is
 * left would be held for good.
 */
export function endStream(res: ServerResponse): void {
  const { socket } = res
  const timer = setTimeout(() => res.destroy(), lingerMs).unref()
  res.once('close', () => clearTimeout(timer))
  res.once('finish', () => socket?.destroySoon())
  res.end()
}
