import { type Html, html } from './html.ts'

export interface ScopeChoiceInput {
  readonly legend: string
  readonly scopes: readonly string[]
  readonly ticked: readonly string[]
  /** What is wrong with what was sent; null for nothing. */
  readonly fault: string | null
}

/**
 * A box for each scope, all of one name: the browser sends those that are ticked.
 *
 * Whoever presses Enter on a box means the box, and browsers press the first button of the form for it, which may be a
 * yes. So the first one is there for nothing else: outside of a dialog its method does nothing (HTML, form submission).
 */
export function scopeChoice({ legend, scopes, ticked, fault }: ScopeChoiceInput): Html {
  const boxes = scopes.map(
    scope =>
      html`<label><input type="checkbox" name="scope" value="${scope}"${ticked.includes(scope) ? html` checked` : null}> ${scope}</label>\n`,
  )
  return html`<button type="submit" formmethod="dialog" hidden></button>
<fieldset${fault === null ? null : html` aria-describedby="scope-fault"`}>
<legend>${legend}</legend>
${fault === null ? null : html`<p id="scope-fault" role="alert">${fault}</p>\n`}${boxes}</fieldset>`
}
