import type { GatewayErrorCode } from '../errors.ts'
import { html } from './html.ts'
import { type Brand, renderPage } from './layout.ts'
import { type Advice, advice, adviceByReason, texts } from './text.ts'

export interface ErrorPageInput {
  readonly brand: Brand
  /** Null for a bug of ours: a bare 500. */
  readonly code: GatewayErrorCode | null
  /** Which of several checks refused; most pages say the same for all. */
  readonly reason?: string
  readonly title: string
  readonly requestId: string
  /** Path of the sign-in endpoint, without a query. */
  readonly loginPath: string
  /** What a sign-in must be asked for so that it helps here, with its `?`; empty for any. */
  readonly loginQuery?: string
  /** Where "try again" leads: the path that failed, when asking again can help. */
  readonly retryPath?: string
  /** Where to begin anew after a sign-in that failed, in place of all other advice but to take another account; null where none is of use. */
  readonly signInPath?: string | null
  /** The start page. */
  readonly homePath: string
}

const unexpected: Advice = { text: 'Something went wrong on our side. If it happens again, tell support the line below.', link: 'home' }

/** What a person sees of a refusal: what it was, what to do, and the code and request id for support. Nothing of the request. */
export function errorPage(input: ErrorPageInput): string {
  const help = input.code === null ? unexpected : (adviceByReason[input.reason ?? ''] ?? advice[input.code])
  const code = input.code === null ? null : html`<dt>${texts.error.code}</dt><dd>${input.code}</dd>`
  const link = input.code === null ? null : helpfulLink(help, input)
  return renderPage(input.brand, {
    title: input.title,
    content: html`<p>${help.text}</p>
<p class="actions">${link}<a href="${input.homePath}">${texts.toHome}</a></p>
<dl>${code}<dt>${texts.error.requestId}</dt><dd>${input.requestId}</dd></dl>`,
  })
}

function helpfulLink(help: Advice, input: ErrorPageInput) {
  if (input.signInPath === null) return null
  const signInPath = input.signInPath ?? (help.link === 'sign_in' ? input.loginPath + (input.loginQuery ?? '') : undefined)
  if (signInPath !== undefined && help.link !== 'other_account') return html`<a class="button" href="${signInPath}">${texts.toSignIn}</a>`
  // Without `prompt` a provider that remembers the refused account would bring it straight back.
  if (help.link === 'other_account')
    return html`<a class="button" href="${input.loginPath}?prompt=select_account">${texts.toOtherAccount}</a>`
  if (help.link === 'retry' && input.retryPath !== undefined) return html`<a class="button" href="${input.retryPath}">${texts.tryAgain}</a>`
  return null
}
