import type { FamilyLife } from '../store/store.ts'
import type { EndReason, SessionRecord } from './session.ts'

/** How long an ended session can still say why it ended; contract.md section 5. */
export const tombstoneLifeMs = 60 * 60_000

export interface Timeouts {
  readonly idleTimeoutMs: number
  readonly absoluteTimeoutMs: number
}

type Clocks = Pick<SessionRecord, 'touchedAt' | 'idleExpiresAt' | 'absoluteExpiresAt'>

/** The clocks of a session that begins now. */
export function startClocks(timeouts: Timeouts, now: number): Clocks {
  const absoluteExpiresAt = now + timeouts.absoluteTimeoutMs
  return { touchedAt: now, idleExpiresAt: Math.min(now + timeouts.idleTimeoutMs, absoluteExpiresAt), absoluteExpiresAt }
}

/** The clocks after activity: idle slides, absolute never moves (NIST SP 800-63B-4 §5.2). */
export function pushIdle<Record extends Clocks>(record: Record, timeouts: Timeouts, now: number): Record {
  return { ...record, touchedAt: now, idleExpiresAt: Math.min(now + timeouts.idleTimeoutMs, record.absoluteExpiresAt) }
}

/**
 * Whether activity is worth a write: once per thirtieth of the idle timeout. A session may so end that
 * much earlier than the last request would allow, never later.
 */
export function isTouchDue(record: Clocks, timeouts: Timeouts, now: number): boolean {
  return now - record.touchedAt >= timeouts.idleTimeoutMs / 30
}

/** Which deadline has passed, if any. The record's own clocks decide, whatever the store's TTL says. */
export function passedDeadline(record: Clocks, now: number): Extract<EndReason, 'idle' | 'expired'> | null {
  return now < record.idleExpiresAt && now < record.absoluteExpiresAt ? null : nextDeadline(record)
}

/** Which deadline comes first. */
export function nextDeadline(record: Clocks): Extract<EndReason, 'idle' | 'expired'> {
  return record.absoluteExpiresAt <= record.idleExpiresAt ? 'expired' : 'idle'
}

/** The tokens go at the deadline; the record stays an hour longer, to say that it was a deadline. */
export function lifeOf(record: Clocks, now: number): FamilyLife {
  const untilDeadlineMs = Math.max(1, Math.min(record.idleExpiresAt, record.absoluteExpiresAt) - now)
  return { vaultTtlMs: untilDeadlineMs, sessionTtlMs: untilDeadlineMs + tombstoneLifeMs }
}
