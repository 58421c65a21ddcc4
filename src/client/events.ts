import { backOffMs } from './back-off.ts'
import { type EndReason, readSession, type SignedIn } from './session-state.ts'

/** What befalls the session, in whichever tab or browser it came about. */
export type SessionEvent =
  | { readonly type: 'session_started'; readonly session: SignedIn }
  | { readonly type: 'session_expiring'; readonly reason: EndReason; readonly expires_at: string; readonly expires_in: number }
  | { readonly type: 'session_ended'; readonly reason?: EndReason | undefined }

export interface Events {
  /** @returns what ends it */
  subscribe(listener: (event: SessionEvent) => void): () => void
  /** Tells this tab and the others what this tab has brought about. */
  tell(event: SessionEvent): void
}

/**
 * Creates the ear for GET /auth/events. Of all tabs that listen one holds the stream (a Web Lock says which) and tells
 * the others: a browser has six connections to a host over HTTP/1.1. When that tab goes, another takes over.
 */
export function createEvents(base: string): Events {
  const name = `sallyport:${base}`
  const listeners = new Set<(event: SessionEvent) => void>()
  /** Who is signed in for all we know: null for nobody, undefined before anybody has asked. */
  let known: string | null | undefined
  let warnedOf: string | undefined
  let source: EventSource | null = null
  let stop: (() => void) | null = null
  let channel: BroadcastChannel | null = null
  let isLeading = false
  let failures = 0
  let timer: ReturnType<typeof setTimeout> | undefined

  function receive(event: SessionEvent): void {
    if (event.type === 'session_started') {
      const { session_id } = event.session.session
      const isKnown = known === session_id
      known = session_id
      follow()
      if (isKnown) return
    } else if (event.type === 'session_ended') {
      const isKnown = known === null
      known = null
      source?.close()
      if (isKnown) return
    } else if (warnedOf === event.expires_at) {
      // A sign-out clears the storage of the site, Chromium with it the locks: for a while two tabs may have a stream.
      return
    } else {
      warnedOf = event.expires_at
    }
    for (const listener of [...listeners]) listener(event)
  }

  function tell(event: SessionEvent): void {
    receive(event)
    const to = channel ?? new BroadcastChannel(name)
    to.postMessage(event)
    if (to !== channel) to.close()
  }

  /** Asks how things are, and tells. @param reason of an end, where the gateway does not say one */
  async function look(reason?: EndReason): Promise<void> {
    clearTimeout(timer)
    try {
      const state = await readSession(base)
      if (!stop) return
      tell(state.authenticated ? { type: 'session_started', session: state } : { type: 'session_ended', reason: state.reason ?? reason })
    } catch {
      // Nobody can say: that is no sign-out.
      lookLater()
    }
  }

  function lookLater(): void {
    clearTimeout(timer)
    if (stop) timer = setTimeout(() => void look(), backOffMs(failures++))
  }

  /** Opens the stream where this tab is to hold it and somebody is signed in. */
  function follow(): void {
    if (!isLeading || !known || (source && source.readyState !== EventSource.CLOSED)) return
    const opened = new EventSource(`${base}/events`)
    source = opened
    opened.onopen = () => {
      failures = 0
    }
    opened.addEventListener('session_expiring', ({ data }) => tell({ ...JSON.parse(data), type: 'session_expiring' }))
    // Of the session that the stream was opened for: a sign-in in another tab may have put another in its place.
    opened.addEventListener('session_ended', ({ data }) => void look(JSON.parse(data).reason))
    // It gives up at 401, 429 and 503 alike and does not say which it was.
    opened.onerror = () => {
      if (opened.readyState === EventSource.CLOSED && known) lookLater()
    }
  }

  /** @returns what undoes it */
  function start(): () => void {
    const ending = new AbortController()
    channel = new BroadcastChannel(name)
    channel.onmessage = ({ data }) => receive(data as SessionEvent)
    // Timers stand still while a machine sleeps, and messages get lost.
    const onVisible = () => document.visibilityState === 'visible' && void look()
    document.addEventListener('visibilitychange', onVisible, { signal: ending.signal })
    const ended = new Promise(resolve => ending.signal.addEventListener('abort', resolve))
    const lead = () => {
      // The lock may have been on its way when this ended.
      if (ending.signal.aborted) return
      isLeading = true
      follow()
      return ended
    }
    navigator.locks.request(name, { signal: ending.signal }, lead).catch(() => {})

    return () => {
      ending.abort()
      clearTimeout(timer)
      source?.close()
      channel?.close()
      source = channel = null
      isLeading = false
      known = undefined
    }
  }

  return {
    tell,
    subscribe(listener) {
      listeners.add(listener)
      if (!stop) {
        stop = start()
        void look()
      }
      return () => {
        if (!listeners.delete(listener) || listeners.size > 0) return
        stop?.()
        stop = null
      }
    },
  }
}
