import type { ServerResponse } from 'node:http'
import { endStream } from './end-stream.ts'

// Proxies and phones drop a connection that is silent for 30 to 60 s.
const keepAliveMs = 25_000

/** How long a browser waits before it comes back when the connection is lost. */
const retryMs = 2_000

/** An answer made of server-sent events (WHATWG HTML §9.2). */
export interface EventStream {
  /** @param data goes as JSON, on one line */
  send(event: string, data: Readonly<Record<string, unknown>>): void
  /** Ends it; the client may come back for another. */
  end(): void
}

export interface EventStreamOptions {
  /** Runs something every so many ms until the function it returns is called. */
  readonly every: (ms: number, run: () => void) => () => void
  /** The client has left, was cut off, or the stream was ended. */
  readonly onClose: () => void
}

/**
 * Answers with an event stream, which stays open. The client must still be there.
 *
 * A client that has not taken what was sent 25 s ago is cut off: nobody reads there.
 */
export function openEventStream(res: ServerResponse, { every, onClose }: EventStreamOptions): EventStream {
  const stop = every(keepAliveMs, () => {
    if (res.writableLength > 0) res.destroy()
    else res.write(':\n\n')
  })
  res.once('close', () => {
    stop()
    onClose()
  })
  res.write(`retry: ${retryMs}\n\n`)

  return {
    send: (event, data) => void res.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`),
    end() {
      // A comment after the end would cut what the client has yet to read.
      stop()
      endStream(res)
    },
  }
}

/** The headers of an event stream. nginx would collect it into packets without the last one. */
export const eventStreamHeaders = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-store',
  'x-accel-buffering': 'no',
} as const
