import { row } from './approval-form.ts'
import { type Html, html } from './html.ts'
import { texts } from './text.ts'

/** What an agent is held to, beside its scopes and its end. */
export interface AgentLimits {
  /** Null for all that its scopes let it. */
  readonly routes: readonly string[] | null
  /** Null for no limit. */
  readonly maxCalls: number | null
}

const { agentLimits: words } = texts

/** The same as lines of a list. */
export function agentLimits({ routes, maxCalls }: AgentLimits): Html {
  return html`${row(words.calls, html`${routes === null ? words.allCalls : routes.join(', ')}`)}
${row(words.atMost, html`${maxCalls === null ? words.noLimit : `${maxCalls} ${words.count}`}`)}`
}
