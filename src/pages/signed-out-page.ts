import { html } from './html.ts'
import { type Brand, renderPage } from './layout.ts'
import { texts } from './text.ts'

export interface SignedOutPageInput {
  readonly brand: Brand
  readonly loginPath: string
}

/** The end of a sign-out; also what is shown to whoever comes to sign out without a session. */
export function signedOutPage(input: SignedOutPageInput): string {
  return renderPage(input.brand, {
    title: texts.signedOut.title,
    content: html`<p>${texts.signedOut.advice}</p>
<p class="actions"><a class="button" href="${input.loginPath}">${texts.toSignIn}</a><a href="/">${texts.toHome}</a></p>`,
  })
}
