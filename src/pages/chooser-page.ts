import { html } from './html.ts'
import { type Brand, renderPage } from './layout.ts'
import { texts } from './text.ts'

export interface ChooserPageInput {
  readonly brand: Brand
  /** In the order of the configuration; `href` goes on with the sign-in at that provider. */
  readonly choices: readonly { readonly label: string; readonly href: string }[]
}

/** Asks at which provider to sign in. */
export function chooserPage(input: ChooserPageInput): string {
  const choices = input.choices.map(choice => html`<li><a class="button wide" href="${choice.href}">${choice.label}</a></li>`)
  return renderPage(input.brand, { title: texts.chooser.title, content: html`<ul>${choices}</ul>` })
}
