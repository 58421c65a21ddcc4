import { type AgentLimits, agentLimits } from './agent-limits.ts'
import { type ApprovalFormInput, approvalForm, onlyScope, row } from './approval-form.ts'
import { html } from './html.ts'
import { type Brand, renderPage } from './layout.ts'
import { texts } from './text.ts'
import { span } from './time.ts'

export interface AgentApprovalPageInput extends ApprovalFormInput {
  readonly brand: Brand
  /** The program that it is an agent of, as the operator calls it. */
  readonly client: { readonly name: string; readonly id: string }
  /** Who has signed in, by a name. */
  readonly person: string
  readonly agent: AgentLimits & { readonly name: string; readonly lifeMs: number }
}

const { agentApproval: words } = texts

/** Asks whether there is to be a handle for an agent, and says all that it will be able to do. */
export function agentApprovalPage(input: AgentApprovalPageInput): string {
  const { client, person, scopes, agent } = input
  return renderPage(input.brand, {
    title: words.title,
    content: html`<p><strong>${agent.name}</strong> ${words.willAct} <strong>${person}</strong>.</p>
<p>${words.warning}</p>
<dl class="approval">
${row(texts.approval.program, html`${client.name} (${client.id})`)}
${onlyScope(scopes)}${agentLimits(agent)}
${row(words.ends, html`${span(agent.lifeMs)} ${words.afterYes}`)}
</dl>
${approvalForm(input, words.approve)}`,
  })
}
