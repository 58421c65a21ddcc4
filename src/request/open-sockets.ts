import { GatewayError } from '../errors.ts'
import { endedCode } from '../session/ended-code.ts'
import type { Families } from '../session/families.ts'
import type { SignedIn } from '../session/session.ts'
import type { Every, StreamEnd, Watch } from '../session/watch.ts'
import { Tunnel, type TunnelEnd, type TunnelParts } from './tunnel.ts'

/** WebSockets of one session in one process. A browser with twenty tabs has that many; a loop in a page has more. */
const maxPerSession = 64

// Proxies and phones drop a connection that is silent for 30 to 60 s.
const checkEveryMs = 25_000

export interface OpenSocketsDeps {
  readonly watch: Pick<Watch, 'add'>
  readonly families: Pick<Families, 'touch'>
  readonly every: Every
  /** Epoch ms. */
  readonly now: () => number
  /** Told of every change of how many there are. */
  readonly onChange: (change: 1 | -1) => void
}

export interface OpenedSocket extends Pick<TunnelParts, 'client' | 'upstream' | 'hasExtensions' | 'maxMessageBytes'> {
  /** Null where nobody is signed in. */
  readonly signedIn: SignedIn | null
  /** Whether the client's messages are activity. */
  readonly isActivity: boolean
}

/** The WebSockets that are open in this process. */
export interface OpenSockets {
  /** @throws {GatewayError} `too_many_requests` where the session has as many as it may */
  admit(signedIn: SignedIn | null): void
  /** Begins to pass frames, and resolves when both connections are closed. Ends with the session, if there is one. */
  open(socket: OpenedSocket): Promise<TunnelEnd>
  /** Ends them all, and from now on each one at once that is opened. Resolves when they are closed, a second later at most. */
  close(): Promise<void>
}

export function createOpenSockets({ watch, families, every, now, onChange }: OpenSocketsDeps): OpenSockets {
  const tunnels = new Map<Tunnel, Promise<TunnelEnd>>()
  const perSession = new Map<string, number>()
  let stopChecks: (() => void) | null = null
  let isClosed = false

  function count(sessionId: string | undefined, change: 1 | -1): void {
    onChange(change)
    if (sessionId === undefined) return
    const open = (perSession.get(sessionId) ?? 0) + change
    if (open === 0) perSession.delete(sessionId)
    else perSession.set(sessionId, open)
  }

  function watchSession(tunnel: Tunnel, signedIn: SignedIn, isActivity: boolean): () => void {
    return watch.add(signedIn, {
      onEnd(why) {
        if (why === 'closing') tunnel.end('closing')
        else tunnel.end('session_over', wordFor(why))
      },
      ...(isActivity && {
        onRead(current) {
          if (tunnel.takeActivity()) families.touch(current)
        },
      }),
    })
  }

  function check(): void {
    for (const tunnel of tunnels.keys()) tunnel.check()
  }

  return {
    admit(signedIn) {
      if (signedIn === null || (perSession.get(signedIn.sessionId) ?? 0) < maxPerSession) return
      throw new GatewayError('too_many_requests', 'the session has as many WebSockets as it may', { reason: 'websockets' })
    },

    async open({ signedIn, isActivity, ...parts }) {
      const { promise, resolve } = Promise.withResolvers<TunnelEnd>()
      const tunnel = new Tunnel({ ...parts, now, onClosed: resolve })
      tunnels.set(tunnel, promise)
      count(signedIn?.sessionId, 1)
      stopChecks ??= every(checkEveryMs, check)
      tunnel.start()
      const unwatch = signedIn === null ? null : watchSession(tunnel, signedIn, isActivity)
      if (isClosed) tunnel.end('closing')

      const end = await promise
      unwatch?.()
      tunnels.delete(tunnel)
      count(signedIn?.sessionId, -1)
      if (tunnels.size > 0) return end
      stopChecks?.()
      stopChecks = null
      return end
    },

    async close() {
      isClosed = true
      for (const tunnel of tunnels.keys()) tunnel.end('closing')
      await Promise.all(tunnels.values())
    },
  }
}

/** The word that a request of that session would be refused with. */
function wordFor(why: Exclude<StreamEnd, 'closing'>): string {
  return why === 'none' ? 'not_signed_in' : endedCode[why]
}
