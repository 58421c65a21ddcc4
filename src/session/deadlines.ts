import type { FamilyLife } from '../store/store.ts'
import type { Beginning, EndReason, SessionRecord } from './session.ts'

/**
 * How much longer than the session the vault stays where the gateway can open it: time for whoever sweeps to
 * give the tokens back to the provider.
 */
export const sweepGraceMs = 15 * 60_000

/** How long an ended session can still say why it ended; contract.md section 5. */
export const tombstoneLifeMs = 60 * 60_000

export interface Timeouts {
  readonly idleTimeoutMs: number
  readonly absoluteTimeoutMs: number
}

type DeadlineReason = Extract<EndReason, 'idle' | 'expired'>
type Clocks = Pick<SessionRecord, 'touchedAt' | 'idleExpiresAt' | 'absoluteExpiresAt'>

/** The settings of a session that begins, with the timeouts of its kind. An agent has one time, which no use prolongs. */
export function settingsOf<Settings extends Timeouts>({ client, agent }: Beginning, browser: Settings, native: Timeouts): Settings {
  if (agent !== undefined) return { ...browser, idleTimeoutMs: agent.lifeMs, absoluteTimeoutMs: agent.lifeMs }
  return client === undefined ? browser : { ...browser, ...native }
}

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

/**
 * Of each kind of session, when activity is worth a write, and what that pushes. An agent has no idle clock to push: that
 * it was used is noted, once a minute.
 */
export function createTouchClocks(browser: Timeouts, native: Timeouts) {
  const noted = { due: { ...native, idleTimeoutMs: 30 * 60_000 }, push: { ...native, idleTimeoutMs: Number.POSITIVE_INFINITY } }
  return { browser: { due: browser, push: browser }, native: { due: native, push: native }, agent: noted } as const
}

/**
 * Which deadline has passed, if any. The record's own clocks decide, whatever the store's TTL says; so does the
 * provider's, which cannot outlive its own grant (RTK-09).
 */
export function passedDeadline(record: Clocks, grantExpiresAt: number | null, now: number): DeadlineReason | null {
  if (now >= record.idleExpiresAt || now >= record.absoluteExpiresAt) return nextDeadline(record)
  return grantExpiresAt !== null && now >= grantExpiresAt ? 'expired' : null
}

/** How and when the session ends if nobody uses it. */
export function comingEnd(record: Clocks, grantExpiresAt: number | null): { readonly reason: DeadlineReason; readonly at: number } {
  const ownAt = Math.min(record.idleExpiresAt, record.absoluteExpiresAt)
  if (grantExpiresAt !== null && grantExpiresAt < ownAt) return { reason: 'expired', at: grantExpiresAt }
  return { reason: nextDeadline(record), at: ownAt }
}

/** Which of the record's own deadlines comes first. */
export function nextDeadline(record: Clocks): DeadlineReason {
  return record.absoluteExpiresAt <= record.idleExpiresAt ? 'expired' : 'idle'
}

/** The tokens go at the deadline; the record stays an hour longer, to say that it was a deadline. */
export function lifeOf(record: Clocks & Pick<SessionRecord, 'sealing'>, now: number): FamilyLife {
  const untilDeadlineMs = msUntilDeadline(record, now)
  const vaultTtlMs = record.sealing === 'gateway' ? untilDeadlineMs + sweepGraceMs : untilDeadlineMs
  return { vaultTtlMs, sessionTtlMs: untilDeadlineMs + tombstoneLifeMs }
}

/** How long the session lasts by its own clocks if nobody uses it, at least 1 ms. */
export function msUntilDeadline(record: Clocks, now: number): number {
  return Math.max(1, Math.min(record.idleExpiresAt, record.absoluteExpiresAt) - now)
}
