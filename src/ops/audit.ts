import { createHmac } from 'node:crypto'
import type { LogFields } from './fields.ts'
import type { Log } from './log.ts'

/**
 * Stable: people alert on these names. One line per event; docs/logging.md has the schema.
 *
 *   sign_in          a session began
 *   approval         a person let a native client in, or did not (outcome)
 *   delegation       a native client, or an agent, handed on to an agent
 *   agent_call       an agent called, let in or not (status, outcome)
 *   step_up          a session was raised by another sign-in of the same person
 *   refusal          a request was refused (code, reason)
 *   replay           a callback, a hand-off or a logout token was presented again
 *   renewal          the grant's tokens were renewed, or could not be (outcome)
 *   revocation       tokens were given back to the provider, or could not be (outcome)
 *   logout           the person signed out
 *   provider_logout  the provider signed somebody out (reason: by which way)
 *   session_ended    a session ended for another reason (reason)
 *   record_rejected  a stored record was altered, or sealed under a key we do not have (reason)
 *   subject_changed  a sign-in replaced another person's session in the same browser
 *   admin            somebody called at the admin port, let in or not (outcome, key_id)
 */
export const auditEvents = [
  'sign_in',
  'approval',
  'delegation',
  'agent_call',
  'step_up',
  'refusal',
  'replay',
  'renewal',
  'revocation',
  'logout',
  'provider_logout',
  'session_ended',
  'record_rejected',
  'subject_changed',
  'admin',
] as const

export type AuditEvent = (typeof auditEvents)[number]

/** Writes one audit line. Never throws, never waits. */
export type Audit = (event: AuditEvent, fields: LogFields) => void

/**
 * Creates the audit over a log of its own.
 *
 * @param subjectKey with it, subjects are written as HMAC-SHA-256 (base64url), so that lines of one person
 *   still go together, yet name nobody
 * @param onLine told of every line, with the subject as it is
 */
export function createAudit(log: Log, subjectKey: Buffer | null, onLine: Audit = () => {}): Audit {
  return function audit(event, fields) {
    onLine(event, fields)
    const { sub, ...others } = fields
    if (sub === undefined) return log.write('info', event, others)
    const subject = subjectKey === null ? sub : createHmac('sha256', subjectKey).update(sub).digest('base64url')
    log.write('info', event, { ...others, sub: subject })
  }
}
