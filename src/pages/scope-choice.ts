import { type Html, html } from './html.ts'

export interface ScopeChoiceInput {
  readonly legend: string
  readonly scopes: readonly string[]
  readonly ticked: readonly string[]
  /** What is wrong with what was sent; null for nothing. */
  readonly fault: string | null
}

/** A box for each scope, in a form, all of one name: the browser sends those that are ticked. */
export function scopeChoice({ legend, scopes, ticked, fault }: ScopeChoiceInput): Html {
  const boxes = scopes.map(
    scope =>
      html`<label><input type="checkbox" name="scope" value="${scope}"${ticked.includes(scope) ? html` checked` : null}> ${scope}</label>\n`,
  )
  return html`<fieldset${fault === null ? null : html` aria-describedby="scope-fault"`}>
<legend>${legend}</legend>
${fault === null ? null : html`<p class="fault" id="scope-fault" role="alert">${fault}</p>\n`}${boxes}</fieldset>`
}
