import { GatewayError } from '../errors.ts'
import { readChallenges } from '../http/challenges.ts'
import type { SessionRecord } from '../session/session.ts'

// As /auth/login takes them, which says no to anything else.
const longestAcrValues = 512
const acrValuesForm = /^[\x21-\x7e]+( [\x21-\x7e]+)*$/
const maxAgeForm = /^(0|[1-9]\d{0,7})$/

const justNowMs = 30_000

/** What another sign-in must bring (RFC 9470 §3). Without both: that it is a new one. */
export interface Assurance {
  /** Authentication contexts of which one is enough, with spaces between. */
  readonly acrValues?: string
  /** Seconds since the person authenticated, at most. */
  readonly maxAge?: number
}

/**
 * The refusal that says what is missing: to a program by its challenge, and to both by what /auth/login is to be asked
 * for. Nothing in it stands as somebody else wrote it.
 *
 * @param why for the audit
 */
export function stepUpRequired({ acrValues, maxAge }: Assurance, why: { readonly reason: string }): GatewayError {
  const isBare = acrValues === undefined && maxAge === undefined
  const seconds = isBare ? 0 : maxAge
  let challenge = 'Bearer error="insufficient_user_authentication"'
  if (acrValues !== undefined) challenge += `, acr_values=${quoted(acrValues)}`
  if (seconds !== undefined) challenge += `, max_age=${quoted(String(seconds))}`
  return new GatewayError('step_up_required', 'the request needs a stronger or more recent sign-in', {
    ...why,
    headers: { 'www-authenticate': challenge },
    login: {
      ...(acrValues === undefined ? {} : { acr_values: acrValues }),
      ...(seconds === undefined ? {} : { max_age: String(seconds) }),
    },
  })
}

/**
 * What an upstream asks for by `insufficient_user_authentication`; null when it does not. Of its words only those
 * count that can be what they should be (STEP-06): the rest is as if it had not been said.
 */
export function readStepUp(challenge: string | readonly string[] | undefined): Assurance | null {
  if (challenge === undefined) return null
  const found = readChallenges(challenge).find(({ params }) => params.get('error') === 'insufficient_user_authentication')
  if (found === undefined) return null
  const [acrValues = '', maxAge = ''] = [found.params.get('acr_values'), found.params.get('max_age')]
  return {
    ...(acrValues.length <= longestAcrValues && acrValuesForm.test(acrValues) ? { acrValues } : {}),
    ...(maxAgeForm.test(maxAge) ? { maxAge: Number(maxAge) } : {}),
  }
}

/**
 * Whether a session is already all that is asked for, so that to sign in once more would lead back here (RFC 9470 §9).
 * What was done within the last half minute is as recent as a person can be.
 */
export function isMetBy({ acrValues, maxAge }: Assurance, record: Pick<SessionRecord, 'acr' | 'authTime'>, now: number): boolean {
  const isStrong = acrValues === undefined || (record.acr !== null && acrValues.split(' ').includes(record.acr))
  const isTimed = maxAge !== undefined || acrValues === undefined
  return isStrong && (!isTimed || now - record.authTime <= Math.max((maxAge ?? 0) * 1000, justNowMs))
}

/** RFC 9110 §5.6.4. What cannot stand in a header at all is left out. */
export function quoted(text: string): string {
  return `"${text.replace(/[^\x20-\x7e]/g, '').replace(/["\\]/g, '\\$&')}"`
}
