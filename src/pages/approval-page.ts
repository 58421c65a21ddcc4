import { type Html, html } from './html.ts'
import { type Brand, renderPage } from './layout.ts'
import { scopeChoice } from './scope-choice.ts'
import { texts } from './text.ts'
import { time } from './time.ts'

export interface ApprovalPageInput {
  readonly brand: Brand
  /** The program as the operator calls it, and as it calls itself. */
  readonly client: { readonly name: string; readonly id: string }
  /** Who has signed in, by a name. */
  readonly person: string
  readonly scopes: readonly string[]
  /** Whether the person has just said yes to none of them. */
  readonly isNoneChosen: boolean
  /** The addresses that it is limited to; null for no limit. */
  readonly resources: readonly string[] | null
  /** Where the answer goes; null for a device that waits for it. */
  readonly destination: string | null
  /** Until when, at the longest. Epoch milliseconds. */
  readonly until: number
  /** What the program shows as well; null where it shows none. */
  readonly matchingCode: string | null
  /** The device that waits for it, and from which address it asked; null for a program behind this browser. */
  readonly device: { readonly startedAt: number; readonly startedFrom: string } | null
  readonly approvePath: string
  /** Signs in with another account, for the same program. */
  readonly otherAccountPath: string
  readonly formToken: string
}

const { approval: words } = texts

/** Asks whether a program may act for the person. It is asked every time: a program cannot prove who it is (RFC 8252 §8.6). */
export function approvalPage(input: ApprovalPageInput): string {
  const { client, person, scopes, matchingCode, destination, resources, device } = input
  return renderPage(input.brand, {
    title: words.title,
    content: html`<p><strong>${client.name}</strong> ${words.asks} <strong>${person}</strong>.</p>
${matchingCode === null ? null : html`<p class="matching">${words.matching} <strong>${matchingCode}</strong></p>\n`}<p>${words.warning}</p>
<dl class="approval">
${row(words.program, html`${client.id} ${words.unverified}`)}
${scopes.length > 1 ? null : html`${row(words.mayDo, html`${scopes.join()}`)}\n`}${resources === null ? null : html`${row(words.at, html`${resources.join(', ')}`)}\n`}${row(words.until, time(input.until))}
${destination === null ? null : row(words.goesTo, html`${destination}`)}
${device === null ? null : row(words.started, html`${time(device.startedAt)}, ${words.from} ${device.startedFrom}`)}
</dl>
<form class="armed" method="post" action="${input.approvePath}">
<input type="hidden" name="form_token" value="${input.formToken}">
${scopes.length > 1 ? choice(input) : html`<input type="hidden" name="scope" value="${scopes.join()}">`}
<p class="actions"><button class="button" type="submit" name="decision" value="approve">${words.approve}</button>
<button class="button plain" type="submit" name="decision" value="deny">${words.deny}</button></p>
</form>
<p>${words.notYou} <a href="${input.otherAccountPath}">${texts.toOtherAccount}</a></p>`,
  })
}

/** What it asks for, each for the person to take away. */
function choice({ scopes, isNoneChosen }: ApprovalPageInput): Html {
  return scopeChoice({ legend: words.mayDo, scopes, ticked: isNoneChosen ? [] : scopes, fault: isNoneChosen ? words.none : null })
}

function row(name: string, value: Html): Html {
  return html`<dt>${name}</dt><dd>${value}</dd>`
}
