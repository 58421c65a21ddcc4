import { type AgentLimits, agentLimits } from './agent-limits.ts'
import { row } from './approval-form.ts'
import { html } from './html.ts'
import { type Brand, renderPage } from './layout.ts'
import { texts } from './text.ts'
import { time } from './time.ts'

export interface AgentHandlePageInput {
  readonly brand: Brand
  readonly agent: AgentLimits & { readonly name: string }
  readonly handle: string
  readonly scopes: readonly string[]
  /** Until when, at the longest. Epoch milliseconds. */
  readonly until: number
  /** The account page of an application, an absolute https URL. */
  readonly accountHref: string
  /** Where the handle can be posted to end it, likewise. */
  readonly revokeHref: string
}

const { agentHandle: words } = texts

/** Shows a handle, once: nobody can show it again. The field has no name, so that no form and no browser keeps it. */
export function agentHandlePage(input: AgentHandlePageInput): string {
  const { agent } = input
  return renderPage(input.brand, {
    title: words.title,
    content: html`<p>${words.advice}</p>
<p><label for="handle">${words.label} ${agent.name}</label></p>
<p><textarea class="field handle" id="handle" rows="5" readonly autocomplete="off" autocapitalize="off" spellcheck="false">${input.handle}</textarea></p>
<dl class="approval">
${row(texts.approval.mayDo, html`${input.scopes.join(', ')}`)}
${agentLimits(agent)}
${row(texts.approval.until, time(input.until))}
</dl>
<p>${words.toEnd} <a href="${input.accountHref}">${texts.account.title}</a>${words.orPost} <code>POST ${input.revokeHref}</code>.</p>`,
  })
}
