import type { RequestHandler } from 'express'
import type { GatewayConfig } from '../config/config.ts'
import { GatewayError } from '../errors.ts'
import { type EventStream, eventStreamHeaders, openEventStream } from '../http/event-stream.ts'
import { isoTime } from '../http/iso-time.ts'
import { comingEnd } from '../session/deadlines.ts'
import { releaseSession } from '../session/express-session.ts'
import type { SignedIn } from '../session/session.ts'
import type { Every, Watch } from '../session/watch.ts'
import type { RefuseForeign } from './endpoints.ts'
import { requireSession } from './live-session.ts'
import { exchangeOf } from './respond.ts'

// A browser keeps six connections to a host over HTTP/1.1, a stream each; over HTTP/2 through a proxy every tab may
// have one. Of too many the new one is refused: closing the oldest would make it come back and close the next, for ever.
const mostStreams = 20

/** How long before its end a session is told to be ending, at most. */
const longestNoticeMs = 2 * 60_000

export interface EventsDeps {
  readonly config: GatewayConfig
  readonly refuseForeign: RefuseForeign
  readonly watch: Watch
  readonly every: Every
  readonly now: () => number
}

/**
 * GET /auth/events: tells a page when its session is about to end, and when it has ended (contract.md section 2). It is
 * no activity: a tab left open keeps no session alive. Nothing of the session is in it but why and when it ends.
 *
 * @throws {GatewayError} `cross_site_refused`; `not_signed_in`, `session_idle`, `session_expired`, `session_revoked`,
 *   at which an EventSource stops asking; `too_many_requests`; `store_unavailable`
 */
export function createEvents(deps: EventsDeps): RequestHandler {
  const noticeMs = Math.min(longestNoticeMs, deps.config.session.idleTimeoutMs / 5)
  /** How many streams each session has here. */
  const counts = new Map<string, number>()

  return function events(req, res) {
    const exchange = exchangeOf(res)
    deps.refuseForeign(req, exchange)
    const signedIn = requireSession(req, exchange.target.origin)
    const { sessionId } = signedIn
    const count = counts.get(sessionId) ?? 0
    if (count >= mostStreams)
      throw new GatewayError('too_many_requests', 'the session has too many event streams', { reason: 'event_streams' })
    // Who left while the session was read would never be heard to leave.
    if (res.destroyed || req.socket.destroyed) return
    // A stream lasts for hours: express-session need not keep the session as long, nor hash it at the end.
    releaseSession(req)
    res.writeHead(200, eventStreamHeaders)
    if (req.method === 'HEAD') return void res.end()

    counts.set(sessionId, count + 1)
    let unwatch = () => {}
    const stream = openEventStream(res, {
      every: deps.every,
      onClose() {
        unwatch()
        leave(sessionId)
      },
    })
    const tellDeadline = createDeadlineTeller(stream)
    tellDeadline(signedIn)
    unwatch = deps.watch.add(signedIn, {
      onRead: tellDeadline,
      onEnd(why) {
        // Of the other two nobody can say that the session has ended: who asks again will see.
        if (why !== 'none' && why !== 'closing') stream.send('session_ended', { reason: why })
        stream.end()
      },
    })
  }

  function leave(sessionId: string): void {
    const left = (counts.get(sessionId) ?? 0) - 1
    if (left > 0) counts.set(sessionId, left)
    else counts.delete(sessionId)
  }

  /** Tells once that an end is near, and again when it was put off and the next one is. */
  function createDeadlineTeller(stream: EventStream): (signedIn: SignedIn) => void {
    let toldAt = 0

    return function tellDeadline({ record, vault }) {
      const { reason, at } = comingEnd(record, vault.grantExpiresAt)
      const leftMs = at - deps.now()
      if (leftMs > noticeMs || at === toldAt) return
      toldAt = at
      stream.send('session_expiring', { reason, expires_at: isoTime(at), expires_in: Math.max(0, Math.floor(leftMs / 1000)) })
    }
  }
}
