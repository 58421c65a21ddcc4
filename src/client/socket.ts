import { backOffMs } from './back-off.ts'
import type { Events } from './events.ts'
import { readSession } from './session-state.ts'

export interface SocketOptions {
  readonly protocols?: string | string[]
  /** Told at each connection, the first and those after a loss: subscriptions are to be made anew. */
  readonly onOpen?: (socket: WebSocket) => void
  readonly onMessage?: (event: MessageEvent) => void
  /** Told once: nobody is signed in any more, and it does not connect again. */
  readonly onSignedOut?: () => void
}

export interface LastingSocket {
  /** @returns false when there is no connection just now, and nothing was sent */
  send(data: Parameters<WebSocket['send']>[0]): boolean
  /** Closes it for good. */
  close(): void
}

/** The gateway closes with this code within five seconds of the session's end. */
const sessionEnded = 4401

/** A connection that did not last this long was no success: the next try waits longer. */
const successMs = 5_000

/** Creates what opens WebSockets that come back when they are lost, until nobody is signed in any more. */
export function createSocketOpener(base: string, events: Events) {
  return function openSocket(path: string, { protocols, onOpen, onMessage, onSignedOut }: SocketOptions = {}): LastingSocket {
    const url = new URL(path, location.href)
    url.protocol = url.protocol.replace('http', 'ws')
    let socket: WebSocket
    let failures = 0
    let isOver = false
    let timer: ReturnType<typeof setTimeout> | undefined

    function connect(): void {
      let openedAt = 0
      socket = new WebSocket(url, protocols)
      socket.onopen = () => {
        openedAt = Date.now()
        onOpen?.(socket)
      }
      socket.onmessage = event => onMessage?.(event)
      socket.onclose = async ({ code }) => {
        if (isOver) return
        if (openedAt && Date.now() - openedAt > successMs) failures = 0
        // A refused handshake and a lost network look the same from here; and where the session has ended, a sign-in in
        // another tab may have put another in its place.
        const isDoubtful = !openedAt || code === sessionEnded
        const isEnded = isDoubtful && (await readSession(base).catch(() => null))?.authenticated === false
        if (isOver) return
        if (!isEnded) {
          timer = setTimeout(connect, backOffMs(failures++))
          return
        }
        isOver = true
        events.tell({ type: 'session_ended' })
        onSignedOut?.()
      }
    }

    connect()
    return {
      send(data) {
        if (socket.readyState !== WebSocket.OPEN) return false
        socket.send(data)
        return true
      },
      close() {
        isOver = true
        clearTimeout(timer)
        socket.close()
      },
    }
  }
}
