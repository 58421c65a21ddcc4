import { type Html, html } from './html.ts'
import { type Brand, renderPage } from './layout.ts'
import { scopeChoice } from './scope-choice.ts'
import { texts } from './text.ts'
import { span } from './time.ts'

/** The fields, as they were typed. */
export interface AgentFormFields {
  readonly name: string
  readonly scopes: readonly string[]
  /** A line for each. */
  readonly routes: string
  readonly maxCalls: string
  /** Seconds. */
  readonly life: string
}

/** What is wrong with them. */
export type AgentFormFault = keyof AgentFormFields

export interface AgentFormPageInput {
  readonly brand: Brand
  readonly path: string
  /** The program that the agent is to be one of, as the operator calls it. */
  readonly client: { readonly name: string; readonly id: string; readonly scopes: readonly string[] }
  readonly fields: AgentFormFields
  readonly faults: readonly AgentFormFault[]
  /** How long it can live, in seconds. */
  readonly lives: readonly number[]
  /** To choose from; none where there is no choice. */
  readonly providers: readonly { readonly id: string; readonly label: string }[]
}

const { agentForm: words } = texts

/** Asks what an agent is to be held to. */
export function agentFormPage(input: AgentFormPageInput): string {
  const { client, fields, faults, lives } = input
  const buttons =
    input.providers.length === 0
      ? html`<button class="button" type="submit">${words.next}</button>`
      : input.providers.map(({ id, label }) => html`<button class="button" type="submit" name="provider" value="${id}">${label}</button>\n`)
  const choices = lives.map(
    seconds =>
      html`<option value="${seconds}"${fields.life === String(seconds) ? html` selected` : null}>${span(seconds * 1000)}</option>\n`,
  )
  const faultOf = (field: AgentFormFault) => (faults.includes(field) ? words.faults[field] : null)
  return renderPage(input.brand, {
    title: words.title,
    content: html`<p>${words.advice}</p>
<form class="fields" method="post" action="${input.path}">
<input type="hidden" name="client_id" value="${client.id}">
<p>${texts.approval.program}: <strong>${client.name}</strong></p>
${field('name', faultOf('name'), described => html`<input class="field" id="name" name="name" value="${fields.name}" required maxlength="64" autocomplete="off" spellcheck="false"${described}>`)}
${scopeChoice({ legend: texts.approval.mayDo, scopes: client.scopes, ticked: fields.scopes, fault: faultOf('scopes') })}
${field('routes', faultOf('routes'), described => html`<textarea class="field" id="routes" name="routes" rows="3" autocomplete="off" autocapitalize="off" spellcheck="false"${described}>${fields.routes}</textarea>`)}
${field('maxCalls', faultOf('maxCalls'), described => html`<input class="field" id="maxCalls" name="max_calls" value="${fields.maxCalls}" inputmode="numeric" maxlength="7" autocomplete="off"${described}>`)}
${field('life', faultOf('life'), described => html`<select class="field" id="life" name="expires_in"${described}>\n${choices}</select>`)}
<p class="actions">${buttons}</p>
</form>`,
  })
}

/** A field under its name, with what is to be known of it, and what is wrong with it. */
function field(name: Exclude<AgentFormFault, 'scopes'>, fault: string | null, input: (described: Html) => Html): Html {
  const described = html` aria-describedby="${name}-hint${fault === null ? null : html` ${name}-fault`}"${fault === null ? null : html` aria-invalid="true"`}`
  return html`<p><label for="${name}">${words.labels[name]}</label>
<span class="hint" id="${name}-hint">${words.hints[name]}</span>
${fault === null ? null : html`<span class="fault" id="${name}-fault" role="alert">${fault}</span>\n`}${input(described)}</p>`
}
