import { covers, isCallPattern } from '../http/call-pattern.ts'
import type { AgentGrant } from '../session/session.ts'
import { OAuthError } from './oauth-error.ts'

/** The type of our authorization details (RFC 9396 §2): what an agent is held to, beside scopes and resources. */
export const delegationType = 'sallyport_delegation'

export const defaultSeconds = 15 * 60
/** A working day of an agent at most; it has no activity that would keep it alive. */
export const longestSeconds = 8 * 3600
const mostRoutes = 50
const mostCallsEver = 1_000_000
// A name that stands in lists, in terminals and in the audit: nothing in it turns text around or breaks a line.
const nameForm = /^[\p{L}\p{N}][\p{L}\p{N} ._:/@-]{0,63}$/u

/** What one session hands on to an agent, as it was asked for. */
export interface DelegationLimits extends Pick<AgentGrant, 'name' | 'routes' | 'maxCalls' | 'delegates'> {
  readonly seconds: number
}

/**
 * Reads `authorization_details`: none, or a list of one of our type with `name`, `routes`, `max_calls`, `expires_in`
 * and `delegate`, all optional. What is not understood is refused: a limit that was not heard is none.
 *
 * @throws {OAuthError} `invalid_authorization_details`
 */
export function readDelegationLimits(text: string | null): DelegationLimits {
  const details = text === null ? {} : parse(text)
  const {
    type: _type,
    name = 'agent',
    routes = null,
    max_calls: maxCalls = null,
    expires_in: seconds = defaultSeconds,
    delegate = false,
    ...more
  } = details
  if (Object.keys(more).length > 0) throw refused('knows type, name, routes, max_calls, expires_in and delegate.')
  if (!isAgentName(name)) throw refused('has a name of up to 64 letters, digits and . _ : / @ -, or none.')
  if (routes !== null && !isRoutes(routes)) throw refused('has routes such as "GET /api/orders/*", up to 50, or none.')
  if (maxCalls !== null && !isCallCount(maxCalls)) throw refused('has a whole number of max_calls, or none.')
  if (!isWhole(seconds, longestSeconds)) throw refused(`has an expires_in of up to ${longestSeconds} seconds.`)
  if (typeof delegate !== 'boolean') throw refused('has delegate true or false.')
  return { name, routes, maxCalls, seconds, delegates: delegate }
}

function parse(text: string): Readonly<Record<string, unknown>> {
  let list: unknown
  try {
    list = JSON.parse(text)
  } catch {
    throw refused('is a list in JSON.')
  }
  const [details, ...more] = Array.isArray(list) ? (list as unknown[]) : []
  if (more.length > 0 || typeof details !== 'object' || details === null || Array.isArray(details)) throw refused('is a list of one.')
  const fields = details as Readonly<Record<string, unknown>>
  if (fields.type !== delegationType) throw refused(`is of the type ${delegationType}.`)
  return fields
}

/** Whether an agent can be called that. */
export function isAgentName(value: unknown): value is string {
  return typeof value === 'string' && nameForm.test(value)
}

/** Whether these are calls that an agent can be held to. */
export function isRoutes(value: unknown): value is readonly string[] {
  if (!Array.isArray(value) || value.length === 0 || value.length > mostRoutes) return false
  return value.every(route => typeof route === 'string' && route.length <= 512 && isCallPattern(route))
}

/** Whether it is a number of calls that an agent can be held to. */
export function isCallCount(value: unknown): value is number {
  return isWhole(value, mostCallsEver)
}

function isWhole(value: unknown, most: number): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= most
}

/**
 * Whether an agent may hand on these limits: less than its own, never more.
 */
export function isWithin(limits: DelegationLimits, own: AgentGrant): boolean {
  const { routes, maxCalls } = own
  const isNarrower = routes === null || (limits.routes?.every(route => routes.some(pattern => covers(pattern, route))) ?? false)
  return isNarrower && (maxCalls === null || (limits.maxCalls !== null && limits.maxCalls <= maxCalls))
}

function refused(must: string): OAuthError {
  return new OAuthError('invalid_authorization_details', `authorization_details ${must}`)
}
