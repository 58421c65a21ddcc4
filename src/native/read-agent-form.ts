import type { NativeClient } from '../config/native-config.ts'
import type { AgentFormFault, AgentFormFields } from '../pages/agent-form-page.ts'
import type { AgentAsk } from '../session/attempts.ts'
import { isAgentName, isCallCount, isRoutes } from './delegation-limits.ts'
import { readTickedScopes } from './ticked-scopes.ts'

/** What a person asks for by the form of an agent session. */
export type AgentForm =
  | { readonly scopes: readonly string[]; readonly agent: AgentAsk }
  /** Something is not right; the fields are as they were typed. */
  | { readonly fields: AgentFormFields; readonly faults: readonly AgentFormFault[] }

/**
 * Reads the form, by the rules of what is handed on by an exchange (delegation-limits.ts).
 *
 * @param lives how long it may live, in seconds
 * @throws {GatewayError} `bad_request` for scopes that its page does not offer
 */
export function readAgentForm(form: URLSearchParams, client: NativeClient, lives: readonly number[]): AgentForm {
  const fields = {
    name: (form.get('name') ?? '').trim(),
    scopes: readTickedScopes(form, client.scopes),
    routes: form.get('routes') ?? '',
    maxCalls: (form.get('max_calls') ?? '').trim(),
    life: form.get('expires_in') ?? '',
  }
  const lines = fields.routes.split(/\r\n|\r|\n/).flatMap(line => (line.trim() === '' ? [] : [line.trim()]))
  const routes = lines.length === 0 ? null : lines
  const maxCalls = fields.maxCalls === '' ? null : wholeOf(fields.maxCalls)
  const seconds = wholeOf(fields.life)
  const isRight: Readonly<Record<AgentFormFault, boolean>> = {
    name: isAgentName(fields.name),
    scopes: fields.scopes.length > 0,
    routes: routes === null || isRoutes(routes),
    maxCalls: maxCalls === null || isCallCount(maxCalls),
    life: lives.includes(seconds),
  }
  const faults = (Object.keys(isRight) as AgentFormFault[]).filter(field => !isRight[field])
  if (faults.length > 0) return { fields, faults }
  return { scopes: fields.scopes, agent: { name: fields.name, routes, maxCalls, lifeMs: seconds * 1000 } }
}

/** `1e3` and `0x10` are numbers to JavaScript, and to no person. */
function wholeOf(text: string): number {
  return /^\d{1,7}$/.test(text) ? Number(text) : Number.NaN
}
