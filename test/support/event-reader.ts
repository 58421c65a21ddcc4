import { once } from 'node:events'
import type { Socket } from 'node:net'
import { eventually } from './eventually.ts'
import { firstResponse, openSocket, type RawResponse } from './raw-http.ts'

/** A client of an event stream, on a bare socket. */
export interface EventReader {
  readonly socket: Socket
  /** All that came so far, head included. */
  text(): string
  /** Waits until the text stands in what came. */
  until(text: string): Promise<void>
  /** The events that came so far, without comments and `retry`. */
  events(): readonly { readonly event: string; readonly data: unknown }[]
  /** Waits until the peer closes. */
  end(): Promise<RawResponse>
}

/** Asks for a stream as a page of the gateway's own does, and waits for the head of the answer. */
export async function openEvents(
  gateway: { readonly port: number; readonly host: string },
  {
    jar,
    path = '/auth/events',
    headers = '',
  }: { readonly jar: ReadonlyMap<string, string>; readonly path?: string; readonly headers?: string },
): Promise<EventReader> {
  const socket = await openSocket(gateway.port)
  let text = ''
  socket.on('data', chunk => {
    text += chunk.toString('latin1')
  })
  const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ')
  const head = `GET ${path} HTTP/1.1\r\nHost: ${gateway.host}\r\nAccept: text/event-stream\r\nSec-Fetch-Site: same-origin\r\n`
  socket.write(`${head}Sec-Fetch-Mode: cors\r\nSec-Fetch-Dest: empty\r\nCookie: ${cookie}\r\n${headers}\r\n`)
  await eventually(() => text.includes('\r\n\r\n'))

  return {
    socket,
    text: () => text,
    until: async wanted => void (await eventually(() => text.includes(wanted))),
    events: () =>
      [...text.matchAll(/event: (\w+)\ndata: (.*)\n\n/g)].map(([, event = '', data = '']) => ({
        event,
        data: JSON.parse(data) as unknown,
      })),
    async end() {
      if (!socket.closed) await once(socket, 'close', { signal: AbortSignal.timeout(15_000) })
      return firstResponse(text)
    },
  }
}
