import { type Html, html } from './html.ts'
import { scopeChoice } from './scope-choice.ts'
import { texts } from './text.ts'

export interface ApprovalFormInput {
  /** Each can be left out, where there are several. */
  readonly scopes: readonly string[]
  /** Whether the person has just said yes to none of them. */
  readonly isNoneChosen: boolean
  readonly approvePath: string
  /** Signs in with another account, for the same. */
  readonly otherAccountPath: string
  readonly formToken: string
}

const { approval: words } = texts

/**
 * The end of a page that asks for a yes: what it is for, the yes and the no, and who to ask instead.
 *
 * Whoever presses Enter on a box means the box, and browsers press the first button of the form for it: that would be the
 * yes. So another is first, whose method does nothing outside of a dialog (HTML, form submission).
 */
export function approvalForm(input: ApprovalFormInput, yes: string): Html {
  const { scopes, isNoneChosen } = input
  return html`<form class="armed" method="post" action="${input.approvePath}">
<button type="submit" formmethod="dialog" hidden></button>
<input type="hidden" name="form_token" value="${input.formToken}">
${scopes.length > 1 ? scopeChoice({ legend: words.mayDo, scopes, ticked: isNoneChosen ? [] : scopes, fault: isNoneChosen ? words.none : null }) : html`<input type="hidden" name="scope" value="${scopes.join()}">`}
<p class="actions"><button class="button" type="submit" name="decision" value="approve">${yes}</button>
<button class="button plain" type="submit" name="decision" value="deny">${words.deny}</button></p>
</form>
<p>${words.notYou} <a href="${input.otherAccountPath}">${texts.toOtherAccount}</a></p>`
}

/** One scope is nothing to choose from: it stands with the rest. */
export function onlyScope(scopes: readonly string[]): Html | null {
  return scopes.length > 1 ? null : html`${row(words.mayDo, html`${scopes.join()}`)}\n`
}

/** A line of what is asked for. */
export function row(name: string, value: Html): Html {
  return html`<dt>${name}</dt><dd>${value}</dd>`
}
