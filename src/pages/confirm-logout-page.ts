import { html } from './html.ts'
import { type Brand, renderPage } from './layout.ts'
import { texts } from './text.ts'

export interface ConfirmLogoutPageInput {
  readonly brand: Brand
  readonly logoutPath: string
  /** Proves the form to be ours where a browser sends `Origin: null` and nothing else. */
  readonly formToken: string
}

/** Asks before signing out; the answer is a POST. */
export function confirmLogoutPage(input: ConfirmLogoutPageInput): string {
  const { title, advice, button, stay } = texts.confirmLogout
  return renderPage(input.brand, {
    title,
    content: html`<p>${advice}</p>
<form class="actions" method="post" action="${input.logoutPath}">
<input type="hidden" name="form_token" value="${input.formToken}">
<button class="button" type="submit">${button}</button>
<a href="/">${stay}</a>
</form>`,
  })
}
