import { type ApprovalFormInput, approvalForm, onlyScope, row } from './approval-form.ts'
import { html } from './html.ts'
import { type Brand, renderPage } from './layout.ts'
import { texts } from './text.ts'
import { time } from './time.ts'

export interface ApprovalPageInput extends ApprovalFormInput {
  readonly brand: Brand
  /** The program as the operator calls it, and as it calls itself. */
  readonly client: { readonly name: string; readonly id: string }
  /** Who has signed in, by a name. */
  readonly person: string
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
${onlyScope(scopes)}${resources === null ? null : html`${row(words.at, html`${resources.join(', ')}`)}\n`}${row(words.until, time(input.until))}
${destination === null ? null : row(words.goesTo, html`${destination}`)}
${device === null ? null : row(words.started, html`${time(device.startedAt)}, ${words.from} ${device.startedFrom}`)}
</dl>
${approvalForm(input, words.approve)}`,
  })
}
